"""GPU side of `local_autocorrelation`: a thread a site, or a draw."""

from __future__ import annotations

import numpy as np

from . import device
from .checks import Array

THREADS = 128
SHARED = 48 << 10
"""Bytes of shared memory that a block's picks may take; above, they lie in global memory."""

TALL = 65535
"""Blocks at most along y, where a block takes some of the maps."""

GRID = 512
"""Blocks at most in that case, over sites and maps."""


def independent(
    values: Array, degree: Array, low: Array, high: Array, seed: int, first: int, count: int
) -> tuple[Array, Array]:
    """Counts of `local_autocorrelation_cpu.independent`."""
    xp = device.namespace()
    greater, less = (xp.zeros(values.shape, np.int32) for _ in range(2))
    if values.size:
        maps, n = values.shape
        most = int(degree.max())
        needed = 4 * THREADS * most
        in_shared = needed <= min(SHARED, device.shared_memory())
        grid = -(-n // THREADS), min(maps, TALL)
        if not in_shared:
            across = min(grid[0], GRID)
            grid = across, min(maps, max(1, GRID // across))
        scratch = xp.empty(1 if in_shared else grid[0] * grid[1] * THREADS * most, np.uint32)
        device.load("local_autocorrelation").get_function("independent")(
            grid,
            (THREADS,),
            (
                *(values, degree, low, high, np.int32(maps), np.int32(n), np.uint64(seed)),
                *(np.uint64(first), np.int32(count), greater, less, scratch, np.int32(in_shared)),
            ),
            shared_mem=needed if in_shared else 0,
        )
    return greater, less


def shared_draws(n: int, size: int, seed: int, first: int, count: int) -> Array:
    """Draws of `local_autocorrelation_cpu.shared_draws`."""
    out: Array = device.namespace().empty((count, size), np.int32)
    if count:
        device.load("local_autocorrelation").get_function("shared_draws")(
            (-(-count // THREADS),),
            (THREADS,),
            (np.uint32(n), np.int32(size), np.uint64(seed), np.uint64(first), np.int32(count), out),
        )
    return out


def prefix_sums(values: Array, draws: Array, sizes: Array) -> Array:
    """Sums of `local_autocorrelation_cpu.prefix_sums`."""
    count, most = draws.shape
    out: Array = device.namespace().empty((len(values), len(sizes), count))
    if out.size:
        numbers = (np.int32(value) for value in (*values.shape, len(sizes), most, count))
        device.load("local_autocorrelation").get_function("prefix_sums")(
            (-(-count // THREADS), min(len(values), TALL)), (THREADS,), (values, draws, sizes, *numbers, out)
        )
    return out


def ranked(
    values: Array, degree: Array, low: Array, high: Array, draws: Array, sizes: Array, ordered: Array
) -> tuple[Array, Array]:
    """Counts of `local_autocorrelation_cpu.ranked`."""
    xp = device.namespace()
    greater, less = (xp.zeros(values.shape, np.int32) for _ in range(2))
    if values.size and draws.size:
        module = device.load("local_autocorrelation")
        (maps, n), (count, most) = values.shape, draws.shape
        numbers = (np.int32(maps), np.int32(n), np.int32(len(sizes)), np.int32(count))
        module.get_function("ranked")(
            (-(-n // THREADS), min(maps, TALL)),
            (THREADS,),
            (degree, low, high, sizes, xp.ascontiguousarray(ordered), *numbers, greater, less),
        )
        numbers = (np.int32(maps), np.int32(n), np.int32(most), np.int32(count))
        module.get_function("put_right")(
            (-(-count * most // THREADS), min(maps, TALL)),
            (THREADS,),
            (values, degree, low, high, draws, *numbers, greater, less),
        )
    return greater, less
