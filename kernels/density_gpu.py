"""GPU side of `density`: launches the kernels of ``density.cu``, which say how they sum."""

from __future__ import annotations

import numpy as np

from . import device
from .checks import Array
from .dress import Sums
from .schedule import Segments, segments

BLOCK = 64
"""Threads of a block that sums; each owns 16 bytes of pixels."""

FINISH = 256
"""Threads of a block that adds segments; each owns a pixel of a group."""

ROWS = 1 << 15
"""Rows (samples times channels) of a segment whose sums fit the words of ``density.cu``."""

PIECES = 4096
"""Blocks that a pass is cut into if it has samples enough: a few for every multiprocessor."""

LEVELS = 8
"""Levels counted in one pass: their counters lie in shared memory, at most 32 KiB a block."""


def sum_maps(maps: Array, groups: Array, n_groups: int, levels: Array, steps: int) -> Sums:
    """Sum float32 maps (N, P) by group; `Sums.bad` where a value is NaN or outside [-1, 1]."""
    rows = device.namespace().ascontiguousarray(maps)
    return _sums("sum_maps", rows[:, None], rows[:, None], groups, n_groups, levels)


def sum_pairs(
    clean: Array, adversarial: Array, groups: Array, n_groups: int, levels: Array, steps: int
) -> Sums:
    """Sum differences of (N, C, P) images, uint8, float16 or float32, over samples and channels.

    `Sums.bad` where a value is NaN or outside [0, 1], and perhaps where one is -0.0.
    """
    if clean.shape[1] > ROWS:
        raise ValueError(f"on a GPU at most {ROWS} channels are pooled, got {clean.shape[1]}: keep them.")
    xp = device.namespace()
    name = {1: "sum_bytes", 2: "sum_halves", 4: "sum_floats"}[clean.dtype.itemsize]
    x, y = xp.ascontiguousarray(clean), xp.ascontiguousarray(adversarial)
    return _sums(name, x, y, groups, n_groups, levels)


def count_masks(masks: Array, groups: Array, n_groups: int) -> tuple[Array, bool]:
    """Count the ones of uint8 masks (N, P) by group and pixel; True where a value is above 1."""
    xp, module = device.namespace(), device.load("density")
    pixels = masks.shape[1]
    counts, bad = xp.zeros((n_groups, pixels), np.int64), xp.zeros(1, np.int32)
    if not masks.size:
        return counts, False
    tiles, width = _tiles(pixels, 16)
    plan = _plan(groups, n_groups, tiles, 1)
    ones = xp.empty((len(plan.groups), width), np.uint32)
    module.get_function("count_masks")(
        (tiles * len(plan.groups),), (BLOCK,),
        (xp.ascontiguousarray(masks), plan.order, xp.asarray(plan.bounds), np.int32(pixels), np.int32(tiles),
         ones, bad),
    )  # fmt: skip
    module.get_function("finish_masks")(
        (-(-counts.size // FINISH),), (FINISH,),
        (ones, xp.asarray(plan.firsts), np.int32(pixels), np.int32(width), np.int32(n_groups), counts),
    )  # fmt: skip
    return counts, bool(int(bad[0]))


def _sums(name: str, clean: Array, adversarial: Array, groups: Array, n_groups: int, levels: Array) -> Sums:
    xp, module = device.namespace(), device.load("density")
    channels, pixels = clean.shape[1:]
    per_thread = 16 // clean.dtype.itemsize
    tiles, width = _tiles(pixels, per_thread)
    plan = _plan(groups, n_groups, tiles, channels)
    n_segments = len(plan.groups)
    narrow = clean.dtype.itemsize == 1
    partial = xp.empty((3, n_segments, width), np.uint32 if narrow else np.uint64)
    ends = xp.empty((2, n_segments, width), np.int32)
    whole = [xp.zeros((n_groups, pixels), kind) for kind in (*(np.int64,) * 4, *(np.float32,) * 2)]
    above = xp.zeros((len(levels), n_groups, pixels), np.int64)
    bad = xp.zeros(1, np.int32)
    if not pixels:
        return Sums._make((*whole, above, False))
    bounds, firsts = xp.asarray(plan.bounds), xp.asarray(plan.firsts)
    quotients = xp.asarray(np.arange(-255, 256, dtype=np.float32) / np.float32(255))
    for start in range(0, max(len(levels), 1), LEVELS):  # more levels take further passes
        some = np.asarray(levels[start : start + LEVELS], np.int32)
        counts = xp.empty((max(len(some), 1), n_segments, width), np.uint32)
        held = xp.asarray(some if len(some) else np.zeros(1, np.int32))
        if len(clean):
            module.get_function(name)(
                (tiles * n_segments,), (BLOCK,),
                (clean, adversarial, plan.order, bounds, np.int32(channels), np.int32(pixels),
                 np.int32(tiles), held, np.int32(len(some)), np.int32(n_segments), partial, ends, counts,
                 bad),
                shared_mem=4 * per_thread * BLOCK * len(some),
            )  # fmt: skip
        part = xp.empty((max(len(some), 1), n_groups, pixels), np.int64)
        module.get_function("finish_narrow" if narrow else "finish_wide")(
            (-(-n_groups * pixels // FINISH),), (FINISH,),
            (partial, ends, counts, bounds, firsts, np.int32(pixels), np.int32(width), np.int32(len(some)),
             np.int32(n_segments), np.int32(n_groups), quotients, *whole, part),
        )  # fmt: skip
        above[start : start + len(some)] = part[: len(some)]
    return Sums._make((*whole, above, bool(int(bad[0]))))


def _tiles(pixels: int, per_thread: int) -> tuple[int, int]:
    """Blocks that cover the pixels, and the pixels of all threads that have some."""
    threads = -(-pixels // per_thread)
    return -(-threads // BLOCK), threads * per_thread


def _plan(groups: Array, n_groups: int, tiles: int, channels: int) -> Segments:
    enough = max(64, -(-len(groups) * tiles // PIECES))
    return segments(groups, n_groups, max(1, min(enough, ROWS // channels)), device.namespace())
