"""The ones of masks by group and pixel, on the CPU: what `density` asks of masks instead of sums."""

from __future__ import annotations

import numpy as np

from .checks import Array, frozen
from .density_lanes import TILE
from .density_plan import plan
from .jit import inner, parallel, prange
from .moments_cpu import add


def count_masks(masks: Array, groups: Array, n_groups: int) -> tuple[Array, bool]:
    """Count the ones of uint8 masks (N, P) by group and pixel; True where a value is above 1."""
    masks = frozen(masks)
    pixels = masks.shape[1]
    work = plan(groups, n_groups, pixels)
    counts = np.empty((len(work.groups), pixels), np.int64)
    bad = np.zeros(work.tasks, np.bool_)
    if work.tasks:
        _count_masks(masks, work.order, work.bounds, work.rows, work.groups, work.lots, counts, bad)
    return counts[:n_groups], bool(bad.any())


@parallel
def _count_masks(
    masks: Array, order: Array, bounds: Array, rows: Array, groups: Array, lots: Array, counts: Array,
    bad: Array,
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
            add(counts[rows[s]], counts[groups[s]])


@inner
def _count_tile(masks: Array, samples: Array, lo: int, hi: int, counts: Array) -> bool:
    few = np.zeros(hi - lo, np.uint8)
    seen = np.zeros(hi - lo, np.uint8)
    counts[:] = 0
    pending = 0
    for i in samples:
        _count_bytes(masks[i, lo:hi], few, seen)
        pending += 1
        if pending == 255:
            _settle(few, counts)
            pending = 0
    _settle(few, counts)
    return bool(seen.max() > 1)


@inner
def _count_bytes(mask: Array, counts: Array, seen: Array) -> None:
    """Add a row of 0 and 1 to uint8 counts (at most 255 times) and note the bits seen."""
    for j in range(counts.size):
        counts[j] += mask[j]
        seen[j] |= mask[j]


@inner
def _settle(few: Array, counts: Array) -> None:
    """Move uint8 counts into int64 counts; they start again."""
    for j in range(counts.size):
        counts[j] += few[j]
        few[j] = 0
