"""All toroidal shifts of all pairs of maps at once, by FFT: for stationary, periodic maps only."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from scipy import fft

from spatialstats.stats.map_test import MapTest, pooled, varying
from spatialstats.stats.resampling import TIE, Alternative, checked, exceedances, p_value, p_values

TIE_32 = 1e-5  # in units of the correlation: ten times what float32 transforms were seen to err
BLOCK = 1 << 18  # pixels of a block: its transforms stay in the cache


def shift_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
    workers: int = 2,
) -> MapTest:
    """Test association of two maps against all shifts of the second around the torus.

    Each image's p-value counts all HW shifts, the identity among them, so it is exact where the
    maps are stationary and periodic.  The mean over images is tested by drawing a shift of each
    image independently.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).  Two stacks of bool are masks: the statistic is the overlap lift, its counts
        exact.  Anything else: Pearson's correlation; the transforms are float32, and shifts
        within 1e-5 of the observed correlation count as ties on both sides.
    n_resamples, seed : int
        Draws for the mean over images; image i's draw k is a pure function of (seed, i, k).
    alternative : {"two-sided", "greater", "less"}
        Of all p-values.
    confidence : float
        Of the interval.
    workers : int
        Threads; the result does not depend on them.

    Returns
    -------
    MapTest

    References
    ----------
    H. W. Lotwick, B. W. Silverman, *Methods for analysing spatial processes of several types of
    points*, Journal of the Royal Statistical Society B 44, 1982.
    """
    checked(alternative, n_resamples)
    images = varying(a, b)
    n, size = len(images), np.asarray(a)[:1].size
    masks = np.asarray(a).dtype == bool and np.asarray(b).dtype == bool
    tie = TIE if masks else TIE_32
    width = max(1, BLOCK // max(1, size))

    def measure(at: np.ndarray) -> _Block:
        return _measured(np.asarray(a)[at], np.asarray(b)[at], masks, tie, at, seed, n_resamples)

    blocks = list(_mapped(measure, np.split(images, range(width, n, width)) if n else [], workers))
    join = _joined(blocks, n_resamples)
    above, below = join.counts.T - 1  # the identity is the observed arrangement
    p = p_values(above, below, size - 1, alternative)
    found, expected = join.values, np.full(n, 1.0 if masks else 0.0)
    null = join.null / max(1, n)
    counts = exceedances(null, float(found.mean()) if n else 0.0, tie / TIE)
    return pooled(
        "shift",
        "overlap lift" if masks else "Pearson",
        found,
        p,
        expected,
        join.sd,
        images,
        n_left_out=len(np.asarray(a)) - n,
        n_draws=size - 1,
        n_resamples=n_resamples,
        p_value=p_value(*counts, n_resamples, alternative) if n else float("nan"),
        alternative=alternative,
        seed=seed,
        confidence=confidence,
    )


def shift_correlations(a: np.ndarray, b: np.ndarray, dtype: type = np.float64) -> np.ndarray:
    """Correlation of each first map with every toroidal shift of the second.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W), none constant.
    dtype : type
        numpy.float32 or numpy.float64: of the transforms.

    Returns
    -------
    numpy.ndarray
        (N, H, W): entry (n, y, x) is Pearson's correlation of ``a[n]`` with
        ``np.roll(b[n], (-y, -x), (0, 1))``.
    """
    first, second = (_standardised(maps, dtype) for maps in (a, b))
    return _products(first, second)


@dataclass(frozen=True)
class _Block:
    """Some images: values, spread over shifts, counts at or above and at or below, summed draws."""

    values: np.ndarray
    sd: np.ndarray
    counts: np.ndarray
    null: np.ndarray


def _measured(
    a: np.ndarray, b: np.ndarray, masks: bool, tie: float, images: np.ndarray, seed: int, n_resamples: int
) -> _Block:
    if masks:
        areas = a.sum((1, 2)) * b.sum((1, 2), dtype=np.float64)
        counts = np.rint(_products(a.astype(np.float32), b.astype(np.float32)))
        all_shifts = (counts.astype(np.float64) * (a[0].size / areas)[:, None, None]).reshape(len(a), -1)
        expected = 1.0
    else:
        all_shifts = shift_correlations(a, b, np.float32).reshape(len(a), -1)
        expected = 0.0
    values = all_shifts[:, :1]
    above = (all_shifts >= values - tie).sum(1)
    below = (all_shifts <= values + tie).sum(1)
    spread = np.sqrt(
        np.einsum("ij,ij->i", all_shifts, all_shifts, dtype=np.float64) / a[0].size - expected**2
    )
    null = np.zeros(n_resamples)
    for shifts, image in zip(all_shifts, images, strict=True) if n_resamples else ():
        generator = np.random.Generator(np.random.Philox(key=np.array([seed, image], np.uint64)))
        null += shifts[generator.integers(shifts.size, size=n_resamples)]
    return _Block(values[:, 0].astype(np.float64), spread, np.stack([above, below], 1), null)


def _standardised(maps: np.ndarray, dtype: type) -> np.ndarray:
    """Maps less their means, with sums of squares of 1."""
    maps = np.asarray(maps)
    centred = (maps - maps.mean((1, 2), keepdims=True, dtype=np.float64)).astype(dtype, copy=False)
    norm = np.sqrt(np.einsum("nij,nij->n", centred, centred))
    return np.asarray(np.divide(centred, norm[:, None, None], out=centred))


def _products(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Sum over x of ``first(x) second(x + h)`` for every toroidal shift h."""
    spectrum = fft.rfft2(first)
    np.conj(spectrum, out=spectrum)
    spectrum *= fft.rfft2(second)
    return np.asarray(fft.irfft2(spectrum, first.shape[1:], overwrite_x=True))


def _mapped(work: Callable[[np.ndarray], _Block], items: list[np.ndarray], workers: int) -> Iterator[_Block]:
    if workers < 2 or len(items) < 2:
        yield from map(work, items)
        return
    with ThreadPoolExecutor(workers) as pool:
        yield from pool.map(work, items)


def _joined(blocks: list[_Block], n_resamples: int) -> _Block:
    """All blocks; the draws are added in the order of the images, whoever made them."""
    null = np.zeros(n_resamples)
    for block in blocks:
        null += block.null
    of = [
        np.concatenate([np.zeros(0), *(getattr(block, name) for block in blocks)])
        for name in ("values", "sd")
    ]
    counts = np.concatenate([np.zeros((0, 2), np.int64), *(block.counts for block in blocks)])
    return _Block(of[0], of[1], counts, null)
