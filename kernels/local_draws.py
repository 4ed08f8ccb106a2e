"""Samples without replacement on the CPU: of many draws of one site at a time, or of a single draw."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inlined, inner
from .philox_cpu import HALF, WORD, philox, rejected

SITES, TOGETHER = np.uint64(3), np.uint64(4)
"""Low bits of the second word of the counter: what the random words are for."""


@inlined
def words_of(
    block: int, use: np.uint64, site: np.uint64, k: np.uint64, seed: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """The four words of a block of draw k of a site."""
    return philox(k & WORD, (np.uint64(block) << np.uint64(4)) | use, site, k >> HALF, seed)


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
    second = np.uint32(used > 1)
    third = np.uint32(used > 2)
    fourth = np.uint32(used > 3)
    for d in range(doubtful.size):
        c0, c1, c2, c3 = words_of(row // 4, SITES, site, k + np.uint64(d), seed)
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
    words = np.empty(4, np.uint32)
    found = 0
    used = 0
    while found < n:
        if used % 4 == 0:
            words[0], words[1], words[2], words[3] = words_of(used // 4, use, site, k, seed)
        product = np.uint64(words[used % 4]) * size
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
