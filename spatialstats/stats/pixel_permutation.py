"""Naive permutation of pixels: what a test looks like that forgets that neighbours are alike."""

from __future__ import annotations

import numpy as np

from spatialstats import kernels
from spatialstats.stats.map_statistics import standardised
from spatialstats.stats.map_test import MapTest, pooled, varying
from spatialstats.stats.resampling import TIE, Alternative, checked, exceedances, p_value, p_values


def pixel_permutation_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> MapTest:
    """Correlation of two maps against permuted pixels: a labelled contrast, not to be believed.

    On unrelated maps it is wrong at 5 % in a third of cases where they are smoothed over one pixel, and in
    four of five over four pixels (docs/calibration.md); on white noise it is a valid test.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).
    n_resamples, seed : int
        Draw k permutes the pixels of all images by ``kernels.pairing(HW, seed, k)``.
    alternative : {"two-sided", "greater", "less"}
        Of all p-values.
    confidence : float
        Of the interval.

    Returns
    -------
    MapTest
    """
    checked(alternative, n_resamples)
    images = varying(a, b)
    n, size = len(images), np.asarray(a)[:1].size
    given = (np.asarray(maps)[images] for maps in (a, b))
    first, second = ((standardised(maps) if n else maps).reshape(n, size) for maps in given)
    values = np.einsum("ij,ij->i", first, second)
    counts, null = np.zeros((n, 2), np.int64), np.zeros(n_resamples)
    for k in range(n_resamples if n else 0):
        drawn = np.einsum("ij,ij->i", first, second[:, kernels.pairing(size, seed, k)])
        counts[:, 0] += drawn >= values - TIE
        counts[:, 1] += drawn <= values + TIE
        null[k] = drawn.mean()
    p = p_values(counts[:, 0], counts[:, 1], n_resamples, alternative)
    whole = p_value(*exceedances(null, float(values.mean())), n_resamples, alternative) if n else np.nan
    return pooled(
        "pixels",
        "Pearson",
        values,
        p,
        np.zeros(n),
        np.full(n, 1 / np.sqrt(max(1, size - 1))),
        images,
        n_left_out=len(np.asarray(a)) - n,
        n_draws=n_resamples,
        n_resamples=n_resamples,
        p_value=whole,
        alternative=alternative,
        seed=seed,
        confidence=confidence,
    )
