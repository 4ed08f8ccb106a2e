"""What a comparison of two sides found, in numbers and on disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats import __version__
from spatialstats.engine.comparison.maps import KINDS, Stacks
from spatialstats.engine.comparison.pairing import Pairing, Side
from spatialstats.engine.comparison.rows import EffectRow
from spatialstats.engine.comparison.words import differing_settings, headline, sentence
from spatialstats.engine.files import RESULTS, write_arrays, write_json
from spatialstats.engine.job import COMPARISON
from spatialstats.engine.provenance import versions
from spatialstats.stats.confidence_result import ConfidenceSet
from spatialstats.stats.inference_result import MeanMapTest

if TYPE_CHECKING:
    import pandas as pd

Json = dict[str, Any]
MAPS = "maps.npz"


@dataclass(frozen=True)
class Comparison:
    """What the comparison of two sides found.

    Parameters
    ----------
    a, b : Side
        An attack in a run each.
    names : (str, str)
        What they are called.
    common : str
        What they have in common, or nothing.
    kind : str
        Which map was compared.
    pairing : Pairing
        The shared images.
    held : Stacks
        The maps of those that keep them.
    margin : float
        Difference from which on the confidence sets count.
    test : MeanMapTest
        Of the mean difference at every pixel.
    sets : (ConfidenceSet, ConfidenceSet)
        Where A lies above B by more than the margin, and B above A.
    effects : tuple of EffectRow
        Numbers of both sides and their differences.
    defended : list of dict
        Neutralized accuracies of both sides, with all that must stand beside them.
    alpha : float
        Level of the test, the sets, and the intervals.
    seed, n_resamples : int
        Of all draws; sign-flips.
    """

    a: Side
    b: Side
    names: tuple[str, str]
    common: str
    kind: str
    pairing: Pairing
    held: Stacks
    margin: float
    test: MeanMapTest
    sets: tuple[ConfidenceSet, ConfidenceSet]
    effects: tuple[EffectRow, ...]
    defended: list[Json]
    alpha: float
    seed: int
    n_resamples: int

    @property
    def headline(self) -> str:
        """The finding in two or three sentences."""
        return headline(self)

    @property
    def sentence(self) -> str:
        """What was found and tested, against what, conditional on what, and what it does not mean."""
        return sentence(self)

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row an effect."""
        import pandas as pd

        return pd.DataFrame([row.to_dict() for row in self.effects])

    def to_dict(self) -> Json:
        """Ready for JSON, None in place of NaN, without the maps."""
        kind = KINDS[self.kind]
        return {
            "schema": 1,
            "kind": COMPARISON,
            "version": __version__,
            "headline": {"text": self.headline},
            "sentence": self.sentence,
            "names": list(self.names),
            "common": self.common,
            "a": _side_json(self.a),
            "b": _side_json(self.b),
            "differing_settings": differing_settings(self.a, self.b),
            "shared": {
                "n": self.pairing.n,
                "n_a": self.pairing.n_a,
                "n_b": self.pairing.n_b,
                "how": self.pairing.how,
                "sentence": self.pairing.sentence,
            },
            "map": {"kind": self.kind, "what": kind.what, "unit": kind.unit, "sentence": self.held.sentence},
            "test": self.test.to_dict(),
            "sets": {
                "margin": self.margin,
                "confidence": 1 - self.alpha,
                "a_above": self.sets[0].to_dict(),
                "b_above": self.sets[1].to_dict(),
            },
            "effects": [row.to_dict() for row in self.effects],
            "defended": self.defended,
            "alpha": self.alpha,
            "seed": self.seed,
            "n_resamples": self.n_resamples,
        }

    def maps(self) -> dict[str, np.ndarray]:
        """The maps by name: means, difference, t and p (or clusters), what is significant, the sets."""
        held = {
            "mean_a": self.held.a.mean(0, dtype=np.float64),
            "mean_b": self.held.b.mean(0, dtype=np.float64),
            "difference": self.test.effect,
            "t": self.test.t,
            "significant": self.test.significant,
            "images_a": self.a.samples["row"].to_numpy()[self.pairing.a[self.held.rows]],
            "images_b": self.b.samples["row"].to_numpy()[self.pairing.b[self.held.rows]],
        }
        if self.test.p is not None:
            held["p"] = self.test.p
        if self.test.labels is not None:
            held["clusters"] = self.test.labels
        for name, found in zip(("a_above", "b_above"), self.sets, strict=True):
            held |= {f"{name}/certain": found.certain, f"{name}/possible": found.possible}
        return held

    def write(self, out: Path, *, command: str = "") -> Path:
        """Write ``maps.npz``, ``effects.csv`` and, last, ``results.json`` to a new folder."""
        write_arrays(out / MAPS, self.maps())
        self.to_frame().to_csv(out / "effects.csv", index=False)
        made = {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "versions": versions(),
        }
        write_json(out / RESULTS, self.to_dict() | {"provenance": made})
        return out


def _side_json(one: Side) -> Json:
    return {
        "run": one.path.name,
        "model": one.model,
        "model_fingerprint": one.results["model"]["fingerprint"],
        "data_fingerprint": one.results["data"]["fingerprint"],
        "attack": one.attack,
        "attack_label": one.entry["label"],
        "budget": one.entry["budget"],
        "importance": one.results["importance"]["label"],
        "rules": one.results["rules"],
        "config": one.results["config"],
    }
