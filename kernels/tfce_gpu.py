"""GPU side of `tfce`: launches the enhancement of ``clusters.cu``, one block a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device
from .checks import Array
from .clusters_gpu import BLOCKS, RESERVED, block_of


def stepped(
    t: Array, grid: tuple[int, int], start: float, step: float, steps: Array, weights: Array, powers: Array,
    reach: int, up: bool, down: bool, scores: Array | None,
) -> Array:  # fmt: skip
    """Largest score of each t map (K, P), and all scores where `scores` (K, P) is given.

    As `tfce_cpu.stepped`, level by level: a pixel's score is one sum from the lowest level up on both.
    """
    xp: Any = device.namespace()
    draws, pixels = t.shape
    out: Array = xp.zeros(draws, np.float64)
    if not t.size or not weights.size:
        return out
    held = xp.zeros(t.shape, np.float64) if scores is None else scores
    own = steps.size > 0
    arguments = (
        t, np.int32(grid[0]), np.int32(grid[1]), np.int32(reach), np.float64(start), np.float64(step),
        np.int32(own), steps if own else out, np.int32(weights.size), xp.asarray(weights), xp.asarray(powers),
        np.int32(up), np.int32(down), held, out,
    )  # fmt: skip
    room = 8 * pixels
    module = device.load("clusters")
    if room + RESERVED <= device.shared_memory():
        kernel = module.get_function("tfce_shared")
        kernel.max_dynamic_shared_size_bytes = max(room, 48 << 10)
        kernel((draws,), block_of(pixels), arguments, shared_mem=room)
    else:
        blocks = min(draws, BLOCKS)
        forests = [xp.empty((blocks, pixels), np.int32) for _ in range(2)]
        kernel = module.get_function("tfce_global")
        kernel((blocks,), block_of(pixels), (*arguments, np.int32(draws), *forests))
    return out
