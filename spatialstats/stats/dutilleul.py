"""Dutilleul's modified t-test: a correlation with the effective sample size of two smooth maps."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from scipy import fft, stats

from spatialstats.stats.map_statistics import pearson, standardised
from spatialstats.stats.map_test import MapTest, pooled, varying
from spatialstats.stats.resampling import Alternative, checked, of_tails


def effective_size_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    alternative: Alternative = "two-sided",
    seed: int = 0,
    confidence: float = 0.95,
) -> MapTest:
    """Test the correlation of two autocorrelated maps with fewer degrees of freedom.

    ``t = r sqrt((M - 2) / (1 - r^2))`` has ``M - 2`` degrees of freedom, where M is
    `effective_size`.  An image with M of 2 or less says nothing: its p-value is 1.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).
    alternative : {"two-sided", "greater", "less"}
        Of all p-values.  That of the mean over images is normal, with variances 1 / (M - 1).
    seed : int
        Of the bootstrap.
    confidence : float
        Of the interval.

    Returns
    -------
    MapTest

    References
    ----------
    P. Dutilleul, *Modifying the t test for assessing the correlation between two spatial
    processes*, Biometrics 49, 1993.
    """
    checked(alternative, 0)
    images = varying(a, b)
    n = len(images)
    if n == 0:
        sizes, values = np.zeros(0), np.zeros(0)
    else:
        first, second = np.asarray(a)[images], np.asarray(b)[images]
        values, sizes = pearson(first, second), effective_size(first, second)
    free = np.maximum(sizes - 2, 1e-9)
    t = values * np.sqrt(free / np.maximum(1 - values**2, 1e-300))
    p = of_tails(stats.t.sf(t, free), stats.t.cdf(t, free), alternative)
    return pooled(
        "effective size",
        "Pearson",
        values,
        np.where(sizes > 2, p, 1.0),
        np.zeros(n),
        1 / np.sqrt(np.maximum(sizes - 1, 1)),
        images,
        n_left_out=len(np.asarray(a)) - n,
        n_draws=0,
        alternative=alternative,
        seed=seed,
        confidence=confidence,
    )


def effective_size(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Dutilleul's effective sample size of each pair of maps.

    ``1 + tr(B Ra) tr(B Rb) / tr(B Ra B Rb)`` with B the centring matrix and Ra, Rb the
    autocorrelation matrices, estimated in rings of distance one pixel wide, without wrapping
    around.  All comes from autocorrelations by FFT; no HW x HW matrix is formed.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W), none constant.

    Returns
    -------
    numpy.ndarray
        float64 (N,): 1, which says nothing, where the estimated denominator is not positive.
    """
    height, width = np.asarray(a).shape[1:]
    found = np.empty(len(a))
    for at, (one, other) in enumerate(zip(a, b, strict=True)):
        found[at] = _size(ring_correlations(one), ring_correlations(other), height, width)
    return found


def ring_correlations(values: np.ndarray) -> np.ndarray:
    """Autocorrelation of a map at every step, averaged over steps of one rounded length.

    Parameters
    ----------
    values : numpy.ndarray
        (H, W), not constant.

    Returns
    -------
    numpy.ndarray
        float64 (2H - 1, 2W - 1): steps from -(H-1) to H-1 and -(W-1) to W-1; 1 at the centre.
    """
    height, width = values.shape
    size = fft.next_fast_len(2 * height - 1, True), fft.next_fast_len(2 * width - 1, True)
    spectrum = fft.rfft2(standardised(values[None])[0], size)
    sums = fft.irfft2(spectrum.real**2 + spectrum.imag**2, size)
    down, right, pairs, rings = _steps(height, width)
    at_steps = sums[down % size[0], right % size[1]]
    means = np.bincount(rings.ravel(), at_steps.ravel()) / np.bincount(rings.ravel(), pairs.ravel())
    return np.asarray(means[rings] / means[0])


def _size(first: np.ndarray, second: np.ndarray, height: int, width: int) -> float:
    n = height * width
    pairs = _steps(height, width)[2]
    row_sums = [_row_sums(correlations, height, width) for correlations in (first, second)]
    totals = [float(sums.sum()) for sums in row_sums]
    trace = float((pairs * first * second).sum())
    trace += (totals[0] * totals[1] / n - 2 * float((row_sums[0] * row_sums[1]).sum())) / n
    if trace <= 0:
        return 1.0  # the estimated correlations fit no covariance: the pair says nothing
    return 1 + (n - totals[0] / n) * (n - totals[1] / n) / trace


@lru_cache(maxsize=2)
def _steps(height: int, width: int) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Steps down and right, how many pairs of pixels each has, and its rounded length."""
    down, right = np.mgrid[1 - height : height, 1 - width : width]
    pairs = (height - np.abs(down)) * (width - np.abs(right))
    steps = down, right, pairs, np.rint(np.hypot(down, right)).astype(np.int64)
    for array in steps:
        array.flags.writeable = False  # they are shared by later calls
    return steps


def _row_sums(correlations: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sum over all pixels of the correlation with each pixel, (H, W): windows of the steps."""
    sums = np.pad(correlations.cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    low, high = slice(0, height), slice(height, 2 * height)
    left, right = slice(0, width), slice(width, 2 * width)
    return np.asarray(sums[high, right] - sums[low, right] - sums[high, left] + sums[low, left])
