"""GPU side of `autocorrelation`: a block of threads a permutation, a thread a column."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device
from .checks import Array
from .lattice import Lattice
from .permute_gpu import THREADS, Orders

SCRATCH = 1 << 30
"""Bytes of global memory that the images of all blocks may take."""


def null(
    values: Array, fixed: Array | None, lattice: Lattice, seed: int, first: int, bounds: Array, keep: Array
) -> Array:
    """Counts of `autocorrelation_cpu.null`."""
    xp = device.namespace()
    count, n_sums = keep.shape[1:]
    counts: Array = xp.zeros((len(values), 2 * n_sums), np.int64)
    if not (count and len(values)):
        return counts
    orders = Orders.of(lattice.n, _blocks(lattice, count), reserve=64)
    orders.kernel("autocorrelation", "null")(
        (orders.blocks,),
        (THREADS,),
        (
            *_geometry(lattice),
            *(values, values if fixed is None else fixed, np.int32(fixed is not None)),
            *(np.int32(len(values)), np.int32(count)),
            *(np.uint64(seed), np.uint64(first), _scratch(lattice, orders.blocks)),
            *(xp.ascontiguousarray(bounds), counts, keep, np.int32(keep.size > 0)),
            *orders.scratch(lattice.n),
        ),
        shared_mem=orders.bytes,
    )
    return counts


def observed(values: Array, fixed: Array | None, lattice: Lattice) -> Array:
    """Sums of `autocorrelation_cpu.observed`."""
    out: Array = device.namespace().empty((len(values), 2 if fixed is None else 1))
    if len(values):
        blocks = _blocks(lattice, len(values))
        device.load("autocorrelation").get_function("observed")(
            (blocks,),
            (THREADS,),
            (
                *_geometry(lattice),
                *(values, values if fixed is None else fixed, np.int32(fixed is not None)),
                *(np.int32(len(values)), _scratch(lattice, blocks), out),
            ),
        )
    return out


def _blocks(lattice: Lattice, count: int) -> int:
    """As many blocks as have room for their images, the grid's bound aside."""
    height, width = lattice.padded_shape
    return max(1, min(count, SCRATCH // (8 * height * width + 16 * width)))


def _scratch(lattice: Lattice, blocks: int) -> Array:
    height, width = lattice.padded_shape
    held: Array = device.namespace().zeros((blocks, height * width + 2 * lattice.shape[1]))
    return held


def _geometry(lattice: Lattice) -> tuple[Any, ...]:
    """The leading arguments of every kernel of the file."""
    xp = device.namespace()
    counts = lattice.n, len(lattice.steps), lattice.halo.shape[1]
    sizes = (*lattice.shape, lattice.padded_shape[1], *lattice.reach, *counts)
    arrays = (lattice.places, lattice.steps, lattice.halo, lattice.row_weight, lattice.excess)
    return (*(np.int32(size) for size in sizes), *(xp.asarray(array) for array in arrays))
