"""Inner loops of `density_cpu`: rows of integers into the sums of one tile of pixels.

Four rows are buffered and added at once, which quarters the traffic of the accumulators.  All
accumulators of a tile sit in one array at constant distances: the compiler then knows that they do
not overlap, and vectorises.
"""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import bits, inner
from .moments import CARRY
from .schedule import TILE

ROWS = 4
SCALE = np.float32(1 << 24)
SETTLE_SUMS = 64
"""Rows whose narrow sums fit: 2^6 steps of 2^24 an int32, of 255 an int16 (three more may wait)."""

SETTLE_SQUARES = 1 << 14
"""Rows between two carries: 2^14 squares of 2^48 fit an int64, and as many of 255^2 an int32."""

SIZE = np.uint32(0x7FFFFFFF)
UNIT = np.uint32(0x3F800000)
"""Bits of 1.0: floats in [0, 1] have no larger ones, negative ones (-0.0 too) and NaN have."""

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
def subtract_bytes(clean: Array, adversarial: Array, steps: Array) -> int:
    """Subtract two rows of uint8 into int16; every value is fine."""
    for j in range(steps.size):
        steps[j] = np.int16(adversarial[j]) - np.int16(clean[j])
    return 0


@inner
def read(
    clean: Array, adversarial: Array | None, floats: bool | None, i: int, c: int, lo: int, hi: int, row: Array
) -> int:
    """Read a row of a map (`adversarial` is None) or of differences (of bytes if `floats` is None).

    Returns the largest bits met.  Arguments that are None decide the branches at compilation.
    """
    if adversarial is None:
        return round_map(clean[i, c, lo:hi], row)
    if floats is None:
        return subtract_bytes(clean[i, c, lo:hi], adversarial[i, c, lo:hi], row)
    return round_pair(clean[i, c, lo:hi], adversarial[i, c, lo:hi], row)


@inner
def clear(ends: Array, most: int) -> None:
    """Prepare the extremes of a tile; no value is larger than `most`."""
    ends[:TILE] = most
    ends[TILE:] = -most


@inner
def add_four(rows: Array, sums: Array, squares: Array, ends: Array, width: int) -> None:
    """Add four buffered rows to sums (positive, total), squares and extremes.

    Sums have the narrow type of the rows, int32 or int16 for bytes; squares twice its width.
    """
    narrow = rows.dtype.type
    wide = squares.dtype.type
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
    for j in range(width):
        a = wide(rows[j])
        b = wide(rows[j + TILE])
        c = wide(rows[j + 2 * TILE])
        d = wide(rows[j + 3 * TILE])
        squares[j] += a * a + b * b + c * c + d * d


@inner
def add_one(row: Array, sums: Array, squares: Array, ends: Array, width: int) -> None:
    """Add one row, as `add_four`."""
    narrow = row.dtype.type
    wide = squares.dtype.type
    zero = narrow(0)
    for j in range(width):
        a = row[j]
        sums[j] += max(a, zero)
        sums[j + TILE] += a
        ends[j] = min(ends[j], a)
        ends[j + TILE] = max(ends[j + TILE], a)
    for j in range(width):
        a = wide(row[j])
        squares[j] += a * a


@inner
def settle_sums(sums: Array, positive: Array, total: Array) -> None:
    """Move the narrow sums of a tile into the output; they start again."""
    for j in range(positive.size):
        positive[j] += sums[j]
        total[j] += sums[j + TILE]
    sums[:] = 0


@inner
def settle_squares(squares: Array, high: Array, low: Array) -> None:
    """Move the squares of a tile into the output and carry; they start again."""
    for j in range(high.size):
        square = low[j] + np.int64(squares[j])
        high[j] += square >> CARRY
        low[j] = square & LOW
    squares[:] = 0


@inner
def count_above(row: Array, levels: Array, exceeded: Array) -> None:
    """Count where a row exceeds each level."""
    for t in range(levels.size):
        level = np.int32(levels[t])
        counts = exceeded[t]
        for j in range(counts.size):
            counts[j] += row[j] > level


@inner
def widen_peak(row: Array, peak: Array, adversarial: Array | None, first: bool) -> None:
    """Keep what exceedance is counted of: a map's value, or the largest abs(delta) over channels."""
    for j in range(peak.size):
        if adversarial is None:
            peak[j] = row[j]
        else:
            size = abs(np.int32(row[j]))
            peak[j] = size if first else max(peak[j], size)


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
