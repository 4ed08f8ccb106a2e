"""GPU side of `lattice_dbscan`: launches ``lattice_dbscan.cu``, one block an image."""

from __future__ import annotations

import numpy as np

from . import device
from .checks import Array

WEIGHTS = {"float32": "float", "float64": "double", "uint8": "byte", "bool": "byte"}
RESERVED = 1024
"""Bytes of shared memory that a block keeps beside the forest."""


def clusters(weights: Array, widths: Array, least: float) -> tuple[Array, bool]:
    """Labels of weights (N, H, W); False where one is negative or not finite."""
    xp = device.namespace()
    labels = xp.empty(weights.shape, np.int32)
    if not weights.size:
        return labels, True
    n, height, width = weights.shape
    n_pixels = height * width
    bad = xp.zeros(1, np.int32)
    args = [
        xp.ascontiguousarray(weights), xp.asarray(widths.astype(np.int32)), np.int32(height), np.int32(width),
        np.int32(len(widths) // 2), np.float64(least), labels, bad,
    ]  # fmt: skip
    module = device.load("lattice_dbscan", (f"-DWEIGHT={WEIGHTS[weights.dtype.name]}",))
    block = (min(1024, 32 * -(-n_pixels // 128)),)  # four pixels a thread where that fills a block
    forest = 4 * n_pixels
    if forest + RESERVED <= device.shared_memory():
        kernel = module.get_function("lattice_dbscan_shared")
        kernel.max_dynamic_shared_size_bytes = max(forest, 48 << 10)
        kernel((n,), block, args, shared_mem=forest)
    else:
        kernel = module.get_function("lattice_dbscan_global")
        kernel((n,), block, [*args, xp.empty(weights.shape, np.int32)])
    return labels, not int(bad[0])
