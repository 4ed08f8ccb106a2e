"""CPU side of `permute`: permutations, signs, shifts, and the draws of the image-swap null."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .pairs_cpu import matrix, shared
from .philox_cpu import FLIPS, HALF, SHIFTS, fill, rejected
from .shuffle_cpu import ROOM, permute

TABLE = 2048
"""Masks up to which the overlaps of all pairs (16 MiB) may be tabulated before drawing."""

LANES = 256
"""Partial sums of a draw of `swap_null`."""


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
        permute(out[k], np.empty((2, ROOM), np.uint32), seed, first + np.uint64(k))


@parallel
def _sign_flips(seed: np.uint64, first: np.uint64, out: Array) -> None:
    n = out.shape[1]
    for k in prange(out.shape[0]):
        words = np.empty(4, np.uint32)
        for block in range((n + 127) // 128):
            fill(words, np.uint64(block), FLIPS, first + np.uint64(k), seed)
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
                fill(words, np.uint64(used // 4), SHIFTS, k, seed)
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
        permute(order, np.empty((2, ROOM), np.uint32), seed, np.uint64(k))
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
        permute(order, np.empty((2, ROOM), np.uint32), seed, np.uint64(k))
        lanes = np.zeros(LANES)
        for i in range(n):
            j = order[i]
            lanes[i % LANES] += weights_a[i] * weights_b[j] * table[i, j]
        out[k] = fold(lanes) / n
