"""CPU side of `t_maps`: maps rounded to integers, the t of each signed sum, and the sums that reach a t."""

from __future__ import annotations

import math

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .lanes import LANES
from .signed_sums import MAPS, encode, signed_sums

BLOCK = 64
"""Pixels read from a map at once: a cache line or more of every row."""

MAGIC = 1.5 * 2.0**52
"""Adding and taking away rounds half to even to an integer, below 2^51."""

BATCH_BYTES = 32 << 20
"""Size of a batch's sums, to stay in the last cache."""


def prepare(maps: Array, bits: int, centre: bool) -> tuple[Array, Array, Array, bool]:
    """Quantise maps (N, P): tiles (T, N', 16), totals and sums of squares (P',), whether all is finite.

    P' is P and N' is N, filled with zeros to multiples of 64 and 16.
    """
    n, pixels = maps.shape
    blocks = -(-pixels // BLOCK)
    tiles = np.zeros((blocks * BLOCK // LANES, -(-n // MAPS) * MAPS, LANES), np.float64)
    totals = np.zeros(blocks * BLOCK, np.float64)
    squares = np.zeros(blocks * BLOCK, np.float64)
    finite = np.ones(blocks, np.bool_)
    if maps.size:
        _prepare(maps, bits, centre, tiles, totals, squares, finite)
    return tiles, totals, squares, bool(finite.all())


def batch_size(pixels: int) -> int:
    """Draws whose sums fit the cache together, within reason."""
    return int(min(1024, max(16, BATCH_BYTES // (8 * max(pixels, 1)))))


@inner
def from_sum(g: float, total: float, squares: float, shape: tuple[float, float, float, float]) -> float:
    """The t of a signed sum; the order of operations is stated in `t_maps`."""
    first, second, alpha, beta = shape
    d = g / first if second == 0.0 else 0.5 * (total + g) / first - 0.5 * (total - g) / second
    within = (squares - d * d * alpha) * beta
    if within > 0.0:
        return d / math.sqrt(within)
    if d == 0.0:
        return 0.0
    return math.copysign(math.inf, d)


@inner
def _quantise(maps: Array, begin: int, end: int, bits: int, centre: bool, tiles: Array, totals: Array,
              squares: Array) -> bool:  # fmt: skip
    n = maps.shape[0]
    width = end - begin
    middle = np.zeros(width)
    largest = np.zeros(width)
    scale = np.zeros(width)
    if centre:
        for i in range(n):
            row = maps[i, begin:end]
            for j in range(width):
                middle[j] += row[j]
        for j in range(width):
            middle[j] /= n
    for i in range(n):
        row = maps[i, begin:end]
        for j in range(width):
            largest[j] = max(largest[j], abs(row[j] - middle[j]))
    for i in range(n):
        row = maps[i, begin:end]
        for j in range(width):
            # max lets NaN pass; infinity minus the mean is infinite or NaN
            if not abs(row[j] - middle[j]) < np.inf:
                return False
    for j in range(width):
        exponent = math.frexp(largest[j])[1]
        scale[j] = math.ldexp(1.0, min(bits - exponent, 1000))
    for i in range(n):
        row = maps[i, begin:end]
        for j in range(width):
            q = ((row[j] - middle[j]) * scale[j] + MAGIC) - MAGIC
            tiles[j // LANES, i, j % LANES] = q
            totals[j] += q
            squares[j] += q * q
    return True


@parallel
def _prepare(maps: Array, bits: int, centre: bool, tiles: Array, totals: Array, squares: Array,
             finite: Array) -> None:  # fmt: skip
    per = BLOCK // LANES
    for b in prange(finite.size):
        begin = b * BLOCK
        end = min(begin + BLOCK, maps.shape[1])
        finite[b] = _quantise(
            maps, begin, end, bits, centre, tiles[b * per : (b + 1) * per],
            totals[begin : begin + BLOCK], squares[begin : begin + BLOCK],
        )  # fmt: skip


@parallel
def _to_t(sums: Array, totals: Array, squares: Array, shape: tuple[float, float, float, float],
          out: Array) -> None:  # fmt: skip
    for k in prange(out.shape[0]):
        for j in range(out.shape[1]):
            out[k, j] = from_sum(sums[k, j], totals[j], squares[j], shape)


def t_values(held: tuple[Array, Array, Array], shape: tuple[float, float, float, float], signs: Array,
             pixels: int, batch: int | None) -> Array:  # fmt: skip
    """The t maps (K, P) of all draws."""
    tiles, totals, squares = held
    draws = len(signs)
    out = np.empty((draws, pixels), np.float64)
    size = batch or batch_size(totals.size)
    sums = np.empty((min(size, draws), totals.size), np.float64)
    for begin in range(0, draws if pixels else 0, size):
        codes = encode(signs[begin : begin + size])
        part = sums[: codes.shape[1]]
        signed_sums(tiles, codes, part)
        _to_t(part, totals, squares, shape, out[begin : begin + size])
    return out


@inner
def _first_above(threshold: float, total: float, squares: float, guess: float,
                 shape: tuple[float, float, float, float]) -> float:  # fmt: skip
    """The smallest integer g in [-2^53, 2^53] whose t exceeds the threshold, or infinity."""
    end = 2.0**53
    step = max(1.0, math.floor(abs(guess) * 2.0**-44))
    guess = min(max(math.floor(guess), -end), end)
    low = guess
    high = guess
    while low > -end and from_sum(low, total, squares, shape) > threshold:
        high = low
        low = max(low - step, -end)
        step *= 4.0
    while from_sum(high, total, squares, shape) <= threshold:
        if high == end:
            return math.inf
        low = high
        high = min(high + step, end)
        step *= 4.0
    while high - low > 1.0:
        middle = low + math.floor((high - low) / 2.0)
        if from_sum(middle, total, squares, shape) > threshold:
            high = middle
        else:
            low = middle
    return high


@parallel
def critical_sums(threshold: float, totals: Array, squares: Array,
                  shape: tuple[float, float, float, float], low: Array, high: Array) -> None:  # fmt: skip
    """Sums from which t > threshold (high) or t < -threshold (low).

    Every operation of `from_sum` rounds correctly, so that t never falls while the sum rises.
    """
    first, second, alpha, beta = shape
    for j in prange(totals.size):
        d = threshold * math.sqrt(squares[j] * beta / (1.0 + threshold * threshold * alpha * beta))
        if second == 0.0:
            high[j] = _first_above(threshold, 0.0, squares[j], d * first, shape)
            low[j] = -high[j]
        else:
            half = 0.5 / first + 0.5 / second
            shift = totals[j] * (0.5 / first - 0.5 / second)
            high[j] = _first_above(threshold, totals[j], squares[j], (d - shift) / half, shape)
            mirrored = _first_above(threshold, -totals[j], squares[j], (d + shift) / half, shape)
            low[j] = -mirrored
