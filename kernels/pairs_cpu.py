"""CPU side of `pairs`: population counts over words."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, population, prange

ROWS = 32
"""Masks of `a` that one task takes through all of `b`."""

TILE_WORDS = 1 << 15
"""Words of `b` that a task keeps in the second-level cache meanwhile."""


def packed_rows(masks: Array) -> tuple[Array, bool]:
    """Words (N, K) of masks (N, P) in uint8; False where one holds more than 0 and 1."""
    n, n_pixels = masks.shape
    held = np.zeros((n, 8 * -(-n_pixels // 64)), np.uint8)
    held[:, : -(-n_pixels // 8)] = np.packbits(masks, axis=1, bitorder="little")
    return held.view("<u8").astype(np.uint64, copy=False), not masks.size or int(masks.max()) <= 1


def unpacked_rows(packed: Array, n_pixels: int) -> Array:
    """Bool masks (N, P) from words (N, K)."""
    if not n_pixels:
        return np.zeros((len(packed), 0), np.bool_)
    held = packed.astype("<u8", copy=False).view(np.uint8)
    return np.unpackbits(held, axis=1, count=n_pixels, bitorder="little").view(np.bool_)


def areas(packed: Array) -> Array:
    """Pixels of each mask, int64."""
    counts: Array = np.bitwise_count(packed).sum(axis=1, dtype=np.int64)
    return counts


def overlaps(a: Array, b: Array, rows_a: Array, rows_b: Array) -> tuple[Array, bool]:
    """Pixels that a[rows_a[i]] shares with b[rows_b[i]], int32; False where a row is out of range."""
    out = np.zeros(len(rows_a), np.int32)
    for rows, masks in ((rows_a, a), (rows_b, b)):
        if len(rows) and not 0 <= rows.min() <= rows.max() < len(masks):
            return out, False
    _overlaps(a, b, rows_a, rows_b, out)
    return out, True


def matrix(a: Array, b: Array) -> Array:
    """Pixels that a[i] shares with b[j], int32 (N, M)."""
    out = np.zeros((len(a), len(b)), np.int32)
    # word k of all masks of b in a row: pairs then run along the vector, and nothing is summed across it
    _matrix(a, np.ascontiguousarray(b.T), out)
    return out


@inner
def shared(a: Array, b: Array) -> int:
    """Pixels that two masks share."""
    total = np.uint64(0)
    for k in range(a.size):
        total += population(a[k] & b[k])
    return int(total)


@parallel
def _overlaps(a: Array, b: Array, rows_a: Array, rows_b: Array, out: Array) -> None:
    for i in prange(out.size):
        out[i] = shared(a[rows_a[i]], b[rows_b[i]])


@inner
def eight_words(out: Array, a: Array, b0: Array, b1: Array, b2: Array, b3: Array, b4: Array, b5: Array,
                b6: Array, b7: Array) -> None:  # fmt: skip
    """Add what eight words of one mask share with the same words of many."""
    a0, a1, a2, a3, a4, a5, a6, a7 = a[0], a[1], a[2], a[3], a[4], a[5], a[6], a[7]
    for j in range(out.size):
        low = population(a0 & b0[j]) + population(a1 & b1[j])
        low += population(a2 & b2[j]) + population(a3 & b3[j])
        high = population(a4 & b4[j]) + population(a5 & b5[j])
        high += population(a6 & b6[j]) + population(a7 & b7[j])
        out[j] += np.int32(low + high)


@inner
def one_word(out: Array, word: int, b: Array) -> None:
    """Add what one word of one mask shares with the same word of many."""
    for j in range(out.size):
        out[j] += np.int32(population(word & b[j]))


@inner
def against(out: Array, a: Array, b: Array, lo: int, hi: int) -> None:
    """Overlaps of one mask with the masks [lo, hi) of b, whose words come first."""
    k = 0
    while k + 8 <= a.size:
        eight_words(
            out, a[k : k + 8], b[k, lo:hi], b[k + 1, lo:hi], b[k + 2, lo:hi], b[k + 3, lo:hi],
            b[k + 4, lo:hi], b[k + 5, lo:hi], b[k + 6, lo:hi], b[k + 7, lo:hi],
        )  # fmt: skip
        k += 8
    while k < a.size:
        one_word(out, a[k], b[k, lo:hi])
        k += 1


@parallel
def _matrix(a: Array, b: Array, out: Array) -> None:
    n, m = out.shape
    tile = max(64, min(2048, TILE_WORDS // max(1, a.shape[1])))
    for task in prange((n + ROWS - 1) // ROWS):
        for lo in range(0, m, tile):
            hi = min(lo + tile, m)
            for i in range(task * ROWS, min(task * ROWS + ROWS, n)):
                against(out[i, lo:hi], a[i], b, lo, hi)
