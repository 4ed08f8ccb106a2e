"""GPU side of `pairs`: launches ``pairs.cu``."""

from __future__ import annotations

from typing import Any

import numpy as np

from . import device
from .checks import Array

THREADS = 128
"""Of a block, but for the matrix."""

TILE, TILE_THREADS = 64, 256
"""As in ``pairs.cu``."""

MOST_BLOCKS = 1 << 16
"""Blocks of the kernels that stride over their grid."""


def packed_rows(masks: Array) -> tuple[Array, bool]:
    """Words (N, K) of masks (N, P) in uint8; False where one holds more than 0 and 1."""
    xp = device.namespace()
    n, n_pixels = masks.shape
    packed = xp.zeros((n, -(-n_pixels // 64)), np.uint64)
    if not masks.size:
        return packed, True
    bad = xp.zeros(1, np.int32)
    halves = 2 * packed.shape[1]
    blocks = min(MOST_BLOCKS, -(-32 * n * halves // THREADS))
    args = (masks, np.int64(n), np.int32(n_pixels), np.int32(halves), packed.view(np.uint32), bad)
    _launch("pack_rows", blocks, args)
    return packed, not int(bad[0])


def unpacked_rows(packed: Array, n_pixels: int) -> Array:
    """Bool masks (N, P) from words (N, K)."""
    n = len(packed)
    masks: Array = device.namespace().empty((n, n_pixels), np.uint8)
    if masks.size:
        blocks = min(MOST_BLOCKS, -(-masks.size // THREADS))
        halves = np.int32(2 * packed.shape[1])
        args = (packed.view(np.uint32), np.int64(n), np.int32(n_pixels), halves, masks)
        _launch("unpack_rows", blocks, args)
    result: Array = masks.view(np.bool_)
    return result


def areas(packed: Array) -> Array:
    """Pixels of each mask, int64."""
    n, words = packed.shape
    counts: Array = device.namespace().zeros(n, np.int64)
    if n:
        _launch("area_rows", _warps(n), (packed, np.int64(n), np.int32(words), counts))
    return counts


def overlaps(a: Array, b: Array, rows_a: Array, rows_b: Array) -> tuple[Array, bool]:
    """Pixels that a[rows_a[i]] shares with b[rows_b[i]], int32; False where a row is out of range."""
    xp = device.namespace()
    n = len(rows_a)
    counts = xp.zeros(n, np.int32)
    if not n:
        return counts, True
    bad = xp.zeros(1, np.int32)
    sizes = (np.int64(n), np.int64(len(a)), np.int64(len(b)), np.int32(a.shape[1]))
    _launch("overlap_rows", _warps(n), (a, b, rows_a, rows_b, *sizes, counts, bad))
    return counts, not int(bad[0])


def matrix(a: Array, b: Array) -> Array:
    """Pixels that a[i] shares with b[j], int32 (N, M)."""
    n, m = len(a), len(b)
    counts: Array = device.namespace().empty((n, m), np.int32)
    if n and m:
        blocks = -(-n // TILE) * -(-m // TILE)
        args = (a, b, np.int64(n), np.int64(m), np.int32(a.shape[1]), counts)
        _launch("overlap_matrix", blocks, args, TILE_THREADS)
    return counts


def _warps(n: int) -> int:
    return -(-32 * n // THREADS)


def _launch(name: str, blocks: int, args: tuple[Any, ...], threads: int = THREADS) -> None:
    device.load("pairs").get_function(name)((blocks,), (threads,), args)
