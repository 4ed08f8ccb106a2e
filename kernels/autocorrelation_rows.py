"""Loops of `autocorrelation` on the CPU: the terms of an image, a row at a time, and their sums."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner
from .lattice import QUEEN, ROOK
from .permute_cpu import fold

KINDS = {ROOK: 0, QUEEN: 1}
GENERAL, PRODUCT = 2, 3
"""Sums: over a stencil (rook, queen, any), or the product with a fixed image."""


@inner
def rook_row(up: Array, mid: Array, down: Array, weight: Array, cross: Array) -> None:
    """Add a row's terms to its columns; image rows have a pixel more at each end."""
    for c in range(weight.size):
        lag = up[c + 1] + mid[c] + mid[c + 2] + down[c + 1]
        cross[c] += (weight[c] * mid[c + 1]) * lag


@inner
def queen_row(up: Array, mid: Array, down: Array, weight: Array, cross: Array) -> None:
    """The same with the corners."""
    for c in range(weight.size):
        lag = up[c] + up[c + 1] + up[c + 2] + mid[c] + mid[c + 2] + down[c] + down[c + 1] + down[c + 2]
        cross[c] += (weight[c] * mid[c + 1]) * lag


@inner
def add_product(own: Array, fixed: Array, products: Array) -> None:
    """Add a row's products with a row of a fixed image."""
    for c in range(fixed.size):
        products[c] += fixed[c] * own[c]


@inner
def add_squares(own: Array, excess: Array, lo: int, hi: int, squares: Array) -> None:
    """Add the squares of the columns [lo, hi) of a row, times their excess."""
    for c in range(lo, hi):
        squares[c] += (excess[c] * own[c]) * own[c]


@inner
def add_rows(
    image: Array,
    base: int,
    first: int,
    rows: int,
    kind: int,
    weight: Array,
    excess: Array,
    plain: bool,
    sums: Array,
) -> None:
    """Add the terms of rows to the sums (2, W) of their columns, from the last of the rows to the first.

    Row `base` of `image` lies above row `first` of the lattice.  On a `plain` lattice all rows but
    two at each end share their weights, so that one of them stays in cache, and have no excess
    but in two columns at each end.
    """
    height, width = weight.shape
    cross = sums[0]
    squares = sums[1]
    for i in range(rows - 1, -1, -1):
        r = first + i
        inside = plain and 2 <= r <= height - 3
        like = 2 if inside else r
        mid = image[base + 1 + i]
        if kind == 0:
            rook_row(image[base + i], mid, image[base + 2 + i], weight[like], cross)
        else:
            queen_row(image[base + i], mid, image[base + 2 + i], weight[like], cross)
        if inside and width > 4:
            add_squares(mid[1:-1], excess[like], 0, 2, squares)
            add_squares(mid[1:-1], excess[like], width - 2, width, squares)
        else:
            add_squares(mid[1:-1], excess[like], 0, width, squares)


@inner
def add_products(image: Array, base: int, first: int, rows: int, fixed: Array, sums: Array) -> None:
    """Add rows' products with a fixed image, where row `first` is row `base` + 1 of `image`."""
    width = fixed.shape[1]
    border = (image.shape[1] - width) // 2
    for i in range(rows - 1, -1, -1):
        add_product(image[base + 1 + i, border : border + width], fixed[first + i], sums[0])


@inner
def add_general(image: Array, offsets: Array, weight: Array, excess: Array, sums: Array) -> None:
    """Add the terms of all rows for any stencil."""
    height, width = weight.shape
    top = (image.shape[0] - height) // 2
    left = (image.shape[1] - width) // 2
    lag = np.empty(width)
    for r in range(height - 1, -1, -1):
        for s in range(offsets.shape[0]):
            row = r + top + offsets[s, 0]
            part = image[row, left + offsets[s, 1] : left + offsets[s, 1] + width]
            if s == 0:
                lag[:] = part
            else:
                lag += part
        own = image[r + top, left : left + width]
        for c in range(width):
            sums[0, c] += (weight[r, c] * own[c]) * lag[c]
        add_squares(own, excess[r], 0, width, sums[1])


@inner
def sum_up(
    image: Array, fixed: Array, kind: int, weight: Array, excess: Array, offsets: Array, sums: Array
) -> None:
    """Sums of a padded image by columns, each from its last row to its first."""
    height = weight.shape[0]
    sums[:] = 0.0
    if kind == 3:
        add_products(image, (image.shape[0] - height) // 2 - 1, 0, height, fixed, sums)
    elif kind == 2:
        add_general(image, offsets, weight, excess, sums)
    else:
        add_rows(image, 0, 0, height, kind, weight, excess, False, sums)


@inner
def place(padded: Array, values: Array, order: Array, places: Array, halo: Array) -> None:
    """Lay permuted values out in the padded image."""
    flat = padded.reshape(padded.size)
    for t in range(order.size):
        flat[np.uint64(places[t])] = values[np.uint64(order[t])]
    for t in range(halo.shape[1]):
        flat[halo[0, t]] = flat[halo[1, t]]


@inner
def tally(sums: Array, bounds: Array, counts: Array, kept: Array) -> None:
    """Finish a draw's sums, compare them with their bounds, and write them to `kept` if it has room."""
    first = fold(sums[0])
    counts[0] += first >= bounds[0]
    counts[1] += first <= bounds[1]
    if kept.size:
        kept[0] = first
    if counts.size == 4:
        second = (bounds[4] + fold(sums[1])) - 2.0 * first
        counts[2] += second >= bounds[2]
        counts[3] += second <= bounds[3]
        if kept.size:
            kept[1] = second
