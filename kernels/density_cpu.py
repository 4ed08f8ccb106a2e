"""CPU side of `density`: one parallel loop over (segment of samples, tile of pixels)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from .checks import Array
from .density_loops import (
    ROWS,
    SETTLE_SQUARES,
    SETTLE_SUMS,
    UNIT,
    add_counts,
    add_four,
    add_one,
    clear,
    count_above,
    count_bytes,
    read,
    settle_squares,
    settle_sums,
    widen_peak,
)
from .jit import inner, parallel, prange
from .schedule import TILE


class Sums(NamedTuple):
    """What a pass leaves, in steps: (S, P) sums by segment and pixel; extremes (2, S, P);
    exceedances (T, S, P); and by task whether a value was refused.

    The test is made on the bits: `bad` is also true of pairs that hold -0.0.
    """

    positive: Array
    total: Array
    high: Array
    low: Array
    ends: Array
    exceeded: Array
    bad: Array


def sum_maps(maps: Array, order: Array, bounds: Array, levels: Array) -> Sums:
    """Sum float32 maps (N, P); `bad` is non-zero where a value is NaN or outside [-1, 1]."""
    return _sums(maps[:, None], None, order, bounds, levels)


def sum_pairs(clean: Array, adversarial: Array, order: Array, bounds: Array, levels: Array) -> Sums:
    """Sum differences of (N, C, P) images, uint8 or float32, over samples and channels."""
    return _sums(clean, adversarial, order, bounds, levels)


def count_masks(masks: Array, order: Array, bounds: Array) -> tuple[Array, bool]:
    """Count the ones of masks (N, P) by segment and pixel; False where a value is above 1."""
    segments, pixels = len(bounds) - 1, masks.shape[1]
    counts, bad = np.zeros((segments, pixels), np.int64), np.zeros(-(-pixels // TILE) * segments, np.bool_)
    if bad.size:
        _count_masks(masks, order, bounds, counts, bad)
    return counts, not bad.any()


def _sums(clean: Array, adversarial: Array | None, order: Array, bounds: Array, levels: Array) -> Sums:
    segments, pixels = len(bounds) - 1, clean.shape[2]
    positive, total, high, low = (np.zeros((segments, pixels), np.int64) for _ in range(4))
    out = Sums(
        positive, total, high, low, np.zeros((2, segments, pixels), np.int32),
        np.zeros((len(levels), segments, pixels), np.int64),
        np.zeros(-(-pixels // TILE) * segments, np.bool_),
    )  # fmt: skip
    if out.bad.size:
        bytes_ = clean.dtype == np.uint8
        # bytes go into narrower rows and squares: twice as many fit a vector register
        row, square = (np.int16, np.int32) if bytes_ else (np.int32, np.int64)
        most = 255 if bytes_ else 1 << 24
        floats = None if bytes_ else True
        kinds = np.empty(0, row), np.empty(0, square)
        _sum(clean, adversarial, floats, order, bounds, levels, *kinds, most, *out)
    return out


@parallel
def _sum(
    clean: Array, adversarial: Array | None, floats: bool | None, order: Array, bounds: Array, levels: Array,
    row_like: Array, square_like: Array, most: int, positive: Array, total: Array, high: Array, low: Array,
    ends: Array, exceeded: Array, bad: Array,
) -> None:  # fmt: skip
    segments = bounds.size - 1
    for task in prange(bad.size):
        s = task % segments
        lo = (task // segments) * TILE
        hi = min(lo + TILE, clean.shape[2])
        bad[task] = _sum_tile(
            clean, adversarial, floats, order[bounds[s] : bounds[s + 1]], levels, row_like, square_like, most,
            lo, hi, positive[s, lo:hi], total[s, lo:hi], high[s, lo:hi], low[s, lo:hi], ends[:, s, lo:hi],
            exceeded[:, s, lo:hi],
        )  # fmt: skip


@inner
def _sum_tile(
    clean: Array, adversarial: Array | None, floats: bool | None, samples: Array, levels: Array,
    row_like: Array, square_like: Array, most: int, lo: int, hi: int, positive: Array, total: Array,
    high: Array, low: Array, ends: Array, exceeded: Array,
) -> bool:  # fmt: skip
    width = hi - lo
    rows = np.empty(ROWS * TILE, row_like.dtype)
    peak = np.empty(width, np.int32)
    sums = np.zeros(2 * TILE, row_like.dtype)
    squares = np.zeros(TILE, square_like.dtype)
    extremes = np.empty(2 * TILE, row_like.dtype)
    clear(extremes, most)
    filled = 0
    done = 0
    worst = np.uint32(0)
    for i in samples:
        for c in range(clean.shape[1]):
            row = rows[filled * TILE : filled * TILE + width]
            worst = max(worst, np.uint32(read(clean, adversarial, floats, i, c, lo, hi, row)))
            if levels.size:
                widen_peak(row, peak, adversarial, c == 0)
            filled += 1
            if filled == ROWS:
                add_four(rows, sums, squares, extremes, width)
                filled = 0
                done += ROWS
                if done % SETTLE_SUMS == 0:
                    settle_sums(sums, positive, total)
                if done % SETTLE_SQUARES == 0:
                    settle_squares(squares, high, low)
        if levels.size:
            count_above(peak, levels, exceeded)
    for r in range(filled):
        add_one(rows[r * TILE : r * TILE + width], sums, squares, extremes, width)
    settle_sums(sums, positive, total)
    settle_squares(squares, high, low)
    for j in range(width):
        ends[0, j] = extremes[j]
        ends[1, j] = extremes[j + TILE]
    return bool(worst > UNIT)


@parallel
def _count_masks(masks: Array, order: Array, bounds: Array, counts: Array, bad: Array) -> None:
    segments = bounds.size - 1
    for task in prange(bad.size):
        s = task % segments
        lo = (task // segments) * TILE
        hi = min(lo + TILE, masks.shape[1])
        bad[task] = _count_tile(masks, order[bounds[s] : bounds[s + 1]], lo, hi, counts[s, lo:hi])


@inner
def _count_tile(masks: Array, samples: Array, lo: int, hi: int, counts: Array) -> bool:
    few = np.zeros(hi - lo, np.uint8)
    seen = np.zeros(hi - lo, np.uint8)
    pending = 0
    for i in samples:
        count_bytes(masks[i, lo:hi], few, seen)
        pending += 1
        if pending == 255:
            add_counts(few, counts)
            pending = 0
    add_counts(few, counts)
    return bool(seen.max() > 1)
