"""GPU side of `label`: launches ``label.cu``, one block an image."""

from __future__ import annotations

import numpy as np

from . import device
from .checks import Array
from .label_regions import REAL, WHOLE, Found

RESERVED = 1024
"""Bytes of shared memory that a block keeps beside the forest."""

DEFAULT = 48 << 10
"""Bytes of shared memory that a block may have without asking."""

TABLES = DEFAULT
"""Bytes of shared memory for the sums of an image's regions; more would keep other blocks away."""


def components(masks: Array, connectivity: int) -> Found:
    """Label masks of 0 and 1 in uint8 (N, H, W)."""
    xp = device.namespace()
    samples, height, width = masks.shape
    labels = xp.empty(masks.shape, np.int32)
    counts = xp.zeros(samples, np.int64)
    if not masks.size:
        return Found(labels, counts, True, None)
    wrong = xp.zeros(1, np.int32)
    args = [masks, np.int32(height), np.int32(width), np.int32(connectivity - 1), labels, counts, wrong]
    module, block = device.load("label"), _block(height * width, 1024)
    forest = 4 * height * width
    if forest + RESERVED <= device.shared_memory():
        kernel = module.get_function("components_shared")
        if forest > DEFAULT:
            kernel.max_dynamic_shared_size_bytes = forest
        kernel((samples,), block, args, shared_mem=forest)
    else:
        module.get_function("components_global")((samples,), block, args)
    return Found(labels, counts, not int(wrong[0]), None)


def highest(labels: Array) -> Array:
    """Largest label of each sample, at least 0."""
    xp = device.namespace()
    if not labels.size:
        none: Array = xp.zeros(len(labels), np.int64)
        return none
    flat = labels.reshape(len(labels), labels.size // len(labels))
    top: Array = xp.maximum(flat.max(axis=1), 0).astype(np.int64)
    return top


def measured(
    labels: Array, counts: Array, weights: Array | None, rows: Array | None
) -> tuple[Array, Array, bool]:
    """Measure labels (N, H, W): tables of `WHOLE` and `REAL`, and whether weights were finite.

    `rows` is for the CPU alone.
    """
    xp = device.namespace()
    samples, height, width = labels.shape
    first = xp.cumsum(counts) - counts
    total, most = (int(counts.sum()), int(counts.max())) if samples else (0, 0)
    whole = xp.empty((len(WHOLE), total), np.int64)
    real = xp.empty((len(REAL), total), np.float64)
    if not total:
        return whole, real, True
    words = 8 if weights is None else 14  # of 8 bytes, in the table of label_table.cuh
    room = min(most, min(device.shared_memory(), TABLES) // (8 * words))
    spill = xp.empty(total * words if most > room else 1, np.int64)
    wrong = xp.zeros(1, np.int32)
    kind = "plain" if weights is None else weights.dtype.name
    device.load("label").get_function(f"measure_{kind}")(
        (samples,), _block(height * width, 512),
        [labels, spill if weights is None else weights, np.int32(height), np.int32(width), first, counts,
         np.int32(room), spill, np.int64(total), whole, real, wrong],
        shared_mem=8 * words * room,
    )  # fmt: skip
    return whole, real, not int(wrong[0])


def _block(n_pixels: int, most: int) -> tuple[int]:
    """Threads of a block: eight pixels each, up to the most that the kernel may have."""
    return (min(most, 32 * -(-n_pixels // 256)),)
