"""The ladder of co-location: its rungs, as numbers and tables."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.stats.intervals import Interval
from spatialstats.stats.ladder_words import sentence, verdict
from spatialstats.stats.rung import CONTENT, MODEL_NOISE, RUNGS, Rung
from spatialstats.stats.wording import finite

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Ladder:
    """How far the evidence goes that an attack hits where a model looks.

    Parameters
    ----------
    attack : str
        Its name.
    shared_gradient : bool
        Whether RoI and RoA are both made of the model's gradient, so that nothing can be claimed.
    rungs : tuple of Rung
        Population, class, content, model, noise: always all five, those that could not be
        tested with NaN and the reason.
    model_noise : Rung
        Own less other models' RoI, for the attack less for the noise.  Where this is not above
        0, what is specific to the model is no more than any perturbation shows.
    placement : Interval
        Mean lift over all pairings less 1: what shared placement, such as a bias to the centre,
        gives to maps of different images.
    n, n_empty, n_alone, n_models : int
        Images in every rung; left out because one of the masks is empty; left out because no
        other image has their class; other models.
    n_resamples : int
        Permutations.
    confidence : float
        Of every interval.
    per_image : dict of str to numpy.ndarray
        float64 (n,) for each tested rung: linearised excesses whose mean is the rung's.
    images : numpy.ndarray
        int64 (n,): which of the given images these are.
    """

    attack: str
    shared_gradient: bool
    rungs: tuple[Rung, ...]
    model_noise: Rung
    placement: Interval
    n: int
    n_empty: int
    n_alone: int
    n_models: int
    n_resamples: int
    confidence: float
    per_image: dict[str, np.ndarray]
    images: np.ndarray

    def rung(self, key: str) -> Rung:
        """One of the rungs, or `model_noise`."""
        return {rung.key: rung for rung in (*self.rungs, self.model_noise)}[key]

    @property
    def stops_at(self) -> str | None:
        """The first rung whose interval is not above 0; None where all are passed.

        A rung that had no labels, models or noise to be tested with stops the climb.  The content
        rung stops nothing, since what other models' RoI share with the attack is no condition for
        what this model's own RoI has beyond it.
        """
        for rung in (*self.rungs, self.model_noise):
            if rung.key != CONTENT and not rung.above:
                return rung.key
        return None

    @property
    def reached(self) -> str | None:
        """The last rung passed on the way to `stops_at`; None where the first is not passed."""
        stop = self.stops_at
        keys = (*RUNGS, MODEL_NOISE)
        passed = [
            key for key in keys[: len(keys) if stop is None else keys.index(stop)] if self.rung(key).above
        ]
        return passed[-1] if passed else None

    @property
    def hits(self) -> bool:
        """Whether "the attack hits where this model looks" may be said."""
        return self.stops_at is None and not self.shared_gradient

    @property
    def outcome(self) -> str:
        """The verdict in a few words, for a table."""
        if self.stops_at is not None:
            tested = self.rung(self.stops_at).tested
            return f"stops at {self.stops_at}" if tested else f"not tested: {self.stops_at}"
        return "all passed, but a shared gradient" if self.shared_gradient else "hits where this model looks"

    @property
    def verdict(self) -> str:
        """How far the evidence goes: the first part of `sentence`."""
        return verdict(self)

    @property
    def sentence(self) -> str:
        """How far the evidence goes, what was tested, and what it does not mean."""
        return sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN, without the values of the images."""
        names = ("attack", "n", "n_empty", "n_alone", "n_models", "n_resamples", "confidence")
        return {
            "statistic": "overlap lift",
            **{name: getattr(self, name) for name in names},
            "reached": self.reached,
            "stops_at": self.stops_at,
            "hits": self.hits,
            "shared_gradient": self.shared_gradient,
            "outcome": self.outcome,
            "verdict": self.verdict,
            "sentence": self.sentence,
            "placement": self.placement.to_dict(),
            "rungs": [_json(rung) for rung in self.rungs],
            "model_noise": _json(self.model_noise),
        }

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row a rung, and `model_noise` below them."""
        import pandas as pd

        rows = [{"attack": self.attack, **asdict(rung)} for rung in (*self.rungs, self.model_noise)]
        return pd.DataFrame(rows)


def _json(rung: Rung) -> dict[str, Any]:
    return {**{name: finite(value) for name, value in asdict(rung).items()}, "above": rung.above}
