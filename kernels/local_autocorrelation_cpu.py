"""CPU side of `local_autocorrelation`: sums of sampled sites, counted."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .local_draws import TOGETHER, pick, sample

BATCH = 256
"""Draws of a site made together: their words and indices stay in the first-level cache."""

GROUP = 64
"""Sites of a task."""


def independent(
    values: Array, degree: Array, low: Array, high: Array, seed: int, first: int, count: int
) -> tuple[Array, Array]:
    """Count samples of their own for each site: sums not below `low`, and not above `high`.

    Parameters
    ----------
    values, low, high : float64 (N, n)
    degree : int32 (n,)
        Size of each site's sample.

    Returns
    -------
    int32 (N, n), twice
    """
    greater = np.zeros(values.shape, np.int32)
    less = np.zeros(values.shape, np.int32)
    if values.size:
        _independent(values, degree, low, high, np.uint64(seed), np.uint64(first), count, greater, less)
    return greater, less


def shared_draws(n: int, size: int, seed: int, first: int, count: int) -> Array:
    """Samples of `size` different ones of n sites for each draw, int32 (count, size)."""
    out = np.empty((count, size), np.int32)
    _shared_draws(np.uint64(n), np.uint64(seed), np.uint64(first), out)
    return out


def prefix_sums(values: Array, draws: Array, sizes: Array) -> Array:
    """Sum of the first ones of each draw, for each of some sizes: float64 (N, sizes, count)."""
    out = np.empty((len(values), len(sizes), len(draws)))
    if out.size:
        _prefix_sums(values, draws, sizes, out)
    return out


def ranked(
    values: Array, degree: Array, low: Array, high: Array, draws: Array, sizes: Array, ordered: Array
) -> tuple[Array, Array]:
    """Count as `independent` does, with samples that all sites share.

    `ordered` holds the `prefix_sums`, sorted.  A sample that holds a site has the one after its end in
    the site's place: those sites are then put right.
    """
    greater = np.zeros(values.shape, np.int32)
    less = np.zeros(values.shape, np.int32)
    if values.size:
        _ranked(degree, low, high, sizes, ordered, greater, less)
        _put_right(values, degree, low, high, draws, greater, less)
    return greater, less


@inner
def gather(values: Array, picks: Array, sums: Array, start: bool) -> None:
    """Add the values picked to the sums of the draws."""
    if start:
        for d in range(sums.size):
            sums[d] = values[np.uint64(picks[d])]
    else:
        for d in range(sums.size):
            sums[d] += values[np.uint64(picks[d])]


@inner
def count_reached(sums: Array, low: float, high: float) -> tuple[int, int]:
    """Number of sums not below `low`, and not above `high`."""
    above = 0
    below = 0
    for d in range(sums.size):
        above += sums[d] >= low
        below += sums[d] <= high
    return above, below


@parallel
def _independent(
    values: Array, degree: Array, low: Array, high: Array, seed: np.uint64, first: np.uint64, count: int,
    greater: Array, less: Array,
) -> None:  # fmt: skip
    n = degree.size
    most = degree.max()
    for task in prange((n + GROUP - 1) // GROUP):
        picks = np.empty((most + 3, BATCH), np.uint32)
        doubtful = np.empty(BATCH, np.uint32)
        own = np.empty(most, np.uint32)
        sums = np.zeros(BATCH)
        for site in range(task * GROUP, min((task + 1) * GROUP, n)):
            for start in range(0, count, BATCH):
                size = min(BATCH, count - start)
                pick(picks, doubtful[:size], own, degree[site], site, n, first + np.uint64(start), seed)
                for m in range(values.shape[0]):
                    for p in range(degree[site]):
                        gather(values[m], picks[p, :size], sums[:size], p == 0)
                    if degree[site] == 0:
                        sums[:] = 0.0
                    above, below = count_reached(sums[:size], low[m, site], high[m, site])
                    greater[m, site] += above
                    less[m, site] += below


@parallel
def _shared_draws(n: np.uint64, seed: np.uint64, first: np.uint64, out: Array) -> None:
    for k in prange(out.shape[0]):
        sample(out[k], out.shape[1], n, n, TOGETHER, np.uint64(0), first + np.uint64(k), seed)


@parallel
def _prefix_sums(values: Array, draws: Array, sizes: Array, out: Array) -> None:
    for k in prange(draws.shape[0]):
        for m in range(values.shape[0]):
            total = 0.0
            p = 0
            for s in range(sizes.size):
                while p < sizes[s]:
                    total += values[m, draws[k, p]]
                    p += 1
                out[m, s, k] = total


@inner
def below(ordered: Array, bound: float, inclusive: bool) -> int:
    """Number of sorted sums below a bound, or not above it."""
    lo = 0
    hi = ordered.size
    while lo < hi:
        middle = (lo + hi) // 2
        value = ordered[middle]
        if value < bound or (inclusive and value == bound):
            lo = middle + 1
        else:
            hi = middle
    return lo


@parallel
def _ranked(
    degree: Array, low: Array, high: Array, sizes: Array, ordered: Array, greater: Array, less: Array
) -> None:
    kind = np.zeros(sizes.max() + 1, np.int64)
    for s in range(sizes.size):
        kind[sizes[s]] = s
    n = degree.size
    count = ordered.shape[2]
    for task in prange((n + 1023) // 1024):
        for m in range(low.shape[0]):
            for site in range(task * 1024, min((task + 1) * 1024, n)):
                sums = ordered[m, kind[degree[site]]]
                greater[m, site] = count - below(sums, low[m, site], False)
                less[m, site] = below(sums, high[m, site], True)


@inner
def _put_right(
    values: Array, degree: Array, low: Array, high: Array, draws: Array, greater: Array, less: Array
) -> None:
    for k in range(draws.shape[0]):
        for p in range(draws.shape[1] - 1):
            site = draws[k, p]
            if p >= degree[site]:
                continue
            for m in range(values.shape[0]):
                wrong = 0.0
                right = 0.0
                for q in range(degree[site]):
                    wrong += values[m, draws[k, q]]
                    right += values[m, draws[k, degree[site] if q == p else q]]
                greater[m, site] += np.int32(right >= low[m, site]) - np.int32(wrong >= low[m, site])
                less[m, site] += np.int32(right <= high[m, site]) - np.int32(wrong <= high[m, site])
