"""The sums of one tile of pixels over one segment of samples: what a task of `density_cpu` does."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import types

from .checks import Array
from .density_lanes import LEAST, MOST, SIZE, TILE, TOTAL, add_rows, in_order
from .fixed_point import CARRY
from .jit import inner, operation
from .llvm_vectors import VECTOR

ROWS = 4
"""Samples added at once, which share one load and store of the sums."""

SETTLE_SUMS = 124
"""Rows whose narrow sums fit: 124 steps of 2^24 an int32, of 255 an int16."""

SETTLE_SQUARES = 1 << 14
"""Rows between two carries: 2^14 squares of 2^48 fit an int64, and as many of 255^2 a uint32."""

LOW = (1 << CARRY) - 1


@inner
def sum_tile(
    clean: Array, adversarial: Array | None, channels: int, pixels: int, samples: Array, levels: Array,
    square_like: Array, steps: int, lo: int, hi: int, positive: Array, negative: Array, high: Array,
    low: Array, minimum: Array, maximum: Array, exceeded: Array,
) -> bool:  # fmt: skip
    """Write the sums of pixels `lo` to `hi`, of the narrow type of `levels`; True if a value is bad.

    `clean` and `adversarial` are flat.  `high` holds zeros and is written only where it is not zero:
    memory that no one touched costs nothing.
    """
    width = hi - lo
    if samples.size == 0:
        positive[:] = 0
        negative[:] = 0
        low[:] = 0
        exceeded[:] = 0
        minimum[:] = np.inf
        maximum[:] = -np.inf
        return False
    sums = np.empty(4 * TILE, levels.dtype)
    squares = np.zeros(TILE, square_like.dtype)
    counts = np.zeros(levels.size * TILE, levels.dtype)
    peaks = np.empty(ROWS * TILE, levels.dtype)
    sums[: 2 * TILE] = 0
    sums[LEAST * TILE : MOST * TILE] = steps
    sums[MOST * TILE :] = -steps
    bad = np.uint64(0)
    n = samples.size
    waiting, squared, settled, carried = 0, 0, False, False
    k = 0
    while k < n:
        taken = ROWS if k + ROWS <= n else 1
        for c in range(channels):
            if waiting + taken > SETTLE_SUMS:
                settle_sums(sums, positive, negative, settled)
                settle_counts(counts, exceeded, settled)
                waiting, settled = 0, True
            if squared + taken > SETTLE_SQUARES:
                settle_squares(squares, high, low, carried)
                squared, carried = 0, True
            first, last = c == 0, c + 1 == channels
            ahead = min(k + taken, n - taken)
            base = c * pixels + lo
            a = row(samples, k, channels * pixels, base)
            next_a = row(samples, ahead, channels * pixels, base)
            if taken == ROWS:
                b = row(samples, k + 1, channels * pixels, base)
                d = row(samples, k + 2, channels * pixels, base)
                e = row(samples, k + 3, channels * pixels, base)
                next_b = row(samples, ahead + 1, channels * pixels, base)
                next_d = row(samples, ahead + 2, channels * pixels, base)
                next_e = row(samples, ahead + 3, channels * pixels, base)
                bad |= add(
                    clean, adversarial, (a, b, d, e), (next_a, next_b, next_d, next_e), width, sums, squares,
                    counts, levels, peaks, first, last,
                )  # fmt: skip
            else:
                bad |= add(clean, adversarial, (a,), (next_a,), width, sums, squares, counts, levels, peaks,
                           first, last)  # fmt: skip
            waiting += taken
            squared += taken
        k += taken
    settle_sums(sums, positive, negative, settled)
    settle_counts(counts, exceeded, settled)
    settle_squares(squares, high, low, carried)
    settle_ends(sums, steps, minimum, maximum)
    return bool(bad != 0)


@inner
def row(samples: Array, k: int, size: int, base: int) -> np.uint64:
    """Where a sample's row begins in the flat images."""
    return np.uint64(samples[k] * size + base)


@inner
def add(
    clean: Array, adversarial: Array | None, rows: tuple[np.uint64, ...], soon: tuple[np.uint64, ...],
    width: int, sums: Array, squares: Array, counts: Array, levels: Array, peaks: Array, first: bool,
    last: bool,
) -> np.uint64:  # fmt: skip
    """Add rows to the sums of a tile."""
    lanes = VECTOR // sums.itemsize
    whole = width - width % lanes
    bad = np.uint64(0)
    for j in range(0, whole, lanes):
        bad |= add_rows(clean, adversarial, rows, soon, np.uint64(j), sums, squares, counts, levels, peaks,
                        first, last, np.uint64(j))  # fmt: skip
    if whole < width:  # what is left of a row is read from a copy that is long enough
        start = (np.uint64(0),)
        for r in range(len(rows)):
            begin = rows[r] + np.uint64(whole)
            x = edge(clean, begin, width - whole, lanes)
            y = edge(adversarial, begin, width - whole, lanes)
            bad |= add_rows(x, y, start, start, np.uint64(0), sums, squares, counts, levels,
                            peaks[r * TILE : (r + 1) * TILE], first, last, np.uint64(whole))  # fmt: skip
    return bad


def _copied(images: Array, begin: np.uint64, size: int, lanes: int) -> Array:
    pixels = np.zeros(lanes, images.dtype)
    for j in range(size):
        pixels[j] = images[begin + np.uint64(j)]
    return pixels


def _edge(typing: Any, images: Any, begin: Any, size: Any, lanes: Any) -> Any:
    nothing = isinstance(images, types.NoneType)
    result = types.none if nothing else types.Array(images.dtype, 1, "C")

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        if nothing:
            return context.get_dummy_value()
        return context.compile_internal(builder, _copied, signature, arguments)

    return result(images, begin, size, lanes), generate


edge = operation(_edge)
"""``edge(images, begin, size, lanes)`` copies the last few pixels of a row, zeros behind; None of None."""


@inner
def settle_sums(sums: Array, positive: Array, negative: Array, settled: bool) -> None:
    """Move the narrow sums of a tile into the output, written anew at the first time; they start again."""
    for j in range(positive.size):
        up = (np.int64(sums[j + SIZE * TILE]) + np.int64(sums[j + TOTAL * TILE])) >> 1
        positive[j] = positive[j] + up if settled else up
    for j in range(negative.size):
        down = (np.int64(sums[j + SIZE * TILE]) - np.int64(sums[j + TOTAL * TILE])) >> 1
        negative[j] = negative[j] + down if settled else down
    sums[: 2 * TILE] = 0


@inner
def settle_counts(counts: Array, exceeded: Array, settled: bool) -> None:
    """Move the narrow counts of a tile into the output, written anew at the first time; they start again."""
    for t in range(len(exceeded)):
        settle_level(counts[t * TILE : (t + 1) * TILE], exceeded[t], settled)
    counts[:] = 0


@inner
def settle_level(counts: Array, exceeded: Array, settled: bool) -> None:
    """Move the counts of one level."""
    for j in range(exceeded.size):
        exceeded[j] = exceeded[j] + counts[j] if settled else np.int64(counts[j])


@inner
def settle_squares(squares: Array, high: Array, low: Array, carried: bool) -> None:
    """Move the squares of a tile, back in the order of its pixels, into the output and carry."""
    lanes = 2 * VECTOR // squares.itemsize
    wide = np.empty(TILE, np.int64)
    for j in range(0, low.size, lanes):
        in_order(squares, np.uint64(j), wide)
    if carried:
        for j in range(low.size):
            low[j] += wide[j]
    else:
        for j in range(low.size):
            low[j] = wide[j]
    squares[:] = 0
    most = np.int64(0)
    for j in range(low.size):
        most = max(most, low[j])
    if most > LOW:
        for j in range(low.size):
            high[j] += low[j] >> CARRY
        for j in range(low.size):
            low[j] &= LOW


@inner
def settle_ends(sums: Array, steps: int, minimum: Array, maximum: Array) -> None:
    """Write the extremes of a tile: correctly rounded quotients, of integers that are float32 numbers."""
    unit = np.float32(steps)
    for j in range(minimum.size):
        minimum[j] = np.float32(sums[j + LEAST * TILE]) / unit
    for j in range(maximum.size):
        maximum[j] = np.float32(sums[j + MOST * TILE]) / unit
