"""GPU side of `overlap_sums`: launches ``pair_sums.cu``."""

from __future__ import annotations

import numpy as np

from . import device
from .checks import Array

SEGMENT = 128
"""Masks that a block of `weighted` adds up before it goes to memory."""


def weighted(packed: Array, limbs: Array, groups: Array, n_groups: int) -> Array:
    """Sum of the limbs (2, N) of all masks of a group that hold a pixel: int64 (G, 2, 64 K)."""
    xp = device.namespace()
    n, words = packed.shape
    sums: Array = xp.zeros((n_groups, 2, 64 * words), np.int64)
    if sums.size and n:
        order = xp.argsort(groups).astype(np.int64)  # so that a segment meets few groups
        blocks = words * -(-n // SEGMENT)
        sizes = (np.int64(n), np.int32(words), np.int32(SEGMENT))
        kernel = device.load("pair_sums").get_function("weighted_pixels")
        kernel((blocks,), (64,), (packed, order, groups, limbs[0], limbs[1], *sizes, sums))
    return sums


def collected(packed: Array, sums: Array, groups: Array) -> Array:
    """What each mask collects from the sums (G, 2, 64 K) of its group: int64 (N, 2)."""
    n, words = packed.shape
    out: Array = device.namespace().zeros((n, 2), np.int64)
    if n:
        kernel = device.load("pair_sums").get_function("collected_pixels")
        args = (packed.view(np.uint32), sums, groups, np.int64(n), np.int32(2 * words), out)
        kernel((-(-32 * n // 128),), (128,), args)
    return out
