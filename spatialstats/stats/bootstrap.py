"""The bootstrap over images: its draws, the means of its resamples, and intervals of several of these."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats.interval import Interval

BLOCK = 1 << 21  # random numbers drawn at once
BOOTSTRAP = "expanded percentile bootstrap"
N_BOOTSTRAP = 2000


def resamples(n: int, seed: int, n_resamples: int) -> Iterator[np.ndarray]:
    """Bootstrap draws of n rows, in blocks.

    Draw k is a pure function of (seed, k): its n uniforms are the numbers k n to k n + n - 1
    of one counter-based stream, so neither the block size nor the number of draws changes it.

    Yields
    ------
    numpy.ndarray
        int64 (b, n): rows drawn with replacement.
    """
    generator = np.random.Generator(np.random.Philox(key=seed))
    block = max(1, BLOCK // max(1, n))
    for start in range(0, n_resamples, block):
        uniforms = generator.random((min(block, n_resamples - start), n))
        # A uniform times n may round up to n itself.
        yield np.minimum((uniforms * n).astype(np.int64), n - 1)


def resample_counts(n: int, seed: int, n_resamples: int) -> Iterator[np.ndarray]:
    """The draws of `resamples` as float64 (b, n): how often each row was drawn."""
    for rows in resamples(n, seed, n_resamples):
        places = rows + n * np.arange(len(rows))[:, None]
        counts = np.bincount(places.ravel(), minlength=n * len(rows)).reshape(len(rows), n)
        yield counts.astype(np.float64)


def resampled_means(columns: np.ndarray, seed: int, n_resamples: int) -> np.ndarray:
    """Means of the columns (n, K) in each draw of `resamples`, float64 (n_resamples, K)."""
    n, width = columns.shape
    # einsum adds in one fixed order; a BLAS may change its own with the number of threads
    parts = [np.einsum("bn,nk->bk", counts, columns) / n for counts in resample_counts(n, seed, n_resamples)]
    return np.concatenate([np.zeros((0, width)), *parts])


def bootstrap_columns(
    columns: np.ndarray, seed: int, n_resamples: int = N_BOOTSTRAP, *, confidence: float = 0.95
) -> tuple[Interval, ...]:
    """Means of several values of the same images, each with an interval, from one bootstrap.

    Every draw resamples the images once for all columns, so that intervals of effects and of
    their differences belong together.

    Parameters
    ----------
    columns : numpy.ndarray
        (n, K): K values of each image.
    seed, n_resamples, confidence
        As for `spatialstats.stats.bootstrap_mean`, whose interval this is.

    Returns
    -------
    tuple of Interval
        One a column; the ends are NaN with fewer than two images.
    """
    columns = np.asarray(columns, np.float64)
    n, width = columns.shape
    if not np.isfinite(columns).all():
        raise InputError("the bootstrap needs finite values, got NaN or infinity: leave those images out.")
    if n < 2:
        value = columns[0] if n else np.full(width, math.nan)
        return tuple(Interval(float(v), math.nan, math.nan, n, BOOTSTRAP) for v in value)
    low, high = np.quantile(resampled_means(columns, seed, n_resamples), tails(confidence, n), axis=0)
    return tuple(
        Interval(float(v), float(lo), float(hi), n, BOOTSTRAP)
        for v, lo, hi in zip(columns.mean(0), low, high, strict=True)
    )


def tails(confidence: float, n: int) -> tuple[float, float]:
    """Which quantiles of n images' bootstrap means end the interval: means of resamples spread too little."""
    half = normal_quantile(confidence)
    if n > 1:
        half = math.sqrt(n / (n - 1)) * float(stats.t.ppf(0.5 + confidence / 2, n - 1))
    return float(stats.norm.cdf(-half)), float(stats.norm.cdf(half))


def normal_quantile(confidence: float) -> float:
    """How many standard errors a normal interval of this level reaches to each side."""
    if not 0 < confidence < 1:
        raise InputError(f"a confidence level lies between 0 and 1, got {confidence}: use 0.95 for 95 %.")
    return float(stats.norm.ppf(0.5 + confidence / 2))
