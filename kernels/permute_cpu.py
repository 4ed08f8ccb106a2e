"""CPU side of `permute`: Philox4x32-10, Fisher-Yates, and the draws of the nulls."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .pairs_cpu import matrix, shared

TABLE = 2048
"""Masks up to which the overlaps of all pairs (16 MiB) may be tabulated before drawing."""

TILE = 1024
"""Random words made at a time: they and the indices made of them stay in the first-level cache."""

LANES = 256
"""Partial sums of a draw of `swap_null`."""

WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
INCREMENTS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ORDERS, FLIPS, SHIFTS = np.uint64(0), np.uint64(1), np.uint64(2)
"""Second word of the counter: what the random words are for."""


def permutations(n: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.permutations`."""
    out = np.empty((count, n), np.int32)
    _permutations(np.uint64(seed), np.uint64(first), out)
    return out


def sign_flips(n: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.sign_flips`."""
    out = np.empty((count, n), np.int8)
    _sign_flips(np.uint64(seed), np.uint64(first), out)
    return out


def shifts(height: int, width: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.shifts`."""
    out = np.empty((count, 2), np.int32)
    _shifts(np.uint64(height), np.uint64(width), np.uint64(seed), np.uint64(first), out)
    return out


def swaps(a: Array, b: Array, weights_a: Array, weights_b: Array, seed: int, n: int) -> Array:
    """Draws of `swap_null`, with the overlaps tabulated first where that is less work."""
    out = np.empty(n, np.float64)
    if len(a) <= TABLE and n >= len(a):
        _draw_tabulated(matrix(a, b), weights_a, weights_b, np.uint64(seed), out)
    else:
        _draw(a, b, weights_a, weights_b, np.uint64(seed), out)
    return out


@inner
def fill(
    words: Array, n_blocks: int, block: np.uint64, use: np.uint64, k: np.uint64, seed: np.uint64
) -> None:
    """Write the words of `n_blocks` counters (block, use, k) from `block` on, under the key `seed`."""
    for b in range(n_blocks):
        c0 = block + np.uint64(b)
        c1 = use
        c2 = k & WORD
        c3 = k >> HALF
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
        words[4 * b] = np.uint32(c0)
        words[4 * b + 1] = np.uint32(c1)
        words[4 * b + 2] = np.uint32(c2)
        words[4 * b + 3] = np.uint32(c3)


@inner
def rejected(product: np.uint64, size: np.uint64) -> bool:
    """Whether a word must be passed over, since the multiples of `size` are unevenly many."""
    rest = product & WORD
    # the division is rarely met: the bound is below `size`
    return bool(rest < size and rest < ((WORD - size + np.uint64(1)) % size))


@inner
def scale(words: Array, chosen: Array, last: int) -> bool:
    """Scale words to indices below last + 1, last, ...; say whether one of them may be rejected."""
    lowest = WORD
    for s in range(chosen.size):
        product = np.uint64(words[s]) * np.uint64(last + 1 - s)
        chosen[s] = np.uint32(product >> HALF)
        lowest = min(lowest, product & WORD)
    return bool(lowest < np.uint64(last + 1))


@inner
def choose(chosen: Array, words: Array, last: int, used: int, k: np.uint64, seed: np.uint64) -> int:
    """Draw the next indices of a shuffle, the first of them below last + 1.

    `words` is a buffer of chosen.size + 8; `used` words of the draw are used up already.  Returns
    how many are afterwards.
    """
    at = used % 4
    blocks = (at + chosen.size + 3) // 4
    block = used // 4
    fill(words, blocks, np.uint64(block), ORDERS, k, seed)
    if not scale(words[at : at + chosen.size], chosen, last):
        return used + chosen.size
    block += blocks
    end = 4 * blocks
    for s in range(chosen.size):
        size = np.uint64(last + 1 - s)
        while True:
            if at == end:
                fill(words, 1, np.uint64(block), ORDERS, k, seed)
                block += 1
                at = 0
                end = 4
            product = np.uint64(words[at]) * size
            at += 1
            if not rejected(product, size):
                break
        chosen[s] = np.uint32(product >> HALF)
    return 4 * block - (end - at)


@inner
def exchange(items: Array, chosen: Array, last: int) -> None:
    """Exchange the items last, last - 1, ... with those chosen for them."""
    size = chosen.size
    tail = items[last + 1 - size : last + 1]
    for s in range(size):
        # unsigned: no wrapping of negative indices in the hottest loop
        j = np.uint64(chosen[s])
        t = np.uint64(size - 1 - s)
        held = items[j]
        items[j] = tail[t]
        tail[t] = held


@inner
def shuffle(items: Array, words: Array, chosen: Array, seed: np.uint64, k: np.uint64) -> None:
    """Shuffle items in place by the words of (seed, k); `words` and `chosen` are buffers for a tile."""
    used = 0
    last = items.size - 1
    while last > 0:
        size = min(chosen.size, last)
        used = choose(chosen[:size], words, last, used, k, seed)
        exchange(items, chosen[:size], last)
        last -= size


@inner
def permute(items: Array, words: Array, chosen: Array, seed: np.uint64, k: np.uint64) -> None:
    """Write the k-th permutation of `pairing`."""
    for i in range(items.size):
        items[i] = i
    shuffle(items, words, chosen, seed, k)


@inner
def fold(lanes: Array) -> float:
    """Sum of the lanes, destroying them: the upper part is added onto the lower, halving each time."""
    left = lanes.size
    half = 1
    while 2 * half < left:
        half *= 2
    while left > 1:
        for j in range(left - half):
            lanes[j] += lanes[j + half]
        left = half
        half //= 2
    return float(lanes[0])


@parallel
def _permutations(seed: np.uint64, first: np.uint64, out: Array) -> None:
    for k in prange(out.shape[0]):
        words = np.empty(TILE + 8, np.uint32)
        chosen = np.empty(TILE, np.uint32)
        permute(out[k], words, chosen, seed, first + np.uint64(k))


@parallel
def _sign_flips(seed: np.uint64, first: np.uint64, out: Array) -> None:
    n = out.shape[1]
    for k in prange(out.shape[0]):
        words = np.empty(4, np.uint32)
        for block in range((n + 127) // 128):
            fill(words, 1, np.uint64(block), FLIPS, first + np.uint64(k), seed)
            for i in range(128 * block, min(128 * block + 128, n)):
                bit = (words[(i // 32) % 4] >> np.uint32(i % 32)) & np.uint32(1)
                out[k, i] = 1 - 2 * np.int64(bit)


@inner
def _shift(
    height: np.uint64, width: np.uint64, words: Array, seed: np.uint64, k: np.uint64, out: Array
) -> None:
    used = 0
    for axis in range(2):
        size = height if axis == 0 else width
        while True:
            if used % 4 == 0:
                fill(words, 1, np.uint64(used // 4), SHIFTS, k, seed)
            product = np.uint64(words[used % 4]) * size
            used += 1
            if not rejected(product, size):
                break
        out[axis] = np.int32(product >> HALF)


@parallel
def _shifts(height: np.uint64, width: np.uint64, seed: np.uint64, first: np.uint64, out: Array) -> None:
    for k in prange(out.shape[0]):
        _shift(height, width, np.empty(4, np.uint32), seed, first + np.uint64(k), out[k])


@parallel
def _draw(a: Array, b: Array, weights_a: Array, weights_b: Array, seed: np.uint64, out: Array) -> None:
    n = a.shape[0]
    for k in prange(out.size):
        order = np.empty(n, np.int32)
        permute(order, np.empty(TILE + 8, np.uint32), np.empty(TILE, np.uint32), seed, np.uint64(k))
        lanes = np.zeros(LANES)
        for i in range(n):
            j = order[i]
            lanes[i % LANES] += weights_a[i] * weights_b[j] * shared(a[i], b[j])
        out[k] = fold(lanes) / n


@parallel
def _draw_tabulated(table: Array, weights_a: Array, weights_b: Array, seed: np.uint64, out: Array) -> None:
    n = table.shape[0]
    for k in prange(out.size):
        order = np.empty(n, np.int32)
        permute(order, np.empty(TILE + 8, np.uint32), np.empty(TILE, np.uint32), seed, np.uint64(k))
        lanes = np.zeros(LANES)
        for i in range(n):
            j = order[i]
            lanes[i % LANES] += weights_a[i] * weights_b[j] * table[i, j]
        out[k] = fold(lanes) / n
