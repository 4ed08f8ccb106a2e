"""What a family of image-swap tests found, in numbers and in words."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.wording import draws_of, finite, with_interval

if TYPE_CHECKING:
    import pandas as pd

ALL, WITHIN = "all images", "within classes"


@dataclass(frozen=True)
class SwapRow:
    """One test of a family.

    Parameters
    ----------
    test : str
        Attack, map or statistic.
    stratum : str
        "all images", "within classes" (all classes pooled), or the label of one class.
    n : int
        Images.
    observed, swapped : float
        Mean over maps of one image, and over maps of two different images of the stratum.
    effect, low, high : float
        ``observed - swapped`` with its bootstrap interval over images.
    z : float
        Of the effect, by Hoeffding's exact mean and standard deviation of the permutations; by that
        of the draws with more images than 2,048 and than twice the draws.
    p_value, p_adjusted : float
        From the permutations; the second holds the familywise error over all rows with a p.
        NaN for classes that are too small to carry one.
    """

    test: str
    stratum: str
    n: int
    observed: float
    swapped: float
    effect: float
    low: float
    high: float
    z: float
    p_value: float
    p_adjusted: float


@dataclass(frozen=True)
class SwapFamily:
    """What a family of image-swap tests on the same images found.

    Parameters
    ----------
    statistic : str
        What was measured on every pair of maps.
    rows : tuple of SwapRow
        One for each test and stratum.
    n, n_empty, n_alone : int
        Images in the tests; left out because a mask of one of the tests is empty; left out
        because no other image has their class.
    n_resamples, min_class : int
        Permutations; images that a class needs for a p-value.
    alternative : str
        The hypothesis of the p-values.
    per_image : dict of str to numpy.ndarray
        float64 (n,) for each test: linearised effects, own less other images (of the class).
    images : numpy.ndarray
        int64 (n,): which of the given images these are.
    """

    statistic: str
    rows: tuple[SwapRow, ...]
    n: int
    n_empty: int
    n_alone: int
    n_resamples: int
    min_class: int
    alternative: Alternative
    per_image: dict[str, np.ndarray]
    images: np.ndarray

    def row(self, test: str, stratum: str = ALL) -> SwapRow:
        """The row of one test."""
        for row in self.rows:
            if (row.test, row.stratum) == (test, stratum):
                return row
        raise InputError(f"there is no test of {test!r} for {stratum!r}: see to_frame() for those made.")

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN, without the values of the images."""
        names = ("statistic", "n", "n_empty", "n_alone", "n_resamples", "min_class", "alternative")
        rows = [{name: finite(value) for name, value in asdict(row).items()} for row in self.rows]
        return {**{name: getattr(self, name) for name in names}, "sentence": self.sentence, "rows": rows}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each test and stratum."""
        import pandas as pd

        return pd.DataFrame([asdict(row) for row in self.rows])

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        whole = [row for row in self.rows if row.stratum in (ALL, WITHIN)]
        tested = [row for row in whole if math.isfinite(row.p_adjusted)]
        swapped = "images of one class" if whole and whole[0].stratum == WITHIN else "images"
        clear = [f"{r.test} ({with_interval(r)})" for r in tested if r.p_adjusted <= 0.05]
        rest = [r.test for r in tested if r.p_adjusted > 0.05]
        if not tested:
            return f"Nothing was tested: {self.n} images are too few to be swapped."
        found = (
            f"{self.statistic} differs from that of swapped {swapped} for {', '.join(clear)}" if clear else ""
        )
        unclear = f"no difference is shown for {', '.join(rest)}" if rest else ""
        both = "; ".join(part for part in (found, unclear) if part)
        return (
            f"{both[0].upper()}{both[1:]} (familywise 5 %). "
            f"Tested: the {self.statistic} of the two maps of one image against maps of permuted {swapped}, "
            f"{draws_of(self.n_resamples)} shared by all tests, conditional on these {self.n} images' maps"
            f"{self._left_out}. "
            "It does not mean that the two maps are alike beyond what any map of the same image is: "
            "for that see the ladder."
        )

    @property
    def _left_out(self) -> str:
        """How many images are in no test, and why."""
        why = (
            (self.n_empty, "with a map or mask that is empty or does not vary"),
            (self.n_alone, "alone in their class"),
        )
        parts = [f"{count} {reason}" for count, reason in why if count]
        return f" ({' and '.join(parts)} left out)" if parts else ""
