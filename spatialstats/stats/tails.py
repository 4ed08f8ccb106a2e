"""p-values of a normal statistic, and how it is standardised."""

from __future__ import annotations

import numpy as np
from scipy import stats

from spatialstats.stats.resampling import Alternative, of_tails

SMALLEST = np.finfo(np.float64).tiny  # what stands for a tail below all floating-point numbers


def normal_p_values(z: np.ndarray, alternative: Alternative = "two-sided") -> np.ndarray:
    """p-values of standard normal z, above 0 however far z lies out; NaN stays."""
    return np.asarray(np.maximum(of_tails(stats.norm.sf(z), stats.norm.cdf(z), alternative), SMALLEST))


def standardised_by(values: np.ndarray, expected: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """z of values; NaN where the null does not vary."""
    known = np.where(variance > 0, variance, np.nan)
    return np.asarray((values - expected) / np.sqrt(known))
