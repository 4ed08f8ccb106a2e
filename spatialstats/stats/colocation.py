"""Do RoI and RoA of one image overlap more than those of different images? The image-swap test."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.stats.intervals import bootstrap_mean
from spatialstats.stats.lift import Lift
from spatialstats.stats.resampling import (
    TIE,
    Alternative,
    checked,
    exceedances,
    p_value,
    spread,
    worth_squaring,
)
from spatialstats.stats.wording import draws_of, finite, number, p_text, with_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class SwapTest:
    """What the image-swap test found.

    Parameters
    ----------
    observed : float
        Mean overlap lift of RoI and RoA of the same image; 1 is what two independent masks
        of these areas have.
    swapped : float
        Mean overlap lift over all pairings of the images: the mean of the null.
    effect, low, high : float
        ``observed - swapped`` with its bootstrap interval.
    p_value, z : float
        p from the permutations drawn; z is the effect in the standard deviations of all of them,
        by Hoeffding's theorem, or of the draws with more images than 2,048 and than twice the draws.
    n : int
        Images with both masks.
    n_empty : int
        Images left out because their RoI or RoA is empty.
    n_resamples : int
        Permutations.
    n_greater, n_less : int
        Permutations at or above, at or below the observed value.
    alternative : str
        The hypothesis that the p-value is for.
    per_image : numpy.ndarray
        float64 (n,): how much each image's lift exceeds what its RoI and its RoA have with
        other images' masks; the mean is `effect`.
    rows : numpy.ndarray
        int64 (n,): which of the given images these are.
    drawn_spread : float
        Cross-check: standard deviation of the draws over Hoeffding's; near 1, NaN without the latter.
    """

    observed: float
    swapped: float
    effect: float
    low: float
    high: float
    p_value: float
    z: float
    n: int
    n_empty: int
    n_resamples: int
    n_greater: int
    n_less: int
    alternative: Alternative
    per_image: np.ndarray
    rows: np.ndarray
    drawn_spread: float = math.nan

    def to_dict(self) -> dict[str, Any]:
        """The numbers ready for JSON, None in place of NaN, and the sentence, without the arrays."""
        numbers = ("observed", "swapped", "effect", "low", "high", "p_value", "z")
        names = (*numbers, "n", "n_empty", "n_resamples", "n_greater", "n_less", "alternative")
        found = {name: finite(getattr(self, name)) for name in names}
        return {"statistic": "overlap lift", **found, "sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table of one row: the numbers of `to_dict`."""
        import pandas as pd

        return pd.DataFrame([self.to_dict()]).drop(columns="sentence")

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        if self.n < 2:
            return f"Nothing was tested: image-swap needs two images with both masks, got {self.n}."
        return (
            f"RoI and RoA of one image overlap {number(self.observed)} times as much as independent masks "
            f"would, those of permuted images {number(self.swapped)} times: an excess of "
            f"{with_interval(self)}, {p_text(self.p_value, self.n_resamples)} ({self.alternative}). "
            f"Tested against uniform permutations of the pairing, {draws_of(self.n_resamples)}, "
            f"conditional on the masks of these {self.n} images. It does not mean that this model matters: "
            "masks of any kind made from the same image may overlap as much."
        )


def swap_test(
    roi_packed: np.ndarray,
    roa_packed: np.ndarray,
    n_pixels: int,
    *,
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> SwapTest:
    """Test whether overlap is specific to the image, by swapping images.

    The statistic is the mean overlap lift ``|RoI and RoA| HW / (|RoI| |RoA|)``.  The null
    pairs every RoI with the RoA of a uniformly permuted image, fixed points included (the
    permutations without them are no group).  It keeps everything that maps share across
    images, such as a bias to the centre, so it asks for an image-specific association only.

    The effect is the mean of the doubly centred diagonal of the matrix of all pairings, whose
    margins are summed without forming it.  The interval resamples images on that diagonal; a resampled
    image never meets its own copy in the null.

    Parameters
    ----------
    roi_packed, roa_packed : numpy.ndarray
        uint64 (N, ceil(HW / 64)), from `kernels.pack`.  Images whose RoI or RoA is empty are
        left out and counted.
    n_pixels : int
        HW.
    n_resamples : int
        Permutations.  The bootstrap of the interval always draws 2,000.
    seed : int
        Draw k is a pure function of (seed, k).
    alternative : {"two-sided", "greater", "less"}
        Two-sided p-values are twice the smaller one-sided, at most 1.
    confidence : float
        Of the interval of the effect.

    Returns
    -------
    SwapTest
        With NaN in place of all that fewer than two images cannot give.

    References
    ----------
    J. Hemerik, J. Goeman, *Exact testing with random permutations*, TEST 27, 2018 (arXiv
    1411.7565).  W. Hoeffding, *A combinatorial central limit theorem*, Annals of
    Mathematical Statistics 22, 1951, for the doubly centred form.
    """
    checked(alternative, n_resamples)
    given = Lift((roi_packed,), roa_packed, n_pixels)
    rows = np.flatnonzero(given.exists)
    n, n_empty = len(rows), given.n - len(rows)
    if n < 2:
        nan = math.nan
        return SwapTest(
            nan, nan, nan, nan, nan, nan, nan, n, n_empty, 0, 0, 0, alternative, np.full(n, np.nan), rows
        )
    lift = given.at(rows)
    sums = lift.sums(squares=worth_squaring(n, n_resamples))
    interval = bootstrap_mean(sums.centred, seed, confidence=confidence)
    null = lift.draws(seed, n_resamples)
    n_greater, n_less = exceedances(null, sums.observed)
    effect = sums.observed - sums.mean
    drawn, sd = spread(math.nan, null - sums.mean), spread(sums.sd, null - sums.mean)
    return SwapTest(
        observed=sums.observed,
        swapped=sums.mean,
        effect=effect,
        low=interval.low,
        high=interval.high,
        p_value=p_value(n_greater, n_less, n_resamples, alternative),
        z=effect / sd if sd > TIE * max(1.0, abs(sums.observed)) else math.nan,
        n=n,
        n_empty=n_empty,
        n_resamples=n_resamples,
        n_greater=n_greater,
        n_less=n_less,
        alternative=alternative,
        per_image=sums.centred,
        rows=rows,
        drawn_spread=drawn / sums.sd if sums.sd > 0 else math.nan,
    )
