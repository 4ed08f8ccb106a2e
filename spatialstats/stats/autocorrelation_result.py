"""What a statistic of spatial autocorrelation found on one map or many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.stats.resampling import Alternative, p_values
from spatialstats.stats.tails import normal_p_values, standardised_by
from spatialstats.stats.wording import draws_of, finite, number, p_text

if TYPE_CHECKING:
    import pandas as pd

LIMITS = (
    "A small p says that near pixels are alike (or unlike), as they are in most maps of images: it says "
    "neither where, nor anything about other images, nor that this map and another one belong together."
)
"""What a test against complete spatial randomness does not mean."""

COLUMNS = (
    "values",
    "expected",
    "variance_normality",
    "variance_randomisation",
    "z_normality",
    "z_randomisation",
    "p_normality",
    "p_randomisation",
    "p_values",
    "n_greater",
    "n_less",
    "n_sites",
)


@dataclass(frozen=True)
class Autocorrelation:
    """A statistic of each map, against all arrangements of its values over its pixels.

    Arrays have an entry a map, (1,) for a single one.  NaN where there is none: maps that are
    constant, all missing, or without two pixels that are neighbours.

    Parameters
    ----------
    statistic : str
        "Moran's I", "Geary's C", "Getis-Ord G", or a join count.
    values, expected : numpy.ndarray
        float64 (N,): statistic, and its mean over all arrangements.
    variance_normality, variance_randomisation : numpy.ndarray
        float64 (N,): of independent normal values (NaN where the statistic has no such theory), and of
        all arrangements of these values (NaN below four pixels); 0 where they do not vary.
    n_greater, n_less : numpy.ndarray
        int64 (N,): draws at or above, and at or below, the value, ties on both sides.
    n_sites : numpy.ndarray
        int64 (N,): pixels that are not missing.
    n_resamples, seed : int
        Permutations, and what they were drawn from.
    alternative : str
        The hypothesis of all p-values, about the statistic itself: alike neighbours make Moran's I
        "greater" and Geary's C "less".
    neighbours : str
        The lattice in words.
    """

    statistic: str
    values: np.ndarray
    expected: np.ndarray
    variance_normality: np.ndarray
    variance_randomisation: np.ndarray
    n_greater: np.ndarray
    n_less: np.ndarray
    n_sites: np.ndarray
    n_resamples: int
    seed: int
    alternative: Alternative
    neighbours: str

    @property
    def z_normality(self) -> np.ndarray:
        """Value less expectation in standard deviations, if the values were independent and normal."""
        return standardised_by(self.values, self.expected, self.variance_normality)

    @property
    def z_randomisation(self) -> np.ndarray:
        """The same under all arrangements of these values."""
        return standardised_by(self.values, self.expected, self.variance_randomisation)

    @property
    def p_normality(self) -> np.ndarray:
        """Normal p-values of `z_normality`."""
        return normal_p_values(self.z_normality, self.alternative)

    @property
    def p_randomisation(self) -> np.ndarray:
        """Normal p-values of `z_randomisation`."""
        return normal_p_values(self.z_randomisation, self.alternative)

    @property
    def p_values(self) -> np.ndarray:
        """Permutation p-values, ``(count + 1) / (n_resamples + 1)``, two-sided ``min(1, 2 min)``.

        NaN without draws.  esda reports the smaller tail, about half of the two-sided value.
        """
        p = p_values(self.n_greater, self.n_less, self.n_resamples, self.alternative)
        tested = np.isfinite(self.values) & (self.n_resamples > 0)
        return np.where(tested, p, np.nan)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN."""
        named = ("statistic", "n_resamples", "seed", "alternative", "neighbours", "sentence")
        found = {name: getattr(self, name) for name in named}
        return found | {name: [finite(value) for value in getattr(self, name).tolist()] for name in COLUMNS}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row a map."""
        import pandas as pd

        columns = {"map": np.arange(len(self.values)), "statistic": self.statistic}
        return pd.DataFrame(columns | {name: getattr(self, name) for name in COLUMNS})

    @property
    def tested(self) -> np.ndarray:
        """Which maps have a value, int64."""
        return np.flatnonzero(np.isfinite(self.values))

    @property
    def finding(self) -> str:
        """The numbers in words."""
        at, draws = self.tested, f"{self.alternative}, {draws_of(self.n_resamples)}"
        values, left_out = self.values[at], len(self.values) - at.size
        rest = f"; left out: {left_out}, being {self._reason}" if left_out else ""
        if not at.size:
            return f"{self.statistic}: nothing was tested, every map is {self._reason}"
        if at.size == 1:
            p = float(self.p_values[at[0]])
            drawn = f"{p_text(p, self.n_resamples)} ({draws}); " if self.n_resamples else ""
            return (
                f"{self.statistic}: {number(values[0])}, expected {number(self.expected[at[0]])}, {drawn}"
                f"by the normal approximation z = {number(self.z_randomisation[at[0]])}, "
                f"p = {number(self.p_randomisation[at[0]])}{rest}"
            )
        p_of = self.p_values if self.n_resamples else self.p_randomisation
        by = draws if self.n_resamples else f"{self.alternative}, normal approximation"
        return (
            f"{self.statistic} of {at.size} maps: mean {number(values.mean())}, from {number(values.min())} "
            f"to {number(values.max())}; {int((p_of[at] <= 0.05).sum())} have p <= 0.05 by themselves ({by}, "
            f"not corrected){rest}"
        )

    @property
    def null(self) -> str:
        """What was tested against, in words."""
        return (
            "Tested against all arrangements of a map's values over its pixels being equally likely "
            f"({self.neighbours}), conditional on those values."
        )

    @property
    def limits(self) -> str:
        """What it does not mean."""
        return LIMITS

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        return f"{self.finding}. {self.null} {self.limits}"

    @property
    def _reason(self) -> str:
        single = ", or with one pixel above 0" if self.statistic == "Getis-Ord G" else ""
        return f"constant, all missing or without two neighbouring pixels{single}"
