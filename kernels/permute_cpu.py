"""CPU side of `permute`: Philox4x32-10, Fisher-Yates, and the draws of the swap null."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .pairs_cpu import matrix, shared

TABLE = 2048
"""Masks up to which the overlaps of all pairs (16 MiB) may be tabulated before drawing."""

WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
INCREMENTS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))


def swaps(a: Array, b: Array, weights_a: Array, weights_b: Array, seed: np.uint64, n: int) -> Array:
    """Draws of `swap_null`, with the overlaps tabulated first where that is less work."""
    out = np.empty(n, np.float64)
    if len(a) <= TABLE and n >= len(a):
        _draw_tabulated(matrix(a, b), weights_a, weights_b, seed, out)
    else:
        _draw(a, b, weights_a, weights_b, seed, out)
    return out


@inner
def philox(block: np.uint64, k: np.uint64, seed: np.uint64, words: Array) -> None:
    """Write the four 32-bit words of counter (block, k) under the key `seed` into uint64 `words`."""
    c0 = block & WORD
    c1 = block >> HALF
    c2 = k & WORD
    c3 = k >> HALF
    key0 = seed & WORD
    key1 = seed >> HALF
    for _ in range(10):
        even = MULTIPLIERS[0] * c0
        odd = MULTIPLIERS[1] * c2
        c0 = (odd >> HALF) ^ c1 ^ key0
        c1 = odd & WORD
        c2 = (even >> HALF) ^ c3 ^ key1
        c3 = even & WORD
        key0 = (key0 + INCREMENTS[0]) & WORD
        key1 = (key1 + INCREMENTS[1]) & WORD
    words[0] = c0
    words[1] = c1
    words[2] = c2
    words[3] = c3


@inner
def shuffle(items: Array, seed: np.uint64, k: np.uint64) -> None:
    """Shuffle int32 items in place by the words of (seed, k)."""
    words = np.empty(4, np.uint64)
    block = np.uint64(0)
    used = 4
    for last in range(items.size - 1, 0, -1):
        size = np.uint64(last + 1)
        while True:
            if used == 4:
                philox(block, k, seed, words)
                block += np.uint64(1)
                used = 0
            product = words[used] * size
            used += 1
            rest = product & WORD
            # below 2^32 mod size the multiples of size are unevenly many; the division is rarely met
            if rest >= size or rest >= ((WORD - size + np.uint64(1)) % size):
                break
        j = np.int64(product >> HALF)
        held = items[last]
        items[last] = items[j]
        items[j] = held


@inner
def permute(items: Array, seed: np.uint64, k: np.uint64) -> None:
    """Write the k-th permutation of `pairing`."""
    restart(items)
    shuffle(items, seed, k)


@inner
def restart(items: Array) -> None:
    """Write the identity."""
    for i in range(items.size):
        items[i] = i


@parallel
def _draw(a: Array, b: Array, weights_a: Array, weights_b: Array, seed: np.uint64, out: Array) -> None:
    n = a.shape[0]
    for k in prange(out.size):
        order = np.empty(n, np.int32)
        permute(order, seed, np.uint64(k))
        total = 0.0
        for i in range(n):
            j = order[i]
            total += weights_a[i] * weights_b[j] * shared(a[i], b[j])
        out[k] = total / n


@parallel
def _draw_tabulated(table: Array, weights_a: Array, weights_b: Array, seed: np.uint64, out: Array) -> None:
    n = table.shape[0]
    for k in prange(out.size):
        order = np.empty(n, np.int32)
        permute(order, seed, np.uint64(k))
        total = 0.0
        for i in range(n):
            j = order[i]
            total += weights_a[i] * weights_b[j] * table[i, j]
        out[k] = total / n
