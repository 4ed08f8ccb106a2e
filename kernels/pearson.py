"""Pearson correlation of the maps of two stacks: of pairs, of all pairs by matrix product, and its margins.

NumPy and CuPy run the same lines: maps become standardised rows of whole numbers, so small that every
product of two rows stays below 2^53.  A matrix product of such numbers in float64 is exact in any order,
so BLAS and cuBLAS agree to the last bit, with any number of threads.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, doubles, group_index, on_device
from .pair_sums import PairSums
from .pairs import blocks

Floats = NDArray[np.float64]

STEPS = 40
"""Maps are rounded to 2^-40 of the power of two above their largest value, before they are centred."""

HIGH = 26
"""Bits of the first whole number of a standardised value; the second holds what is left."""

MOST_PIXELS = 1 << 20

TILE = 1024


def pearson(a: Array, b: Array, rows_b: Array | None = None, *, rows_a: Array | None = None) -> Floats:
    """Correlate maps of `a` with their partners in `b`, for paired maps or sampled pairs.

    Parameters
    ----------
    a : (N, ...) float32 or float64
    b : (M, ...) float32 or float64
        Finite maps of the same P pixels, P at most 2^20.
    rows_b, rows_a : int (R,), optional
        Rows of each pair, by default 0, 1, ...

    Returns
    -------
    float64 (R,)
        In [-1, 1], within 1e-10 of the correlation of the maps; NaN where a map is constant.

    Raises
    ------
    TypeError
        If arrays are of another dtype or library.
    ValueError
        If shapes differ, a value is NaN or infinite, or a row is out of range.
    """
    x, y, xp = _checked(a, b)
    first = xp.arange(len(x)) if rows_a is None else rows_a
    second = xp.arange(len(first)) if rows_b is None else rows_b
    on_device(a=a, rows_a=first, rows_b=second)
    for name, rows, n in (("rows_a", first, len(x)), ("rows_b", second, len(y))):
        if rows.dtype.kind not in "iu" or rows.shape != (len(first),):
            raise TypeError(f"{name} must be {len(first)} integers, got {rows.dtype} {rows.shape}.")
        if len(rows) and not 0 <= int(rows.min()) <= int(rows.max()) < n:
            raise ValueError(f"{name} must lie in [0, {n}), got [{rows.min()}, {rows.max()}].")
    out: Floats = xp.empty(len(first))
    for lo in range(0, len(first), TILE):
        part = slice(lo, lo + TILE)
        out[part] = _paired(_standard(x[first[part]], xp), _standard(y[second[part]], xp), xp)
    return out


def pearson_matrix(a: Array, b: Array) -> Floats:
    """Correlate every map of `a` (N, ...) with every map of `b` (M, ...): float64 (N, M).

    As `pearson`; it holds 8 N M bytes: see `pearson_tiles` for a part at a time.
    """
    x, y, xp = _checked(a, b)
    out: Floats = xp.empty((len(x), len(y)))
    for rows, columns, block in _tiles(x, y, TILE, xp):
        out[rows, columns] = block
    return out


def pearson_tiles(a: Array, b: Array, *, tile: int = TILE) -> Iterator[tuple[slice, slice, Floats]]:
    """Give `pearson_matrix` block by block, so that only one block is ever held.

    Yields
    ------
    rows, columns : slice
    block : float64
        Correlations of ``a[rows]`` with ``b[columns]``; they do not depend on `tile`.
    """
    x, y, xp = _checked(a, b)
    blocks(0, 0, tile)  # refuses a bad tile now, not at the first block
    return _tiles(x, y, tile, xp)


def pearson_sums(a: Array, b: Array, *, groups: Array | None = None, n_groups: int = 1) -> PairSums:
    """Margins and diagonal of `pearson_matrix` of the same N samples, without the matrix.

    The sum of a map's correlations is its product with the sum of the other standardised maps.

    Parameters
    ----------
    a, b : (N, ...) float32 or float64
        Finite maps, none of them constant.
    groups : int (N,), optional
        Group of each sample in [0, n_groups): pairs are made inside of groups.
    n_groups : int

    Returns
    -------
    PairSums
        Means of rows, columns and all pairs are within 1e-10.
    """
    x, y, xp = _checked(a, b)
    n = len(x)
    if len(y) != n:
        raise ValueError(f"a and b must hold maps of the same samples, got {n} and {len(y)}.")
    if groups is not None:
        on_device(a=a, groups=groups)
    group = xp.zeros(n, np.int64) if groups is None else group_index(groups, n_groups, n)
    count = xp.bincount(group, minlength=n_groups).astype(np.int64)
    parts = [slice(lo, min(lo + TILE, n)) for lo in range(0, n, TILE)]
    room = math.ldexp(1.0, max(1, n).bit_length())  # above the length of any sum of n rows of length 1
    sums = [_group_sums(maps, group, n_groups, parts, room, xp) for maps in (x, y)]
    rows, columns, diagonal = xp.empty(n), xp.empty(n), xp.empty(n)
    for part in parts:
        of_x, of_y = _standard(x[part], xp), _standard(y[part], xp)
        own = xp.arange(part.stop - part.start), group[part]
        rows[part] = _product(of_x, sums[1], xp)[own] * room
        columns[part] = _product(of_y, sums[0], xp)[own] * room
        diagonal[part] = _paired(of_x, of_y, xp)
    total = _pair_products(sums[0], sums[1]) * (room * room)
    return PairSums(rows, columns, diagonal, total, count, group)


def _tiles(a: Array, b: Array, tile: int, xp: ModuleType) -> Iterator[tuple[slice, slice, Floats]]:
    left = None
    for rows, columns in blocks(len(a), len(b), tile):
        if columns.start == 0 or left is None:
            left = _standard(a[rows], xp)
        right = _standard(b[columns], xp)
        block = _clipped(_product(left, right, xp), xp)
        block[left[2]] = np.nan
        block[:, right[2]] = np.nan
        yield rows, columns, block


def _checked(a: Array, b: Array) -> tuple[Array, Array, ModuleType]:
    xp = device.namespace() if on_device(a=a, b=b) else np
    for name, maps in (("a", a), ("b", b)):
        if maps.dtype not in (np.float32, np.float64) or maps.ndim < 2:
            raise TypeError(f"{name} must be float32 or float64 (N, ...), got {maps.dtype} {maps.shape}.")
    if a.shape[1:] != b.shape[1:]:
        raise ValueError(f"a and b must be maps of one shape, got {a.shape[1:]} and {b.shape[1:]}.")
    n_pixels = math.prod(a.shape[1:])
    if not 1 <= n_pixels <= MOST_PIXELS:
        raise ValueError(f"maps must have between 1 and {MOST_PIXELS} pixels, got {n_pixels}.")
    return a.reshape(len(a), n_pixels), b.reshape(len(b), n_pixels), xp


def _standard(maps: Array, xp: ModuleType) -> tuple[Array, Array, Array]:
    """Rows of mean 0 and length 1 as two whole numbers (`_split`), and which maps are constant."""
    x = doubles(maps)
    if not bool(xp.isfinite(x).all()):
        raise ValueError("maps must be finite, got NaN or infinity: replace them or leave those maps out.")
    exponent = xp.frexp(abs(x).max(axis=1))[1]
    x = xp.rint(xp.ldexp(x, (STEPS - exponent)[:, None]))
    mean = x.astype(np.int64).sum(axis=1).astype(np.float64) / x.shape[1]
    x -= mean[:, None]
    # the squares in whole numbers again: two of 20 bits, whose products add up exactly
    high = xp.rint(x * 2.0**-20)
    low = xp.rint(x - high * 2.0**20).astype(np.int64)
    high = high.astype(np.int64)
    squares = [(p * q).sum(axis=1).astype(np.float64) for p, q in ((high, high), (high, low), (low, low))]
    square = (squares[0] * 2.0**20 + 2 * squares[1]) * 2.0**20 + squares[2]
    constant = square == 0
    length = xp.sqrt(xp.where(constant, 1.0, square))
    x /= length[:, None]
    x[constant] = 0
    return (*_split(x, xp), constant)


def _split(x: Array, xp: ModuleType) -> tuple[Array, Array]:
    """Rows no longer than 1 as ``(high + low * 2**-t) * 2**-HIGH``, t from `_low_bits`."""
    scaled = x * 2.0**HIGH
    high = xp.rint(scaled)
    scaled -= high
    scaled *= math.ldexp(1.0, _low_bits(x.shape[1]))
    return high, xp.rint(scaled)


def _low_bits(n_pixels: int) -> int:
    """Bits of the second number: the product of a row of it with one of the first stays below 2^53."""
    return 53 - HIGH - -(-(n_pixels - 1).bit_length() // 2)


def _joined(high: Array, cross: Array, n_pixels: int) -> Array:
    joined: Array = (high + cross * math.ldexp(1.0, -_low_bits(n_pixels))) * 2.0 ** (-2 * HIGH)
    return joined


def _product(a: tuple[Array, ...], b: tuple[Array, ...], xp: ModuleType) -> Array:
    """All products of two stacks of rows; the product of what is left of both is below 2^-34."""
    cross = xp.matmul(a[0], b[1].T)
    cross += xp.matmul(a[1], b[0].T)
    return _joined(xp.matmul(a[0], b[0].T), cross, a[0].shape[1])


def _pair_products(a: tuple[Array, ...], b: tuple[Array, ...]) -> Array:
    """Products of row i with row i; as exact in any order."""
    cross = (a[0] * b[1]).sum(axis=1) + (a[1] * b[0]).sum(axis=1)
    return _joined((a[0] * b[0]).sum(axis=1), cross, a[0].shape[1])


def _paired(a: tuple[Array, ...], b: tuple[Array, ...], xp: ModuleType) -> Array:
    found = _clipped(_pair_products(a, b), xp)
    found[a[2] | b[2]] = np.nan
    return found


def _clipped(values: Array, xp: ModuleType) -> Array:
    clipped: Array = xp.clip(values, -1.0, 1.0)
    return clipped


def _group_sums(
    maps: Array, group: Array, n_groups: int, parts: list[slice], room: float, xp: ModuleType
) -> tuple[Array, Array]:
    """Sums of the standardised maps of each group, divided by `room` (G, P), as two whole numbers."""
    sums = [xp.zeros((n_groups, maps.shape[1])) for _ in range(2)]
    for part in parts:
        rows = _standard(maps[part], xp)
        if bool(rows[2].any()):
            raise ValueError("a constant map has no correlation: leave it out of both stacks.")
        member = (group[part][None, :] == xp.arange(n_groups)[:, None]).astype(np.float64)
        for total, numbers in zip(sums, rows, strict=False):
            total += xp.matmul(member, numbers)
    scale = math.ldexp(1.0, -_low_bits(maps.shape[1]))
    return _split((sums[0] + sums[1] * scale) * (2.0**-HIGH / room), xp)
