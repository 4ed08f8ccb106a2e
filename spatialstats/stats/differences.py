"""Intervals of differences that `intervals` has none for: of two ratios, and of two unpaired proportions."""

from __future__ import annotations

import math

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.bootstrap import BOOTSTRAP, N_BOOTSTRAP, resampled_means, tails
from spatialstats.stats.intervals import Interval, wilson


def ratio_difference(
    a: tuple[np.ndarray, np.ndarray],
    b: tuple[np.ndarray, np.ndarray],
    *,
    seed: int = 0,
    n_resamples: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> Interval:
    """Difference of two ratios of sums over the same images, with a paired bootstrap interval.

    Parameters
    ----------
    a, b : (numpy.ndarray, numpy.ndarray)
        Numerator and denominator (N,) of each image under the two conditions; a draw resamples the
        images once for all four.
    seed, n_resamples, confidence
        As for `spatialstats.stats.bootstrap_mean`, whose expanded percentile interval this is.

    Returns
    -------
    Interval
        All NaN where the denominators of a condition sum to zero or below; without ends where they do
        so in a resample, or with one image.
    """
    columns = np.stack([np.asarray(values, np.float64) for values in (*a, *b)], 1)
    if columns.ndim != 2 or not np.isfinite(columns).all():
        raise InputError("a difference of ratios needs four finite numbers an image: leave others out.")
    n, method, nan = len(columns), f"{BOOTSTRAP} of a difference of ratios, paired", math.nan
    whole = columns.sum(0)
    if n == 0 or whole[1] <= 0 or whole[3] <= 0:
        return Interval(nan, nan, nan, n, method)
    value = float(whole[0] / whole[1] - whole[2] / whole[3])
    means = resampled_means(columns, seed, n_resamples)
    if n < 2 or not len(means) or (means[:, (1, 3)] <= 0).any():
        return Interval(value, nan, nan, n, method)
    low, high = np.quantile(means[:, 0] / means[:, 1] - means[:, 2] / means[:, 3], tails(confidence, n))
    return Interval(value, float(low), float(high), n, method)


def independent_difference(
    successes: tuple[int, int], n: tuple[int, int], *, confidence: float = 0.95
) -> Interval:
    """Difference of two proportions of independent samples, with Newcombe's hybrid score interval.

    For two accuracies whose images are the same but were not kept one by one, it is wider than a paired
    interval wherever images that are easy for one are easy for the other.

    Parameters
    ----------
    successes, n : (int, int)
        Counts and trials of the two samples.
    confidence : float
        Coverage wanted.

    Returns
    -------
    Interval
        Its `n` is that of the smaller sample.

    References
    ----------
    R. G. Newcombe, *Interval estimation for the difference between independent proportions: comparison
    of eleven methods*, Statistics in Medicine 17, 1998, method 10.
    """
    first, second = (wilson(k, m, confidence=confidence) for k, m in zip(successes, n, strict=True))
    value = first.value - second.value
    low = value - math.hypot(first.value - first.low, second.high - second.value)
    high = value + math.hypot(first.high - first.value, second.value - second.low)
    return Interval(value, low, high, min(n), "Newcombe, unpaired")
