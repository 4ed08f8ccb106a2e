"""What a local statistic of spatial association says of each pixel of a map: a description of that map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spatialstats.stats.resampling import Alternative, p_values
from spatialstats.stats.tails import standardised_by
from spatialstats.stats.wording import draws_of, finite

if TYPE_CHECKING:
    import pandas as pd

Draws = Literal["independent", "shared"]

QUADRANTS = {1: "HH", 2: "LH", 3: "LL", 4: "HL"}
"""As esda numbers them: the pixel high or low, then its neighbours."""

DESCRIPTION = (
    "This describes one map. Conditional permutation calls pixels hot or cold on stationary maps without any "
    "such place, on 20 of 20 at a smoothness of 2 pixels after correction for their number: it is no rule "
    "for a threshold, and says nothing of the whole map nor of other images."
)
"""What a local statistic does not mean."""


@dataclass(frozen=True)
class LocalAutocorrelation:
    """A statistic of each pixel and its neighbours: to be looked at, not to mark places by.

    There is no map of significant pixels here, and there should be none: conditional permutation asks
    whether neighbours are alike at all, which they are in every smooth map, so that it finds hot spots on
    stationary fields without any (20 of 20 maps at smoothness 2, 6 % of their area, after
    Benjamini and Hochberg's correction).  For places with an error rate over images see the
    cluster tests and confidence sets.

    Arrays are (N, H, W), N = 1 for a single map, with NaN where a pixel is missing or has no
    neighbours, and everywhere in maps that are constant.

    Parameters
    ----------
    statistic : str
        What was computed.
    values, expected, variance : numpy.ndarray
        float64: statistic, its mean and its variance under the null that `null` names.
    quadrants : numpy.ndarray or None
        uint8, of the Moran statistics: 1 HH, 2 LH, 3 LL, 4 HL (pixel, then neighbours; not above the mean is
        low), 0 where there is no value.
    n_greater, n_less : numpy.ndarray or None
        int32: conditional draws at or above, at or below the value, ties on both sides; None without draws.
    n_resamples, seed : int
        Draws a pixel, and what they were drawn from.
    draws : {"independent", "shared"}
        Whether each pixel had its own.
    alternative : str
        The hypothesis of the pseudo p-values, about the statistic itself.
    null : str
        What `expected` and `variance` are of, in words.
    neighbours : str
        The lattice in words.
    """

    statistic: str
    values: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    quadrants: np.ndarray | None
    n_greater: np.ndarray | None
    n_less: np.ndarray | None
    n_resamples: int
    seed: int
    draws: Draws
    alternative: Alternative
    null: str
    neighbours: str

    @property
    def z(self) -> np.ndarray:
        """Value less expectation in standard deviations; NaN where the null does not vary."""
        return standardised_by(self.values, self.expected, self.variance)

    @property
    def pseudo_p(self) -> np.ndarray:
        """Each pixel's own ``(count + 1) / (n_resamples + 1)``, two-sided ``min(1, 2 min)``; not corrected.

        NaN without draws.  See the class for what these are not.
        """
        if self.n_greater is None or self.n_less is None:
            return np.full(self.values.shape, np.nan)
        p = p_values(self.n_greater, self.n_less, self.n_resamples, self.alternative)
        return np.where(np.isfinite(self.values), p, np.nan)

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each pixel that has a value."""
        import pandas as pd

        at = np.nonzero(np.isfinite(self.values))
        columns: dict[str, Any] = dict(zip(("map", "row", "column"), at, strict=True))
        for name in ("values", "expected", "variance", "z", "pseudo_p"):
            columns[name] = getattr(self, name)[at]
        if self.quadrants is not None:
            columns["quadrant"] = [QUADRANTS[q] for q in self.quadrants[at].tolist()]
        return pd.DataFrame(columns)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON: what was computed, and each map's range, not the values of the pixels."""
        names = ("statistic", "n_resamples", "seed", "draws", "alternative", "null", "neighbours", "sentence")
        ranges = [
            {"n": int(found.sum()), "low": finite(low), "high": finite(high)}
            for found, low, high in (
                (np.isfinite(m), *_range(m[np.isfinite(m)].tolist())) for m in self.values
            )
        ]
        return {**{name: getattr(self, name) for name in names}, "maps": ranges}

    @property
    def sentence(self) -> str:
        """What was computed, against what, and what it does not mean."""
        there = np.isfinite(self.values)
        n = int(there.any(axis=(1, 2)).sum())
        if not n:
            return (
                f"{self.statistic}: every map is constant, all missing or without neighbours. {DESCRIPTION}"
            )
        maps = "one map" if n == 1 else f"{n} maps, each by itself"
        kinds = ""
        if self.quadrants is not None:
            counts = {name: int((self.quadrants == q).sum()) for q, name in QUADRANTS.items()}
            kinds = " (" + ", ".join(f"{count:,} {name}" for name, count in counts.items()) + ")"
        drawn = "no pseudo-p, as nothing was drawn"
        if self.n_greater is not None:
            how = (
                "of its own"
                if self.draws == "independent"
                else "of one sample for all, so their errors go together"
            )
            drawn = (
                f"pseudo-p of each pixel from {draws_of(self.n_resamples)} {how}, its own value held fixed "
                f"({self.alternative}, not corrected)"
            )
        return (
            f"{self.statistic} of {int(there.sum()):,} pixels of {maps}{kinds}; {drawn}; z against "
            f"{self.null} ({self.neighbours}). {DESCRIPTION}"
        )


def _range(values: list[float]) -> tuple[float, float]:
    return (min(values), max(values)) if values else (float("nan"), float("nan"))
