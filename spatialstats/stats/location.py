"""Patches whose place was searched: the null is the other places in the same image."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.intervals import bootstrap_mean
from spatialstats.stats.resampling import Alternative, checked, exceedances, p_value
from spatialstats.stats.wording import draws_of, finite, number, p_text, with_interval

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class LocationTest:
    """What the test of chosen locations found.

    Parameters
    ----------
    observed, expected : float
        Mean value at the chosen locations, and over all candidates: the mean of the null.
    effect, low, high : float
        Mean value at the chosen less at the *other* candidates, with its bootstrap interval.
    p_value, z : float
        From the draws, and by the exact variance of independent uniform choices.
    n, n_left_out : int
        Images; left out with fewer than two candidates.
    n_resamples : int
        Draws.
    alternative : str
        The hypothesis of the p-value.
    per_image : numpy.ndarray
        float64 (n,): chosen less the mean of the other candidates.
    """

    observed: float
    expected: float
    effect: float
    low: float
    high: float
    p_value: float
    z: float
    n: int
    n_left_out: int
    n_resamples: int
    alternative: Alternative
    per_image: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """The numbers ready for JSON, None in place of NaN, and the sentence."""
        names = ("observed", "expected", "effect", "low", "high", "p_value", "z")
        counts = ("n", "n_left_out", "n_resamples", "alternative")
        return {name: finite(getattr(self, name)) for name in (*names, *counts)} | {"sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table of one row."""
        import pandas as pd

        return pd.DataFrame([self.to_dict()]).drop(columns="sentence")

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        if not self.n:
            return "Nothing was tested: no image has two candidate locations."
        return (
            f"The chosen location has {number(self.observed)}, the mean of all candidates in the same image "
            f"is {number(self.expected)}; chosen less other candidates {with_interval(self)}, "
            f"{p_text(self.p_value, self.n_resamples)} ({self.alternative}). Tested against uniform choices "
            f"among the candidates of each image, {draws_of(self.n_resamples)}, conditional on these "
            f"{self.n} images and their candidates. It does not mean that a place outside of the candidates "
            "would do worse, nor that the search looked for this value."
        )


def location_test(
    values_at_candidates: np.ndarray,
    chosen: np.ndarray,
    *,
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> LocationTest:
    """Test whether searched locations have larger values than the other candidates of their image.

    For an attack that searches its place (a patch), swapping images would ask whether places
    differ between images.  This asks whether the search prefers places with large values (of
    importance, say): under H0 the chosen location is any candidate of the image, uniformly.

    Parameters
    ----------
    values_at_candidates : numpy.ndarray
        (N, L): the statistic at each candidate location; NaN where an image has fewer.
    chosen : numpy.ndarray
        int (N,): which candidate was chosen.
    n_resamples, seed : int
        Image i's draw k is a pure function of (seed, i, k).
    alternative : {"two-sided", "greater", "less"}
        Of the p-value.
    confidence : float
        Of the interval.

    Returns
    -------
    LocationTest
    """
    checked(alternative, n_resamples)
    values, chosen = np.asarray(values_at_candidates, np.float64), np.asarray(chosen)
    if values.ndim != 2 or chosen.shape != values.shape[:1] or chosen.dtype.kind not in "iu":
        raise InputError(
            f"a location test needs values (N, L) and N chosen indices, got {values.shape}, {chosen.shape}."
        )
    n_given, width = values.shape
    if n_given and not (chosen.min() >= 0 and chosen.max() < width):
        raise InputError(
            f"chosen locations must lie in [0, {width - 1}], got [{chosen.min()}, {chosen.max()}]."
        )
    there = np.isfinite(values)
    if n_given and not there[np.arange(n_given), chosen].all():
        raise InputError("the chosen location of an image has no value: choose among its candidates.")
    sizes = there.sum(1)
    rows = np.flatnonzero(sizes > 1)
    n, nan = len(rows), math.nan
    if n == 0:
        return LocationTest(nan, nan, nan, nan, nan, nan, nan, 0, n_given, 0, alternative, np.zeros(0))
    means = np.nanmean(values[rows], 1)
    at_chosen = values[rows, chosen[rows]]
    per_image = (at_chosen - means) * (sizes[rows] / (sizes[rows] - 1))
    observed, expected = float(at_chosen.mean()), float(means.mean())
    null = np.zeros(n_resamples)
    for row in rows:
        candidates = values[row, there[row]]
        generator = np.random.Generator(np.random.Philox(key=np.array([seed, row], np.uint64)))
        null += candidates[generator.integers(candidates.size, size=n_resamples)]
    null /= n
    scale = float(np.abs(values[rows][there[rows]]).max())
    sd = math.sqrt(float(np.nanvar(values[rows], 1).sum())) / n
    interval = bootstrap_mean(per_image, seed, confidence=confidence)
    return LocationTest(
        observed=observed,
        expected=expected,
        effect=float(per_image.mean()),
        low=interval.low,
        high=interval.high,
        p_value=p_value(*exceedances(null, observed, scale), n_resamples, alternative),
        z=(observed - expected) / sd if sd > 1e-12 * scale else nan,
        n=n,
        n_left_out=n_given - n,
        n_resamples=n_resamples,
        alternative=alternative,
        per_image=per_image,
    )


def window_means(maps: np.ndarray, height: int, width: int) -> np.ndarray:
    """Mean of each map under every placement of a window: values for `location_test`.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, H, W): an importance map, or RoI as numbers.
    height, width : int
        Of the window (the patch).

    Returns
    -------
    numpy.ndarray
        float64 (N, (H - height + 1) (W - width + 1)), top-left corners in raster order.
    """
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or not (0 < height <= maps.shape[1] and 0 < width <= maps.shape[2]):
        raise InputError(f"a window of {height}x{width} does not fit into maps of shape {maps.shape}.")
    sums = np.pad(maps.cumsum(1).cumsum(2), ((0, 0), (1, 0), (1, 0)))
    inside = (
        sums[:, height:, width:]
        - sums[:, :-height, width:]
        - sums[:, height:, :-width]
        + sums[:, :-height, :-width]
    )
    return np.asarray(inside.reshape(len(maps), -1) / (height * width))
