"""GPU side of `clusters`: launches ``clusters.cu``, one block a map."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device
from .checks import Array
from .t_maps_gpu import batch_size, t_values

BLOCKS = 512
"""Blocks that share the global memory of forests, where a map does not fit shared memory."""

RESERVED = 2048
"""Bytes of shared memory that a block keeps beside its forest."""


def block_of(pixels: int) -> tuple[int]:
    """Threads of a block: four pixels each, where that makes a block of 32 to 1024."""
    return (min(1024, 32 * -(-pixels // 128)),)


def maxima(
    t: Array, grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float]
) -> tuple[Array, Array, Array, Array]:
    """Largest extent, mass and excess of each t map (K, P) in steps, and its largest t."""
    xp: Any = device.namespace()
    draws, pixels = t.shape
    out = (*(xp.zeros(draws, np.int64) for _ in range(3)), xp.zeros(draws, np.float64))
    if not t.size:
        return out
    arguments = (t, *_arguments(grid, threshold, options), *out)
    room = 16 * pixels
    module = device.load("clusters")
    if room + RESERVED <= device.shared_memory():
        kernel = module.get_function("maxima_shared")
        kernel.max_dynamic_shared_size_bytes = max(room, 48 << 10)
        kernel((draws,), block_of(pixels), arguments, shared_mem=room)
    else:
        blocks = min(draws, BLOCKS)
        forests = [xp.empty((blocks, pixels), kind) for kind in (np.int32, np.int32, np.uint64)]
        kernel = module.get_function("maxima_global")
        kernel((blocks,), block_of(pixels), (*arguments, np.int32(draws), *forests))
    return out


def null_maxima(
    held: tuple[Array, Array, Array], shape: tuple[float, float, float, float], signs: Array,
    grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float], batch: int | None,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """`maxima` of the t maps of all draws, a batch at a time."""
    xp: Any = device.namespace()
    pixels = grid[0] * grid[1]
    size = batch or batch_size(pixels)
    parts = [
        maxima(t_values(held, shape, signs[begin : begin + size], pixels, size), grid, threshold, options)
        for begin in range(0, len(signs), size)
    ]
    if not parts:
        return maxima(xp.empty((0, pixels), np.float64), grid, threshold, options)
    extent, mass, excess, peak = (xp.concatenate(column) for column in zip(*parts, strict=True))
    return extent, mass, excess, peak


def largest(t: Array, options: tuple[int, bool, bool, float]) -> Array:
    """Largest t of each map (K, P) in the directions that count, at least 0."""
    xp: Any = device.namespace()
    out: Array = xp.zeros(len(t), np.float64)
    if t.size and options[1]:
        out = xp.maximum(out, t.max(axis=1))
    if t.size and options[2]:
        out = xp.maximum(out, -t.min(axis=1))
    return out


def forest(
    t: Array, grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float]
) -> tuple[Array, Array, Array]:
    """The first pixel (or -1) of each pixel's cluster (K, P), and, at first pixels, extent and mass."""
    xp: Any = device.namespace()
    roots, parent, extent = (xp.empty(t.shape, np.int32) for _ in range(3))
    mass = xp.empty(t.shape, np.int64)
    if t.size:
        device.load("clusters").get_function("forest")(
            (len(t),), block_of(t.shape[1]),
            (t, *_arguments(grid, threshold, options), parent, extent, mass, roots),
        )  # fmt: skip
    return roots, extent.astype(np.int64), mass


def _arguments(
    grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float]
) -> tuple[Any, ...]:
    reach, up, down, cap = options
    return (
        np.int32(grid[0]), np.int32(grid[1]), np.int32(reach), np.float64(threshold), np.int32(up),
        np.int32(down), np.float64(cap),
    )  # fmt: skip
