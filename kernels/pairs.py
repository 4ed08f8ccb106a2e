"""Bit-packed masks: areas, overlaps of paired masks, overlaps of all pairs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from .checks import Array, frozen, refuse_values, require_numpy

Words = NDArray[np.uint64]


def pack(masks: Array) -> Words:
    """Pack masks into words of 64 pixels.

    Parameters
    ----------
    masks : (N, ...) bool, or uint8 of 0 and 1
        All axes but the first are one mask of P pixels.

    Returns
    -------
    uint64 (N, ceil(P / 64))
        Pixel j in raster order is bit ``j % 64`` of word ``j // 64``; spare bits are zero.

    Raises
    ------
    TypeError
        If `masks` is not a NumPy array of those dtypes.
    ValueError
        If a value is neither 0 nor 1.
    """
    require_numpy(masks=masks)
    if masks.dtype not in (np.bool_, np.uint8) or masks.ndim < 2:
        raise TypeError(f"masks must be bool or uint8 (N, ...), got {masks.dtype} {masks.shape}.")
    n_pixels = int(np.prod(masks.shape[1:]))
    rows = frozen(masks).reshape(len(masks), n_pixels)
    if masks.dtype == np.uint8 and rows.size and rows.max() > 1:
        raise refuse_values("masks", "{0, 1}", masks, "compare with a threshold first")
    held = np.zeros((len(masks), 8 * _words(n_pixels)), np.uint8)
    held[:, : -(-n_pixels // 8)] = np.packbits(rows, axis=1, bitorder="little")
    return held.view("<u8").astype(np.uint64, copy=False)


def unpack(packed: Array, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Undo `pack`: bool ``(N, *shape)`` from words (N, ceil(P / 64)), where P is the product of `shape`."""
    n_pixels = int(np.prod(tuple(shape)))
    rows = checked(packed, "packed")
    if rows.shape[1] != _words(n_pixels):
        raise ValueError(
            f"packed must hold {_words(n_pixels)} words a mask for shape {tuple(shape)}, got {rows.shape[1]}."
        )
    held = rows.astype("<u8", copy=False).view(np.uint8)
    bits = np.unpackbits(held, axis=1, count=n_pixels, bitorder="little") if n_pixels else held
    return bits.view(np.bool_).reshape(len(rows), *shape)


def area(packed: Array) -> NDArray[np.int64]:
    """Pixels of each packed mask, int64 (N,)."""
    from . import pairs_cpu

    return pairs_cpu.areas(checked(packed, "packed"))


def overlap(a: Array, b: Array, rows_b: Array | None = None) -> NDArray[np.int32]:
    """Pixels that each mask of `a` shares with its partner in `b`.

    Parameters
    ----------
    a : uint64 (N, K)
    b : uint64 (M, K)
    rows_b : int (N,), optional
        Partner of each mask, in [0, M); by default the mask of the same row.

    Returns
    -------
    int32 (N,)
    """
    from . import pairs_cpu

    x, y = checked(a, "a"), checked(b, "b")
    if rows_b is None:
        rows = np.arange(len(x))
    else:
        require_numpy(rows_b=rows_b)
        if rows_b.dtype.kind not in "iu":
            raise TypeError(f"rows_b must be integers, got {rows_b.dtype}.")
        rows = rows_b.astype(np.int64)
    same_words(x, y)
    if rows.shape != (len(x),) or (len(rows) and not 0 <= rows.min() <= rows.max() < len(y)):
        raise ValueError(
            f"rows_b must be {len(x)} rows of b, each below {len(y)}, got shape {rows.shape}: "
            "give as many partners as there are masks in a."
        )
    return pairs_cpu.overlaps(x, y, rows)


def overlap_matrix(a: Array, b: Array) -> NDArray[np.int32]:
    """Pixels that every mask of `a` (N, K) shares with every mask of `b` (M, K): int32 (N, M)."""
    from . import pairs_cpu

    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    return pairs_cpu.matrix(x, y)


def _words(n_pixels: int) -> int:
    return -(-n_pixels // 64)


def same_words(a: Array, b: Array) -> None:
    """Refuse packed masks of different size."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a and b must be masks of one size, got {a.shape[1]} and {b.shape[1]} words.")


def checked(packed: Array, name: str) -> Words:
    """Refuse what `pack` did not make."""
    # A CuPy array will be sent to pairs_gpu by the callers.
    require_numpy(**{name: packed})
    if packed.dtype != np.uint64 or packed.ndim != 2:
        raise TypeError(f"{name} must be uint64 (N, K) from pack, got {packed.dtype} {packed.shape}.")
    return frozen(packed)
