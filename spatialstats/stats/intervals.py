"""Confidence intervals of accuracies, means, paired differences and ratios."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats.bootstrap import (
    BOOTSTRAP,
    N_BOOTSTRAP,
    bootstrap_columns,
    normal_quantile,
    resampled_means,
    tails,
)
from spatialstats.stats.bootstrap import resamples as resamples
from spatialstats.stats.interval import Interval as Interval


def wilson(successes: int, n: int, *, confidence: float = 0.95) -> Interval:
    """Wilson's score interval of a proportion.

    Parameters
    ----------
    successes, n : int
        Count and number of trials; without trials the ends are 0 and 1, the value NaN.
    confidence : float
        Coverage wanted.

    Raises
    ------
    InputError
        If the count is not within 0..n.

    References
    ----------
    E. B. Wilson, Journal of the American Statistical Association 22, 1927.
    """
    if not 0 <= successes <= n:
        raise InputError(f"a count of successes lies between 0 and the {n} trials, got {successes}.")
    if n == 0:
        return Interval(math.nan, 0.0, 1.0, 0, "Wilson")
    z = normal_quantile(confidence)
    share = successes / n
    centre = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    # At the ends the exact bound is 0 or 1; rounding must not put it beside the estimate.
    low = 0.0 if successes == 0 else max(0.0, centre - half)
    high = 1.0 if successes == n else min(1.0, centre + half)
    return Interval(share, low, high, int(n), "Wilson")


def proportion(hits: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Wilson's interval of the share of true values in a boolean array (N,)."""
    hits = np.asarray(hits, bool)
    return wilson(int(hits.sum()), hits.size, confidence=confidence)


def mean_interval(values: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Mean of independent values (N,) with Student's t interval; needs two values for the ends."""
    values = _finite(values)
    n = values.size
    if n == 0:
        return Interval(math.nan, math.nan, math.nan, 0, "t")
    mean = float(values.mean())
    if n == 1:
        return Interval(mean, math.nan, math.nan, 1, "t")
    half = float(stats.t.ppf(0.5 + confidence / 2, n - 1) * values.std(ddof=1) / math.sqrt(n))
    return Interval(mean, mean - half, mean + half, n, "t")


def bootstrap_mean(
    values: np.ndarray, seed: int, n_resamples: int = N_BOOTSTRAP, *, confidence: float = 0.95
) -> Interval:
    """Mean of values (N,) with the expanded percentile bootstrap interval over them.

    Parameters
    ----------
    values : numpy.ndarray
        (N,) one value an image.
    seed, n_resamples : int
        Draw k is a pure function of (seed, k).
    confidence : float
        Coverage wanted.

    Returns
    -------
    Interval
        Without ends with fewer than two images.

    References
    ----------
    T. C. Hesterberg, *What teachers should know about the bootstrap*, The American
    Statistician 69, 2015: the expanded percentile interval, for the narrowness of the plain one.
    """
    return bootstrap_columns(_finite(values)[:, None], seed, n_resamples, confidence=confidence)[0]


def ratio_interval(
    numerator: np.ndarray,
    denominator: np.ndarray,
    *,
    seed: int = 0,
    n_resamples: int = N_BOOTSTRAP,
    confidence: float = 0.95,
) -> Interval:
    """Sum over sum with the expanded percentile bootstrap interval over images.

    Parameters
    ----------
    numerator, denominator : numpy.ndarray
        (N,) both terms of each image.
    seed, n_resamples, confidence
        As for `bootstrap_mean`.

    Returns
    -------
    Interval
        All NaN where the denominators sum to zero or below.  Where they do so in a resample
        the ratio has no bounded interval and the ends are NaN, as with fewer than two images.
    """
    numerator, denominator = _finite(numerator), _finite(denominator)
    if numerator.shape != denominator.shape:
        raise InputError(
            f"a ratio needs as many numerators as denominators, got {numerator.size}, {denominator.size}."
        )
    n, method = numerator.size, f"{BOOTSTRAP} of a ratio"
    if n == 0 or denominator.sum() <= 0:
        return Interval(math.nan, math.nan, math.nan, n, method)
    value = float(numerator.sum() / denominator.sum())
    top, bottom = resampled_means(np.stack([numerator, denominator], 1), seed, n_resamples).T
    if n < 2 or (bottom <= 0).any():
        return Interval(value, math.nan, math.nan, n, method)
    low, high = np.quantile(top / bottom, tails(confidence, n))
    return Interval(value, float(low), float(high), n, method)


def paired_difference(a: np.ndarray, b: np.ndarray, *, confidence: float = 0.95) -> Interval:
    """Mean of ``a - b`` over the same images.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N,) in the same order.  For two boolean arrays the interval is Newcombe's score
        interval for paired proportions, which stays honest where few images change; for
        numbers it is Student's t interval of the differences.
    confidence : float
        Coverage wanted.

    References
    ----------
    R. G. Newcombe, *Improved confidence intervals for the difference between binomial
    proportions based on paired data*, Statistics in Medicine 17, 1998, method 10.
    """
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or a.ndim != 1:
        raise InputError(
            f"a paired difference needs two values for each image, got shapes {a.shape} and {b.shape}."
        )
    if a.dtype != bool or b.dtype != bool:
        return mean_interval(a.astype(np.float64) - b.astype(np.float64), confidence=confidence)
    n, method = a.size, "Newcombe, paired"
    if n == 0:
        return Interval(math.nan, -1.0, 1.0, 0, method)
    both, only_a, only_b = int((a & b).sum()), int((a & ~b).sum()), int((~a & b).sum())
    neither = n - both - only_a - only_b
    first, second = proportion(a, confidence=confidence), proportion(b, confidence=confidence)
    margins = (both + only_a) * (only_b + neither) * (both + only_b) * (only_a + neither)
    cross = float(both * neither - only_a * only_b)
    if cross > 0:
        cross = max(cross - n / 2, 0.0)  # the continuity correction of method 10
    phi = cross / math.sqrt(margins) if margins else 0.0
    below, above = first.value - first.low, first.high - first.value
    other_below, other_above = second.value - second.low, second.high - second.value
    low = math.sqrt(max(0.0, below**2 - 2 * phi * below * other_above + other_above**2))
    high = math.sqrt(max(0.0, above**2 - 2 * phi * above * other_below + other_below**2))
    value = (only_a - only_b) / n
    return Interval(value, value - low, value + high, n, method)


def _finite(values: np.ndarray) -> np.ndarray:
    values = np.asarray(values, np.float64)
    if values.ndim != 1 or not np.isfinite(values).all():
        raise InputError(
            f"an interval needs one finite number for each image, got shape {values.shape} or NaN."
        )
    return values
