"""Bit-packed masks: areas, overlaps of paired masks, overlaps of all pairs.

All functions take NumPy or CuPy arrays and answer in kind; counts are integers, the same on both.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, frozen, on_device, refuse_values

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
        If `masks` is not an array of those dtypes.
    ValueError
        If a value is neither 0 nor 1.
    """
    there = on_device(masks=masks)
    if masks.dtype not in (np.bool_, np.uint8) or masks.ndim < 2:
        raise TypeError(f"masks must be bool or uint8 (N, ...), got {masks.dtype} {masks.shape}.")
    n_pixels = int(np.prod(masks.shape[1:]))
    rows = contiguous(masks, there).reshape(len(masks), n_pixels).view(np.uint8)
    packed, fit = side(there).packed_rows(rows)
    if not fit:
        values = np.array([int(masks.min()), int(masks.max())])
        raise refuse_values("masks", "{0, 1}", values, "compare with a threshold first")
    result: Words = packed
    return result


def unpack(packed: Array, shape: Sequence[int]) -> NDArray[np.bool_]:
    """Undo `pack`: bool ``(N, *shape)`` from words (N, ceil(P / 64)), where P is the product of `shape`."""
    n_pixels = int(np.prod(tuple(shape)))
    rows = checked(packed, "packed")
    if rows.shape[1] != -(-n_pixels // 64):
        raise ValueError(
            f"packed must hold {-(-n_pixels // 64)} words a mask for shape {tuple(shape)}, "
            f"got {rows.shape[1]}."
        )
    masks: NDArray[np.bool_] = side(on_device(packed=packed)).unpacked_rows(rows, n_pixels)
    return masks.reshape(len(rows), *shape)


def area(packed: Array) -> NDArray[np.int64]:
    """Pixels of each packed mask, int64 (N,)."""
    rows = checked(packed, "packed")
    counts: NDArray[np.int64] = side(on_device(packed=packed)).areas(rows)
    return counts


def overlap(
    a: Array, b: Array, rows_b: Array | None = None, *, rows_a: Array | None = None
) -> NDArray[np.int32]:
    """Pixels that masks of `a` share with their partners in `b`, for paired masks or sampled pairs.

    Parameters
    ----------
    a : uint64 (N, K)
    b : uint64 (M, K)
    rows_b : int (R,), optional
        Row in b of each pair, in [0, M); by default 0, 1, ...
    rows_a : int (R,), optional
        Row in a of each pair, in [0, N); by default 0, 1, ...

    Returns
    -------
    int32 (R,)
        R is N without `rows_a`.
    """
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    there = on_device(a=a, b=b)
    xp = device.namespace() if there else np
    first = _rows("rows_a", rows_a, len(x), there, xp)
    second = _rows("rows_b", rows_b, len(first), there, xp)
    fit = len(first) == len(second)
    if fit:
        counts, fit = side(there).overlaps(x, y, first, second)
    if not fit:
        raise ValueError(
            f"rows_b must be {len(first)} rows of b, each below {len(y)}, and rows_a rows of a, each below "
            f"{len(x)}, got shapes {second.shape} and {first.shape}: give both sides of every pair."
        )
    result: NDArray[np.int32] = counts
    return result


def overlap_matrix(a: Array, b: Array) -> NDArray[np.int32]:
    """Pixels that every mask of `a` (N, K) shares with every mask of `b` (M, K): int32 (N, M).

    It holds 4 N M bytes: see `overlap_tiles` for a part at a time and `overlap_sums` for its margins.
    """
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    counts: NDArray[np.int32] = side(on_device(a=a, b=b)).matrix(x, y)
    return counts


def overlap_tiles(
    a: Array, b: Array, *, tile: int = 2048
) -> Iterator[tuple[slice, slice, NDArray[np.int32]]]:
    """Give `overlap_matrix` block by block, so that only one block is ever held.

    Parameters
    ----------
    a : uint64 (N, K)
    b : uint64 (M, K)
    tile : int
        Rows and columns of a block; those at the ends are smaller.

    Yields
    ------
    rows, columns : slice
    block : int32
        The overlaps of ``a[rows]`` with ``b[columns]``, in an array of its own.
    """
    x, y = checked(a, "a"), checked(b, "b")
    same_words(x, y)
    compute = side(on_device(a=a, b=b)).matrix
    return ((rows, columns, compute(x[rows], y[columns])) for rows, columns in blocks(len(x), len(y), tile))


def blocks(n: int, m: int, tile: int) -> Iterator[tuple[slice, slice]]:
    """Rows and columns of the blocks of an (n, m) matrix, row by row."""
    if tile < 1:
        raise ValueError(f"tile must be at least 1, got {tile}.")
    return (
        (slice(i, min(i + tile, n)), slice(j, min(j + tile, m)))
        for i in range(0, n, tile)
        for j in range(0, m, tile)
    )


def same_words(a: Array, b: Array) -> None:
    """Refuse packed masks of different size."""
    if a.shape[1] != b.shape[1]:
        raise ValueError(f"a and b must be masks of one size, got {a.shape[1]} and {b.shape[1]} words.")


def checked(packed: Array, name: str) -> Words:
    """Return packed masks C-contiguous, refusing what `pack` did not make."""
    there = on_device(**{name: packed})
    if packed.dtype != np.uint64 or packed.ndim != 2:
        raise TypeError(f"{name} must be uint64 (N, K) from pack, got {packed.dtype} {packed.shape}.")
    return contiguous(packed, there)


def contiguous(array: Array, there: bool) -> Array:
    """C-contiguous, and read-only where that exists, which CuPy's arrays know nothing of."""
    if not there:
        return frozen(array)
    held: Array = device.namespace().ascontiguousarray(array)
    return held


def side(there: bool) -> ModuleType:
    """The module that does the work, where the arrays are."""
    if there:
        from . import pairs_gpu

        return pairs_gpu
    from . import pairs_cpu

    return pairs_cpu


def _rows(name: str, rows: Array | None, default: int, there: bool, xp: ModuleType) -> Array:
    if rows is None:
        counted: Array = xp.arange(default)
        return counted
    if on_device(**{name: rows}) != there:
        raise TypeError(f"{name} must be where a and b are: all NumPy's or all CuPy's.")
    if rows.dtype.kind not in "iu" or rows.ndim != 1:
        raise TypeError(f"{name} must be integers (R,), got {rows.dtype} {rows.shape}.")
    return contiguous(rows.astype(np.int64), there)
