"""p-values of many tests at once, from exceedance counts or from z."""

from __future__ import annotations

import numpy as np
from scipy import stats

from spatialstats.stats.resampling import Alternative

SMALLEST = np.finfo(np.float64).tiny  # what stands for a tail below all floating-point numbers


def p_values(
    n_greater: np.ndarray, n_less: np.ndarray, n_resamples: int, alternative: Alternative = "two-sided"
) -> np.ndarray:
    """`spatialstats.stats.resampling.p_value` of arrays of counts: two-sided is ``min(1, 2 min)``."""
    greater, less = ((np.asarray(count) + 1.0) / (n_resamples + 1.0) for count in (n_greater, n_less))
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * np.minimum(greater, less)))
    return np.asarray(greater if alternative == "greater" else less)


def normal_p_values(z: np.ndarray, alternative: Alternative = "two-sided") -> np.ndarray:
    """p-values of standard normal z, above 0 however far z lies out; NaN stays."""
    if alternative == "two-sided":
        tail = 2 * stats.norm.sf(np.abs(z))
    else:
        tail = stats.norm.sf(z) if alternative == "greater" else stats.norm.cdf(z)
    return np.asarray(np.maximum(tail, SMALLEST))


def standardised_by(values: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """z of values; NaN where the null does not vary."""
    known = np.where(variance > 0, variance, np.nan)
    return np.asarray((values - expected) / np.sqrt(known))
