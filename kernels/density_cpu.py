"""CPU side of `density`: one parallel loop over (segment of samples, tile of pixels)."""

from __future__ import annotations

import numpy as np

from .checks import Array, frozen
from .density_loops import (
    HALF_UNIT,
    ROWS,
    SETTLE_SQUARES,
    SETTLE_SUMS,
    TILE,
    UNIT,
    add_counts,
    add_four,
    add_one,
    count_bytes,
    count_four,
    count_one,
    fetch,
    read,
    settle_counts,
    settle_ends,
    settle_squares,
    settle_sums,
    square_four,
    widen_peak,
)
from .dress import Sums
from .jit import inner, n_threads, parallel, prange
from .moments import CARRY
from .schedule import Segments, segments, shares

LOW = (1 << CARRY) - 1
AHEAD = 2
"""Samples between the one that is summed and the one that is asked for."""


def sum_maps(maps: Array, groups: Array, n_groups: int, levels: Array, steps: int) -> Sums:
    """Sum float32 maps (N, P) by group; `Sums.bad` where a value is NaN or outside [-1, 1]."""
    return _sums(maps[:, None], None, groups, n_groups, levels, steps)


def sum_pairs(
    clean: Array, adversarial: Array, groups: Array, n_groups: int, levels: Array, steps: int
) -> Sums:
    """Sum differences of (N, C, P) images, uint8, float16 or float32, over samples and channels.

    `Sums.bad` where a value is NaN or outside [0, 1], and perhaps where one is -0.0.
    """
    return _sums(clean, adversarial, groups, n_groups, levels, steps)


def count_masks(masks: Array, groups: Array, n_groups: int) -> tuple[Array, bool]:
    """Count the ones of uint8 masks (N, P) by group and pixel; True where a value is above 1."""
    masks = frozen(masks)
    pixels = masks.shape[1]
    plan, rows, work, lots = _plan(groups, n_groups, pixels)
    counts = np.empty((len(plan.groups), pixels), np.int64)
    bad = np.zeros(work, np.bool_)
    if work:
        _count_masks(masks, plan.order, plan.bounds, rows, plan.groups, lots, n_groups, counts, bad)
    return counts[:n_groups], bool(bad.any())


def _plan(groups: Array, n_groups: int, pixels: int) -> tuple[Segments, Array, int, Array]:
    """Segments; the row of each: its group's, or a further one for all but a group's first segment;
    the number of tasks; and what each thread does of them."""
    tiles, threads = -(-pixels // TILE), n_threads()
    plan = segments(groups, n_groups, max(64, -(-len(groups) * tiles // (8 * threads))))
    first = np.diff(plan.groups, prepend=-1) > 0
    rows = np.where(first, plan.groups, n_groups - 1 + np.cumsum(~first))
    weights = np.tile(np.diff(plan.bounds) + 8, tiles)  # a tile's beginning and end cost some samples, too
    return plan, rows, len(weights), shares(weights, min(max(len(weights), 1), 4 * threads))


def _sums(
    clean: Array, adversarial: Array | None, groups: Array, n_groups: int, levels: Array, steps: int
) -> Sums:
    bytes_ = True if clean.dtype == np.uint8 else None
    halves = True if clean.dtype == np.float16 else None
    pixels = clean.shape[2]
    if halves:
        clean, adversarial = clean.view(np.uint16), adversarial.view(np.uint16)  # type: ignore[union-attr]
    clean, adversarial = frozen(clean), None if adversarial is None else frozen(adversarial)
    plan, rows, work, lots = _plan(groups, n_groups, pixels)
    shape = (len(plan.groups), pixels)
    sums: list[Array] = [np.empty(shape, np.int64) for _ in range(4)]
    ends: list[Array] = [np.empty(shape, np.float32) for _ in range(2)]
    exceeded = np.empty((len(levels), *shape), np.int64)
    bad = np.zeros(work, np.bool_)
    if work:
        # bytes go into narrower rows and squares: twice as many fit a vector register
        row, square = (np.int16, np.uint32) if bytes_ else (np.int32, np.int64)
        _sum(
            clean, adversarial, bytes_, halves, plan.order, plan.bounds, rows, plan.groups, lots, n_groups,
            levels, steps, np.empty(0, row), np.empty(0, square), sums[0], sums[1], sums[2], sums[3], ends[0],
            ends[1], exceeded, bad,
        )  # fmt: skip
    kept = [part[:n_groups] for part in sums + ends]
    return Sums._make((*kept, np.ascontiguousarray(exceeded[:, :n_groups]), bool(bad.any())))


@parallel
def _sum(
    clean: Array, adversarial: Array | None, bytes_: bool | None, halves: bool | None, order: Array,
    bounds: Array, rows: Array, groups: Array, lots: Array, n_groups: int, levels: Array, steps: int,
    row_like: Array, square_like: Array, positive: Array, negative: Array, high: Array, low: Array,
    minimum: Array, maximum: Array, exceeded: Array, bad: Array,
) -> None:  # fmt: skip
    n_segments = groups.size
    pixels = clean.shape[2]
    for lot in prange(lots.size - 1):
        for task in range(lots[lot], lots[lot + 1]):
            s = task % n_segments
            lo = (task // n_segments) * TILE
            hi = min(lo + TILE, pixels)
            r = rows[s]
            bad[task] = _sum_tile(
                clean, adversarial, bytes_, halves, order[bounds[s] : bounds[s + 1]], levels, steps, row_like,
                square_like, lo, hi, positive[r, lo:hi], negative[r, lo:hi], high[r, lo:hi], low[r, lo:hi],
                minimum[r, lo:hi], maximum[r, lo:hi], exceeded[:, r, lo:hi],
            )  # fmt: skip
    if n_segments > n_groups:
        for t in prange((pixels + TILE - 1) // TILE):
            lo = t * TILE
            hi = min(lo + TILE, pixels)
            for s in range(n_segments):
                r = rows[s]
                g = groups[s]
                if r != g:
                    _join(positive[r, lo:hi], negative[r, lo:hi], high[r, lo:hi], low[r, lo:hi],
                          minimum[r, lo:hi], maximum[r, lo:hi], positive[g, lo:hi], negative[g, lo:hi],
                          high[g, lo:hi], low[g, lo:hi], minimum[g, lo:hi], maximum[g, lo:hi])  # fmt: skip
                    for k in range(levels.size):
                        _add(exceeded[k, r, lo:hi], exceeded[k, g, lo:hi])


@inner
def _sum_tile(
    clean: Array, adversarial: Array | None, bytes_: bool | None, halves: bool | None, samples: Array,
    levels: Array, steps: int, row_like: Array, square_like: Array, lo: int, hi: int, positive: Array,
    negative: Array, high: Array, low: Array, minimum: Array, maximum: Array, exceeded: Array,
) -> bool:  # fmt: skip
    width = hi - lo
    narrow = row_like.dtype
    channels = clean.shape[1]
    positive[:] = 0
    negative[:] = 0
    high[:] = 0
    low[:] = 0
    exceeded[:] = 0
    if samples.size == 0:
        minimum[:] = np.inf
        maximum[:] = -np.inf
        return False
    rows = np.empty(ROWS * TILE, narrow)
    peaks = np.empty(ROWS * TILE, narrow)
    sums = np.zeros(2 * TILE, narrow)
    squares = np.zeros(TILE, square_like.dtype)
    ends = np.empty(2 * TILE, narrow)
    counts = np.zeros((levels.size, TILE), narrow)
    ends[:TILE] = np.int32(1 << 14) if bytes_ is not None else np.int32(1 << 24)
    ends[TILE:] = np.int32(-(1 << 14)) if bytes_ is not None else np.int32(-(1 << 24))
    filled = 0
    peaked = 0
    done = 0
    worst = np.uint32(0)
    for k in range(samples.size):
        i = samples[k]
        soon = samples[min(k + AHEAD, samples.size - 1)]
        for c in range(channels):
            fetch(clean, soon, c, lo, hi)
            if adversarial is not None:
                fetch(adversarial, soon, c, lo, hi)
            row = rows[filled * TILE : filled * TILE + width]
            worst = max(worst, np.uint32(read(clean, adversarial, bytes_, halves, i, c, lo, hi, row)))
            if levels.size and channels > 1:
                widen_peak(row, peaks[peaked * TILE : peaked * TILE + width], c == 0)
            filled += 1
            if filled == ROWS:
                add_four(rows, sums, ends, width)
                square_four(rows, squares, bytes_, width)
                if channels == 1:
                    for t in range(levels.size):
                        count_four(rows, adversarial is None, levels[t], counts[t], width)
                filled = 0
                done += ROWS
                if done % SETTLE_SUMS == 0:
                    settle_sums(sums, positive, negative)
                    for k in range(levels.size):
                        settle_counts(counts[k], exceeded[k])
                if done % SETTLE_SQUARES == 0:
                    settle_squares(squares, high, low)
        if channels > 1 and levels.size:
            peaked += 1
            if peaked == ROWS:
                for k in range(levels.size):
                    count_four(peaks, True, levels[k], counts[k], width)
                peaked = 0
    for r in range(filled):
        row = rows[r * TILE : r * TILE + width]
        add_one(row, sums, squares, ends, width)
        if channels == 1:
            for k in range(levels.size):
                count_one(row, adversarial is None, levels[k], counts[k])
    for r in range(peaked):
        for k in range(levels.size):
            count_one(peaks[r * TILE : r * TILE + width], True, levels[k], counts[k])
    for k in range(levels.size):
        settle_counts(counts[k], exceeded[k])
    settle_sums(sums, positive, negative)
    settle_squares(squares, high, low)
    settle_ends(ends, steps, minimum, maximum)
    return bool(worst > (UNIT if halves is None else HALF_UNIT))


@inner
def _join(
    positive: Array, negative: Array, high: Array, low: Array, minimum: Array, maximum: Array,
    to_positive: Array, to_negative: Array, to_high: Array, to_low: Array, to_minimum: Array,
    to_maximum: Array,
) -> None:  # fmt: skip
    """Add the sums of one segment to those of its group."""
    _add(positive, to_positive)
    _add(negative, to_negative)
    for j in range(low.size):
        both = low[j] + to_low[j]
        to_low[j] = both & LOW
        to_high[j] += high[j] + (both >> CARRY)
    for j in range(minimum.size):
        to_minimum[j] = min(to_minimum[j], minimum[j])
    for j in range(maximum.size):
        to_maximum[j] = max(to_maximum[j], maximum[j])


@inner
def _add(part: Array, whole: Array) -> None:
    for j in range(part.size):
        whole[j] += part[j]


@parallel
def _count_masks(
    masks: Array, order: Array, bounds: Array, rows: Array, groups: Array, lots: Array, n_groups: int,
    counts: Array, bad: Array,
) -> None:  # fmt: skip
    n_segments = groups.size
    pixels = masks.shape[1]
    for lot in prange(lots.size - 1):
        for task in range(lots[lot], lots[lot + 1]):
            s = task % n_segments
            lo = (task // n_segments) * TILE
            hi = min(lo + TILE, pixels)
            bad[task] = _count_tile(masks, order[bounds[s] : bounds[s + 1]], lo, hi, counts[rows[s], lo:hi])
    for s in range(n_segments):
        if rows[s] != groups[s]:
            _add(counts[rows[s]], counts[groups[s]])


@inner
def _count_tile(masks: Array, samples: Array, lo: int, hi: int, counts: Array) -> bool:
    few = np.zeros(hi - lo, np.uint8)
    seen = np.zeros(hi - lo, np.uint8)
    counts[:] = 0
    pending = 0
    for i in samples:
        count_bytes(masks[i, lo:hi], few, seen)
        pending += 1
        if pending == 255:
            add_counts(few, counts)
            pending = 0
    add_counts(few, counts)
    return bool(seen.max() > 1)
