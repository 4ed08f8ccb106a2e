"""Inner loops of `density_cpu`: rows of integers into the sums of one tile of pixels.

Four rows are buffered and added at once, which quarters the traffic of the accumulators.  All
accumulators of one type sit in one array at constant distances: the compiler then knows that they do
not overlap, and vectorises.  Arguments that are None decide branches at compilation: `adversarial` is
None for maps, `bytes_` and `halves` are None unless the pixels are uint8 or float16.
"""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import bits, inner, prefetch, shift_left
from .moments import CARRY

TILE = 4096
"""Pixels of a task: its accumulators and a few rows of input stay in the first-level cache."""

ROWS = 4
SCALE = np.float32(1 << 24)
SETTLE_SUMS = 64
"""Rows whose narrow sums fit: 2^6 steps of 2^24 an int32, of 255 an int16 (three more may wait)."""

SETTLE_SQUARES = 1 << 14
"""Rows between two carries: 2^14 squares of 2^48 fit an int64, and as many of 255^2 a uint32."""

SIZE = np.uint32(0x7FFFFFFF)
UNIT = np.uint32(0x3F800000)
"""Bits of 1.0: floats in [0, 1] have no larger ones, negative ones (-0.0 too) and NaN have."""

HALF_UNIT = np.uint32(0x3C00)
"""The same for float16."""

LOW = (1 << CARRY) - 1


@inner
def round_map(values: Array, steps: Array) -> int:
    """Round a row half-even to steps; returns the bits of its largest absolute value, NaN above all."""
    worst = np.uint32(0)
    for j in range(steps.size):
        value = values[j]
        worst = max(worst, np.uint32(bits(value) & SIZE))
        steps[j] = np.int32(np.rint(value * SCALE))
    return int(worst)


@inner
def round_pair(clean: Array, adversarial: Array, steps: Array) -> int:
    """Round the differences of two rows; returns the largest bits met: negative values and NaN are
    above those of 1.0."""
    worst = np.uint32(0)
    for j in range(steps.size):
        x = clean[j]
        y = adversarial[j]
        worst = max(worst, max(bits(x), bits(y)))
        steps[j] = np.int32(np.rint((y - x) * SCALE))
    return int(worst)


@inner
def half_steps(half: int) -> np.int32:
    """The bits of a float16 in [0, 1] as steps of 2^-24, which all of them are multiples of."""
    word = np.uint32(half)
    exponent = np.uint32(word >> np.uint32(10))
    normal = np.uint32(min(exponent, np.uint32(1)))
    fraction = np.uint32(np.uint32(word & np.uint32(1023)) | np.uint32(normal << np.uint32(10)))
    places = np.uint32(np.uint32(exponent - normal) & np.uint32(31))  # more only in refused values
    return np.int32(shift_left(fraction, places))


@inner
def subtract_halves(clean: Array, adversarial: Array, steps: Array) -> int:
    """Subtract two rows of float16, given as their bits; returns the largest bits met.

    Integers alone: neither rounding nor a thread's treatment of subnormal numbers comes in.
    """
    worst = np.uint32(0)
    for j in range(steps.size):
        x = clean[j]
        y = adversarial[j]
        worst = max(worst, max(np.uint32(x), np.uint32(y)))
        steps[j] = np.int32(half_steps(y) - half_steps(x))
    return int(worst)


@inner
def subtract_bytes(clean: Array, adversarial: Array, steps: Array) -> int:
    """Subtract two rows of uint8 into int16; every value is fine."""
    for j in range(steps.size):
        steps[j] = np.int16(adversarial[j]) - np.int16(clean[j])
    return 0


@inner
def read(
    clean: Array, adversarial: Array | None, bytes_: bool | None, halves: bool | None,
    i: int, c: int, lo: int, hi: int, row: Array,
) -> int:  # fmt: skip
    """Read a row of a map or of differences, in steps; returns the largest bits met."""
    if adversarial is None:
        return round_map(clean[i, c, lo:hi], row)
    if bytes_ is not None:
        return subtract_bytes(clean[i, c, lo:hi], adversarial[i, c, lo:hi], row)
    if halves is not None:
        return subtract_halves(clean[i, c, lo:hi], adversarial[i, c, lo:hi], row)
    return round_pair(clean[i, c, lo:hi], adversarial[i, c, lo:hi], row)


@inner
def fetch(images: Array, i: int, c: int, lo: int, hi: int) -> None:
    """Ask for a row that will be read soon: samples of one group lie anywhere in memory."""
    row = images[i, c, lo:hi]
    for j in range(0, row.size, 64 // row.itemsize):
        prefetch(row, j)


@inner
def add_four(rows: Array, sums: Array, ends: Array, width: int) -> None:
    """Add four buffered rows to sums (positive, total) and extremes, all of the rows' narrow type."""
    narrow = rows.dtype.type
    zero = narrow(0)
    for j in range(width):
        a = rows[j]
        b = rows[j + TILE]
        c = rows[j + 2 * TILE]
        d = rows[j + 3 * TILE]
        sums[j] += narrow(max(a, zero) + max(b, zero) + max(c, zero) + max(d, zero))
        sums[j + TILE] += narrow(a + b + c + d)
        ends[j] = min(ends[j], min(min(a, b), min(c, d)))
        ends[j + TILE] = max(ends[j + TILE], max(max(a, b), max(c, d)))


@inner
def square_four(rows: Array, squares: Array, bytes_: bool | None, width: int) -> None:
    """Add the squares of four buffered rows."""
    for j in range(width):
        a = rows[j]
        b = rows[j + TILE]
        c = rows[j + 2 * TILE]
        d = rows[j + 3 * TILE]
        if bytes_ is None:
            e, f, g, h = np.int64(a), np.int64(b), np.int64(c), np.int64(d)
            squares[j] += e * e + f * f + g * g + h * h
        else:  # 255^2 fits 16 bits: half of the multiplications
            squares[j] += np.uint32(
                np.uint32(np.uint16(a * a)) + np.uint32(np.uint16(b * b))
                + np.uint32(np.uint16(c * c)) + np.uint32(np.uint16(d * d))
            )  # fmt: skip


@inner
def count_four(rows: Array, signed: bool, level: int, counts: Array, width: int) -> None:
    """Count where four buffered rows, or their absolute values, exceed a level."""
    narrow = rows.dtype.type
    most = narrow(level)
    for j in range(width):
        a = rows[j]
        b = rows[j + TILE]
        c = rows[j + 2 * TILE]
        d = rows[j + 3 * TILE]
        if not signed:
            a, b, c, d = narrow(abs(a)), narrow(abs(b)), narrow(abs(c)), narrow(abs(d))
        counts[j] += narrow(narrow(a > most) + narrow(b > most) + narrow(c > most) + narrow(d > most))


@inner
def add_one(row: Array, sums: Array, squares: Array, ends: Array, width: int) -> None:
    """Add one row to sums, squares and extremes."""
    narrow = row.dtype.type
    wide = squares.dtype.type
    for j in range(width):
        a = row[j]
        sums[j] += max(a, narrow(0))
        sums[j + TILE] += a
        ends[j] = min(ends[j], a)
        ends[j + TILE] = max(ends[j + TILE], a)
    for j in range(width):
        a = np.int64(row[j])
        squares[j] += wide(a * a)


@inner
def count_one(row: Array, signed: bool, level: int, counts: Array) -> None:
    """Count where one row exceeds a level."""
    narrow = row.dtype.type
    most = narrow(level)
    for j in range(row.size):
        a = row[j]
        if not signed:
            a = narrow(abs(a))
        counts[j] += narrow(a > most)


@inner
def widen_peak(row: Array, peak: Array, first: bool) -> None:
    """Keep the largest absolute value over channels."""
    narrow = row.dtype.type
    if first:
        for j in range(row.size):
            peak[j] = narrow(abs(row[j]))
    else:
        for j in range(row.size):
            peak[j] = max(peak[j], narrow(abs(row[j])))


@inner
def settle_sums(sums: Array, positive: Array, negative: Array) -> None:
    """Move the narrow sums of a tile into the output; they start again."""
    for j in range(positive.size):
        positive[j] += sums[j]
    for j in range(positive.size):
        negative[j] += np.int64(sums[j]) - np.int64(sums[j + TILE])
    sums[:] = 0


@inner
def settle_counts(counts: Array, exceeded: Array) -> None:
    """Move the narrow counts of a tile into the output; they start again."""
    for j in range(exceeded.size):
        exceeded[j] += counts[j]
    counts[:] = 0


@inner
def settle_squares(squares: Array, high: Array, low: Array) -> None:
    """Move the squares of a tile into the output and carry; they start again."""
    for j in range(high.size):
        square = low[j] + np.int64(squares[j])
        high[j] += square >> CARRY
        low[j] = square & LOW
    squares[:] = 0


@inner
def settle_ends(ends: Array, steps: int, minimum: Array, maximum: Array) -> None:
    """Write the extremes of a tile: correctly rounded quotients, of integers that are float32 numbers."""
    unit = np.float32(steps)
    for j in range(minimum.size):
        minimum[j] = np.float32(ends[j]) / unit
    for j in range(maximum.size):
        maximum[j] = np.float32(ends[j + TILE]) / unit


@inner
def count_bytes(mask: Array, counts: Array, seen: Array) -> None:
    """Add a row of 0 and 1 to uint8 counts (at most 255 times) and note the bits seen."""
    for j in range(counts.size):
        counts[j] += mask[j]
        seen[j] |= mask[j]


@inner
def add_counts(few: Array, counts: Array) -> None:
    """Move uint8 counts into int64 counts; they start again."""
    for j in range(counts.size):
        counts[j] += few[j]
        few[j] = 0
