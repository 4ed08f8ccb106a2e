"""CPU side of `overlap_sums`: integer sums over the set pixels of packed masks."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange

BLOCK = 1 << 20
"""Words of masks that are turned at once, so that word k of all of them lies in a row."""


def weighted(packed: Array, limbs: Array, groups: Array, n_groups: int) -> Array:
    """Sum of the limbs (2, N) of all masks of a group that hold a pixel: int64 (G, 2, 64 K)."""
    sums = np.zeros((n_groups, 2, 64 * packed.shape[1]), np.int64)
    size = max(1, BLOCK // max(1, packed.shape[1]))
    for start in range(0, len(packed), size):  # a block at a time: masks may lie in a file
        rows = slice(start, start + size)
        _weighted(np.ascontiguousarray(packed[rows].T), limbs[0, rows], limbs[1, rows], groups[rows], sums)
    return sums


def collected(packed: Array, sums: Array, groups: Array) -> Array:
    """What each mask collects from the sums (G, 2, 64 K) of its group: int64 (N, 2)."""
    out = np.zeros((len(packed), 2), np.int64)
    _collected(packed, sums, groups, out)
    return out


@inner
def give(word: int, amount: int, sums: Array) -> None:
    """Add an amount to the sums of the pixels of one word."""
    for t in range(64):
        sums[t] += amount & -np.int64((word >> np.uint64(t)) & np.uint64(1))


@inner
def take(word: int, sums: Array) -> int:
    """Sum over the pixels of one word."""
    total = np.int64(0)
    for t in range(64):
        total += sums[t] & -np.int64((word >> np.uint64(t)) & np.uint64(1))
    return int(total)


@parallel
def _weighted(words: Array, high: Array, low: Array, groups: Array, sums: Array) -> None:
    for k in prange(words.shape[0]):
        span = slice(64 * k, 64 * k + 64)
        for i in range(words.shape[1]):
            if words[k, i]:
                give(words[k, i], high[i], sums[groups[i], 0, span])
                give(words[k, i], low[i], sums[groups[i], 1, span])


@parallel
def _collected(packed: Array, sums: Array, groups: Array, out: Array) -> None:
    for i in prange(packed.shape[0]):
        for k in range(packed.shape[1]):
            if packed[i, k]:
                for limb in range(2):
                    out[i, limb] += take(packed[i, k], sums[groups[i], limb, 64 * k : 64 * k + 64])
