"""From runs of pixels to the properties of regions, on the CPU: integer sums and one rounding step.

The bounds hold for images of at most 2^26 pixels with sides of at most 2^18, which `label` sees to.
"""

from __future__ import annotations

import math

import numpy as np

from .checks import Array
from .jit import inner
from .label_runs import at

# Columns of the integer sums of a region.
AREA, TOP, LEFT, BOTTOM, RIGHT, R, C, RR, CC, RC, STEPS, ROW_HIGH, ROW_LOW, COL_HIGH, COL_LOW = range(15)
# Columns of its floats: smallest and largest weight, two factors whose product turns weights into steps.
LOWEST, PEAK, FACTOR, FACTOR_2 = range(4)

MIDDLE = 600
POWERS = 2.0 ** np.arange(-MIDDLE, MIDDLE + 1)
"""Power k of two at MIDDLE + k: half an exponent of at most 62 + 1073."""

BITS = np.int64(26)
"""Weights in steps are split into a high word and a low one of so many bits.

|steps| is at most 2^(62 - b) in a region of at most 2^b pixels, so that their sum stays within 2^62.
For the weighted centroid each is multiplied by an offset below 2^18.  Low words: 2^26 2^18 a pixel,
2^62 in a run of 2^18 pixels; what a run leaves is split again, and its part below 2^26 summed over at most
2^26 runs.  High words: 2^(36 - b) 2^18 a pixel, 2^54 over all of them.  No sum leaves int64.
"""
MASK = np.int64((1 << 26) - 1)


@inner
def add_run(sums: Array, k: int, r: int, lo: int, hi: int) -> None:
    """Add the run [lo, hi) of row r to region k: area, box, and the exact sums of r, c, rr, cc, rc."""
    n = hi - lo
    if sums[k, AREA] == 0:
        sums[k, TOP] = r
        sums[k, LEFT] = lo
    sums[k, AREA] += n
    sums[k, LEFT] = min(sums[k, LEFT], lo)
    sums[k, BOTTOM] = r + 1
    sums[k, RIGHT] = max(sums[k, RIGHT], hi)
    columns = (n * (lo + hi - 1)) >> 1
    sums[k, R] += n * r
    sums[k, C] += columns
    sums[k, RR] += n * r * r
    sums[k, CC] += ((hi - 1) * hi * (2 * hi - 1) - (lo - 1) * lo * (2 * lo - 1)) // 6
    sums[k, RC] += r * columns


@inner
def add_extremes(ends: Array, k: int, weights: Array, begin: int, end: int) -> bool:
    """Add a run's weights to a region's smallest and largest; returns whether one is not finite."""
    lowest = ends[k, LOWEST]
    peak = ends[k, PEAK]
    wrong = False
    for c in range(begin, end):
        value = np.float64(weights[at(c)])
        wrong |= not (abs(value) < np.inf)
        lowest = value if value < lowest else lowest
        peak = value if value > peak else peak
    ends[k, LOWEST] = lowest
    ends[k, PEAK] = peak
    return wrong


@inner
def set_factors(ends: Array, k: int, area: int) -> None:
    """Choose the step of a region's weights, as a power of two in two factors.

    Two, because the power itself may leave float64: for subnormal weights it is about 2^1135.  The
    product rounds only what is far below one step.
    """
    largest = max(-ends[k, LOWEST], ends[k, PEAK])
    exponent = math.frexp(largest)[1]
    bits = math.frexp(np.float64(area - 1))[1]
    half = (62 - bits - exponent) >> 1
    rest = 62 - bits - exponent - half
    ends[k, FACTOR] = POWERS[at(MIDDLE + half)]
    ends[k, FACTOR_2] = POWERS[at(MIDDLE + rest)]


@inner
def add_weights(
    sums: Array, ends: Array, k: int, weights: Array, begin: int, n: int, r: int, lo: int
) -> None:
    """Add a run's n weights, in steps, to region k: mass, and first moments about its box's corner."""
    factor = ends[k, FACTOR]
    factor_2 = ends[k, FACTOR_2]
    offset = lo - sums[k, LEFT]
    steps = np.int64(0)
    high = np.int64(0)
    low = np.int64(0)
    for j in range(n):
        value = np.int64(np.rint(np.float64(weights[at(begin + j)]) * factor * factor_2))
        steps += value
        high += (value >> BITS) * (offset + j)
        low += (value & MASK) * (offset + j)
    sums[k, STEPS] += steps
    sums[k, COL_HIGH] += high + (low >> BITS)
    sums[k, COL_LOW] += low & MASK
    row = r - sums[k, TOP]
    low = (steps & MASK) * row
    sums[k, ROW_HIGH] += (steps >> BITS) * row + (low >> BITS)
    sums[k, ROW_LOW] += low & MASK


@inner
def joined(high: int, low: int) -> float:
    """A number in two words as float64."""
    return np.float64(high + (low >> BITS)) * np.float64(1 << 26) + np.float64(low & MASK)


@inner
def finish(sums: Array, real: Array, k: int) -> None:
    """Turn exact sums into a centroid and central second moments.

    The moments are taken about the integer pixel nearest to the centroid, exactly, before the one
    rounding step.
    """
    n = sums[k, AREA]
    row = (2 * sums[k, R] + n) // (2 * n)
    col = (2 * sums[k, C] + n) // (2 * n)
    over_row = sums[k, R] - n * row
    over_col = sums[k, C] - n * col
    real[0, k] = sums[k, R] / n
    real[1, k] = sums[k, C] / n
    real[6, k] = (sums[k, RR] - row * (n * row + 2 * over_row) - over_row * (over_row / n)) / n
    real[7, k] = (sums[k, CC] - col * (n * col + 2 * over_col) - over_col * (over_col / n)) / n
    cross = sums[k, RC] - row * over_col - col * over_row - n * row * col
    real[8, k] = (cross - over_row * (over_col / n)) / n


@inner
def finish_weights(sums: Array, ends: Array, real: Array, k: int) -> None:
    """Turn steps into mass, peak and weighted centroid."""
    steps = np.float64(sums[k, STEPS])
    real[2, k] = steps * (1.0 / ends[k, FACTOR]) * (1.0 / ends[k, FACTOR_2])
    real[3, k] = ends[k, PEAK] + 0.0  # -0.0 becomes 0.0: which of them was larger is a matter of order
    real[4, k] = np.nan
    real[5, k] = np.nan
    if sums[k, STEPS] != 0:
        real[4, k] = sums[k, TOP] + joined(sums[k, ROW_HIGH], sums[k, ROW_LOW]) / steps
        real[5, k] = sums[k, LEFT] + joined(sums[k, COL_HIGH], sums[k, COL_LOW]) / steps


@inner
def measure_runs(
    marks: Array, owner: Array, row_of: Array, weights: Array | None, width: int, sample: int,
    whole: Array, real: Array,
) -> bool:  # fmt: skip
    """Measure the regions of one image from its runs; returns whether a weight is not finite.

    Run j covers the pixels marks[2 j] to marks[2 j + 1], half-open, of region owner[j]; `weights` is flat.
    """
    regions = whole.shape[1]
    sums = np.zeros((regions, 15), np.int64)
    ends = np.empty((regions, 4), np.float64)
    ends[:, LOWEST] = np.inf
    ends[:, PEAK] = -np.inf
    wrong = False
    for r in range(row_of.size - 1):
        base = r * width
        for j in range(row_of[r], row_of[r + 1]):
            k = int(owner[j]) - 1
            begin = int(marks[2 * j])
            end = int(marks[2 * j + 1])
            add_run(sums, k, r, begin - base, end - base)
            if weights is not None:
                wrong |= add_extremes(ends, k, weights, begin, end)
    if weights is not None and not wrong:
        for k in range(regions):
            set_factors(ends, k, sums[k, AREA])
        for r in range(row_of.size - 1):
            base = r * width
            for j in range(row_of[r], row_of[r + 1]):
                begin = int(marks[2 * j])
                n = marks[2 * j + 1] - begin
                add_weights(sums, ends, int(owner[j]) - 1, weights, begin, n, r, begin - base)
    for k in range(regions):
        whole[0, k] = sample
        whole[1, k] = k + 1
        for j in range(5):
            whole[2 + j, k] = sums[k, j]
        if sums[k, AREA] == 0:
            real[:, k] = np.nan
            real[2, k] = 0.0
            continue
        finish(sums, real, k)
        if weights is None:
            real[2, k] = sums[k, AREA]
            real[3, k] = 1.0
            real[4, k] = real[0, k]
            real[5, k] = real[1, k]
        else:
            finish_weights(sums, ends, real, k)
    return wrong
