"""GPU side of `t_maps`: launches ``t_maps.cu``; signed sums are a matrix product, exact in any order."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device
from .checks import Array

BATCH_BYTES = 256 << 20
"""Size of a batch's sums."""

BLOCK = 256


def prepare(maps: Array, bits: int, centre: bool) -> tuple[Array, Array, Array, bool]:
    """Quantise maps (N, P): integers (N, P), totals and sums of squares (P,), whether all is finite."""
    xp: Any = device.namespace()
    n, pixels = maps.shape
    q = xp.empty((n, pixels), np.float64)
    totals, squares = xp.empty(pixels, np.float64), xp.empty(pixels, np.float64)
    if not pixels:
        return q, totals, squares, True
    bad = xp.zeros(1, np.int32)
    name = "quantise_float" if maps.dtype == np.float32 else "quantise_double"
    device.load("t_maps").get_function(name)(
        (-(-pixels // BLOCK),), (BLOCK,),
        (xp.ascontiguousarray(maps), np.int32(n), np.int32(pixels), np.int32(bits), np.int32(centre), q,
         totals, squares, bad),
    )  # fmt: skip
    return q, totals, squares, not int(bad[0])


def batch_size(pixels: int) -> int:
    """Draws whose sums are held together."""
    return int(min(1 << 14, max(64, BATCH_BYTES // (8 * max(pixels, 1)))))


def t_values(
    held: tuple[Array, Array, Array], shape: tuple[float, float, float, float], signs: Array, pixels: int,
    batch: int | None,
) -> Array:  # fmt: skip
    """The t maps (K, P) of all draws."""
    xp: Any = device.namespace()
    q, totals, squares = held
    out: Array = xp.empty((len(signs), pixels), np.float64)
    size = min(batch or batch_size(pixels), 1 << 15)  # a grid has at most 65,535 rows
    if not out.size:
        return out
    kernel = device.load("t_maps").get_function("t_of_sums")
    for begin in range(0, len(signs), size):
        part = out[begin : begin + size]
        sums = xp.matmul(signs[begin : begin + size].astype(np.float64), q)
        kernel(
            (-(-pixels // BLOCK), len(part)), (BLOCK,),
            (sums, totals, squares, np.int32(pixels), *(np.float64(value) for value in shape), part),
        )  # fmt: skip
    return out
