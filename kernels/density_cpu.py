"""CPU side of `density`: one parallel loop over (segment of samples, tile of pixels)."""

from __future__ import annotations

import numpy as np

from .checks import Array, frozen
from .density_lanes import TILE
from .density_loops import sum_tile
from .density_masks import count_masks as count_masks
from .density_plan import plan
from .dress import Sums
from .jit import parallel, prange
from .moments_cpu import add, join


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


def _sums(
    clean: Array, adversarial: Array | None, groups: Array, n_groups: int, levels: Array, steps: int
) -> Sums:
    channels, pixels = clean.shape[1:]
    x, y = _flat(clean), None if adversarial is None else _flat(adversarial)
    work = plan(groups, n_groups, pixels)
    shape = (len(work.groups), pixels)
    high = np.zeros(shape, np.int64)  # seldom written: see `sum_tile`
    positive, negative, low = (np.empty(shape, np.int64) for _ in range(3))
    minimum, maximum = (np.empty(shape, np.float32) for _ in range(2))
    exceeded = np.empty((len(levels), *shape), np.int64)
    bad = np.zeros(work.tasks, np.bool_)
    if work.tasks:
        # bytes go into narrower sums and squares: twice as many fit a vector register
        narrow, square = (np.int16, np.uint32) if clean.dtype == np.uint8 else (np.int32, np.int64)
        _sum(
            x, y, channels, pixels, work.order, work.bounds, work.rows, work.groups, work.lots, n_groups,
            levels.astype(narrow), np.empty(0, square), steps, positive, negative, high, low, minimum,
            maximum, exceeded, bad,
        )  # fmt: skip
    kept = [part[:n_groups] for part in (positive, negative, high, low, minimum, maximum)]
    return Sums._make((*kept, np.ascontiguousarray(exceeded[:, :n_groups]), bool(bad.any())))


def _flat(images: Array) -> Array:
    """All pixels of all images, read-only; float16 as its bits."""
    pixels = frozen(images).reshape(-1)
    return pixels.view(np.uint16) if pixels.dtype == np.float16 else pixels


@parallel
def _sum(
    clean: Array, adversarial: Array | None, channels: int, pixels: int, order: Array, bounds: Array,
    rows: Array, groups: Array, lots: Array, n_groups: int, levels: Array, square_like: Array, steps: int,
    positive: Array, negative: Array, high: Array, low: Array, minimum: Array, maximum: Array,
    exceeded: Array, bad: Array,
) -> None:  # fmt: skip
    n_segments = groups.size
    for lot in prange(lots.size - 1):
        for task in range(lots[lot], lots[lot + 1]):
            s = task % n_segments
            lo = (task // n_segments) * TILE
            hi = min(lo + TILE, pixels)
            r = rows[s]
            bad[task] = sum_tile(
                clean, adversarial, channels, pixels, order[bounds[s] : bounds[s + 1]], levels, square_like,
                steps, lo, hi, positive[r, lo:hi], negative[r, lo:hi], high[r, lo:hi], low[r, lo:hi],
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
                    join(positive[r, lo:hi], negative[r, lo:hi], high[r, lo:hi], low[r, lo:hi],
                         minimum[r, lo:hi], maximum[r, lo:hi], positive[g, lo:hi], negative[g, lo:hi],
                         high[g, lo:hi], low[g, lo:hi], minimum[g, lo:hi], maximum[g, lo:hi])  # fmt: skip
                    for k in range(levels.size):
                        add(exceeded[k, r, lo:hi], exceeded[k, g, lo:hi])
