"""CPU side of `local_autocorrelation`: samples of the other sites, many draws of one site at a time."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .permute_cpu import HALF, INCREMENTS, MULTIPLIERS, WORD, rejected

BATCH = 256
"""Draws of a site made together: their words and indices stay in the first-level cache."""

SITES, TOGETHER = np.uint64(3), np.uint64(4)
"""Low bits of the second word of the counter: what the random words are for."""

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
def fill_draws(
    words: Array, size: int, block: int, use: np.uint64, site: np.uint64, k: np.uint64, seed: np.uint64
) -> None:
    """Write the four words of a block for `size` draws from k on, word i of them to words[i]."""
    first = words[0]
    second = words[1]
    third = words[2]
    fourth = words[3]
    purpose = (np.uint64(block) << np.uint64(4)) | use
    for d in range(size):
        draw = k + np.uint64(d)
        c0 = draw & WORD
        c1 = purpose
        c2 = site
        c3 = draw >> HALF
        key0 = seed & WORD
        key1 = seed >> HALF
        for _ in range(10):
            even = MULTIPLIERS[0] * (c0 & WORD)
            odd = MULTIPLIERS[1] * (c2 & WORD)
            c0 = (odd >> HALF) ^ c1 ^ key0
            c1 = odd & WORD
            c2 = (even >> HALF) ^ c3 ^ key1
            c3 = even & WORD
            key0 = (key0 + INCREMENTS[0]) & WORD
            key1 = (key1 + INCREMENTS[1]) & WORD
        first[d] = np.uint32(c0)
        second[d] = np.uint32(c1)
        third[d] = np.uint32(c2)
        fourth[d] = np.uint32(c3)


@inner
def scaled(word: np.uint64, size: np.uint64, skip: np.uint64) -> tuple[np.uint32, np.uint32]:
    """Scale a word to [0, size), past `skip`; say whether it may have to be passed over."""
    product = (word & WORD) * size
    j = product >> HALF
    return np.uint32(j + np.uint64(j >= skip)), np.uint32((product & WORD) < size)


@inner
def pick_four(
    picks: Array, doubtful: Array, row: int, used: int, size: np.uint64, site: np.uint64, k: np.uint64,
    seed: np.uint64,
) -> None:  # fmt: skip
    """Scale the words of a block for many draws from k on into four rows of picks, `used` of them needed."""
    purpose = (np.uint64(row // 4) << np.uint64(4)) | SITES
    second = np.uint32(used > 1)
    third = np.uint32(used > 2)
    fourth = np.uint32(used > 3)
    for d in range(doubtful.size):
        draw = k + np.uint64(d)
        c0 = draw & WORD
        c1 = purpose
        c2 = site
        c3 = draw >> HALF
        key0 = seed & WORD
        key1 = seed >> HALF
        for _ in range(10):
            even = MULTIPLIERS[0] * (c0 & WORD)
            odd = MULTIPLIERS[1] * (c2 & WORD)
            c0 = (odd >> HALF) ^ c1 ^ key0
            c1 = odd & WORD
            c2 = (even >> HALF) ^ c3 ^ key1
            c3 = even & WORD
            key0 = (key0 + INCREMENTS[0]) & WORD
            key1 = (key1 + INCREMENTS[1]) & WORD
        picks[row, d], doubt0 = scaled(c0, size, site)
        picks[row + 1, d], doubt1 = scaled(c1, size, site)
        picks[row + 2, d], doubt2 = scaled(c2, size, site)
        picks[row + 3, d], doubt3 = scaled(c3, size, site)
        doubtful[d] |= doubt0 | (doubt1 & second) | (doubt2 & third) | (doubt3 & fourth)


@inner
def mark_repeats(picks: Array, degree: int, doubtful: Array) -> None:
    """Mark the draws in which two picks are the same."""
    for p in range(1, degree):
        for q in range(p):
            for d in range(doubtful.size):
                doubtful[d] |= np.uint32(picks[p, d] == picks[q, d])


@inner
def sample(
    picks: Array, n: int, size: np.uint64, skip: np.uint64, use: np.uint64, site: np.uint64, k: np.uint64,
    seed: np.uint64,
) -> None:  # fmt: skip
    """Take the first n different ones of [0, size), past `skip`, word by word of (seed, site, k)."""
    words = np.empty((4, 1), np.uint32)
    found = 0
    used = 0
    while found < n:
        if used % 4 == 0:
            fill_draws(words, 1, used // 4, use, site, k, seed)
        product = np.uint64(words[used % 4, 0]) * size
        used += 1
        if rejected(product, size):
            continue
        j = product >> HALF
        j += np.uint64(j >= skip)
        fresh = True
        for p in range(found):
            fresh = fresh and np.uint64(picks[p]) != j
        if fresh:
            picks[found] = j
            found += 1


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


@inner
def pick(
    picks: Array, doubtful: Array, own: Array, degree: int, site: int, n: int, k: np.uint64, seed: np.uint64
) -> None:
    """Sample draws of a site: picks[p, d] is the p-th of draw k + d, for all d of `doubtful`."""
    others = np.uint64(n - 1)
    doubtful[:] = 0
    for row in range(0, degree, 4):
        pick_four(picks, doubtful, row, degree - row, others, np.uint64(site), k, seed)
    mark_repeats(picks, degree, doubtful)
    for d in range(doubtful.size):
        if doubtful[d]:
            sample(own, degree, others, np.uint64(site), SITES, np.uint64(site), k + np.uint64(d), seed)
            for p in range(degree):
                picks[p, d] = own[p]


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
