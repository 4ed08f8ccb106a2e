"""CPU side of `pairs`: population counts."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, population, prange

BLOCK = 64
"""Masks of a tile of the matrix: two blocks of 32x32 masks fill 16 KiB."""


def areas(packed: Array) -> Array:
    """Pixels of each mask, int64."""
    counts: Array = np.bitwise_count(packed).sum(axis=1, dtype=np.int64)
    return counts


def overlaps(a: Array, b: Array, rows: Array) -> Array:
    """Pixels that a[i] shares with b[rows[i]], int32."""
    out = np.zeros(len(a), np.int32)
    _overlaps(a, b, rows, out)
    return out


def matrix(a: Array, b: Array) -> Array:
    """Pixels that a[i] shares with b[j], int32 (N, M)."""
    out = np.zeros((len(a), len(b)), np.int32)
    _matrix(a, b, out)
    return out


@inner
def shared(a: Array, b: Array) -> int:
    """Pixels that two masks share."""
    total = np.uint64(0)
    for k in range(a.size):
        total += population(a[k] & b[k])
    return int(total)


@parallel
def _overlaps(a: Array, b: Array, rows: Array, out: Array) -> None:
    for i in prange(a.shape[0]):
        out[i] = shared(a[i], b[rows[i]])


@parallel
def _matrix(a: Array, b: Array, out: Array) -> None:
    blocks = (a.shape[0] + BLOCK - 1) // BLOCK
    for block in prange(blocks):
        lo = block * BLOCK
        hi = min(lo + BLOCK, a.shape[0])
        for start in range(0, b.shape[0], BLOCK):
            stop = min(start + BLOCK, b.shape[0])
            for i in range(lo, hi):
                for j in range(start, stop):
                    out[i, j] = shared(a[i], b[j])
