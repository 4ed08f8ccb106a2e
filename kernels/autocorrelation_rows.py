"""Loops of `autocorrelation` on the CPU: the terms of an image, a row at a time, and their sums."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner
from .lattice import QUEEN, ROOK
from .permute_cpu import fold

ROOKS, QUEENS, GENERAL, PRODUCT = range(4)
"""Sums: over a stencil (rook, queen, any), or the product with a fixed image."""

KINDS = {ROOK: ROOKS, QUEEN: QUEENS}


@inner
def rook_row(
    image: Array, at: int, across: int, weight: Array, row: int, lo: int, hi: int, cross: Array
) -> None:
    """Add the terms of a row's columns [lo, hi): it begins at `image[at]`, its weights at `weight[row]`.

    Rows of the image are `across` long.  Indices are unsigned, for then no wrapping of negative
    ones keeps LLVM from vectors; a view of each row would cost more than its terms.
    """
    own = np.uint64(at)
    up = np.uint64(at - across)
    down = np.uint64(at + across)
    one = np.uint64(1)
    for column in range(lo, hi):
        c = np.uint64(column)
        lag = image[up + c] + image[own + c - one] + image[own + c + one] + image[down + c]
        cross[c] += (weight[np.uint64(row) + c] * image[own + c]) * lag


@inner
def queen_row(
    image: Array, at: int, across: int, weight: Array, row: int, lo: int, hi: int, cross: Array
) -> None:
    """The same with the corners."""
    own = np.uint64(at)
    up = np.uint64(at - across)
    down = np.uint64(at + across)
    one = np.uint64(1)
    for column in range(lo, hi):
        c = np.uint64(column)
        lag = image[up + c - one] + image[up + c] + image[up + c + one]
        lag = lag + image[own + c - one] + image[own + c + one]
        lag = lag + image[down + c - one] + image[down + c] + image[down + c + one]
        cross[c] += (weight[np.uint64(row) + c] * image[own + c]) * lag


@inner
def two_rook_rows(
    image: Array, at: int, across: int, weight: Array, row: int, lo: int, hi: int, cross: Array
) -> None:
    """The same as `rook_row` of a row and then of the one above it, of the same weights, in one go."""
    own = np.uint64(at)
    down = np.uint64(at + across)
    above = np.uint64(at - across)
    top = np.uint64(at - 2 * across)
    one = np.uint64(1)
    for column in range(lo, hi):
        c = np.uint64(column)
        w = weight[np.uint64(row) + c]
        here = image[own + c]
        there = image[above + c]
        lag = there + image[own + c - one] + image[own + c + one] + image[down + c]
        other = image[top + c] + image[above + c - one] + image[above + c + one] + here
        cross[c] = (cross[c] + (w * here) * lag) + (w * there) * other


@inner
def add_ends(image: Array, at: int, width: int, kind: int, weight: Array, row: int, cross: Array) -> None:
    """Add the terms of a row's first and last columns, where the rows of the image touch."""
    column = 0
    while column < width:
        here = at + column
        lag = 0.0
        for i in range(-1, 2):
            beside = kind == QUEENS or i == 0
            if beside and column > 0:
                lag += image[here + width * i - 1]
            if i:
                lag += image[here + width * i]
            if beside and column < width - 1:
                lag += image[here + width * i + 1]
        cross[column] += (weight[row + column] * image[here]) * lag
        column += max(1, width - 1)


@inner
def add_product(image: Array, at: int, fixed: Array, row: int, products: Array) -> None:
    """Add a row's products with a row of a fixed image."""
    for column in range(products.size):
        c = np.uint64(column)
        products[c] += fixed[np.uint64(row) + c] * image[np.uint64(at) + c]


@inner
def add_squares(image: Array, at: int, excess: Array, row: int, lo: int, hi: int, squares: Array) -> None:
    """Add the squares of the columns [lo, hi) of a row, times their excess."""
    for column in range(lo, hi):
        c = np.uint64(column)
        own = image[np.uint64(at) + c]
        squares[c] += (excess[np.uint64(row) + c] * own) * own


@inner
def sum_plain(image: Array, kind: int, weight: Array, excess: Array, sums: Array) -> None:
    """Sums over a full lattice, rook or queen, without a torus: a flat image with a row of zeros at each end.

    All rows but two at each end share their weights, so that one of them stays in cache, and have
    no excess but in two columns at each end.
    """
    height, width = weight.shape
    weights = weight.reshape(height * width)
    margins = excess.reshape(height * width)
    sums[:] = 0.0
    cross = sums[0]
    squares = sums[1]
    r = height - 1
    while r >= 0:
        at = width * (r + 1)
        inside = 2 <= r <= height - 3
        row = width * (2 if inside else r)
        rows = 2 if kind == ROOKS and inside and r > 2 else 1
        if rows == 2:
            two_rook_rows(image, at, width, weights, row, 1, width - 1, cross)
        elif kind == ROOKS:
            rook_row(image, at, width, weights, row, 1, width - 1, cross)
        else:
            queen_row(image, at, width, weights, row, 1, width - 1, cross)
        for _ in range(rows):
            add_ends(image, at, width, kind, weights, row, cross)
            if inside and width > 4:
                add_squares(image, at, margins, row, 0, 2, squares)
                add_squares(image, at, margins, row, width - 2, width, squares)
            else:
                add_squares(image, at, margins, row, 0, width, squares)
            at -= width
        r -= rows


@inner
def multiply(image: Array, fixed: Array, sums: Array) -> None:
    """Sums of the products with a fixed image, of an image as in `sum_plain`."""
    height, width = fixed.shape
    factors = fixed.reshape(height * width)
    sums[:] = 0.0
    products = sums[0]
    for r in range(height - 1, -1, -1):
        add_product(image, width * (r + 1), factors, width * r, products)


@inner
def copy(target: Array, source: Array) -> None:
    """Copy, in vectors, as Numba's assignment of arrays does not."""
    for i in range(source.size):
        target[i] = source[i]


@inner
def add_lagged(
    image: Array, at: int, steps: Array, weight: Array, row: int, lag: Array, cross: Array
) -> None:
    """Add a row's terms for any stencil, given as steps in the flat image; `lag` is a buffer."""
    lag[:] = 0.0
    for step in steps:
        for column in range(lag.size):
            c = np.uint64(column)
            lag[c] += image[np.uint64(at + step) + c]
    for column in range(lag.size):
        c = np.uint64(column)
        cross[c] += (weight[np.uint64(row) + c] * image[np.uint64(at) + c]) * lag[c]


@inner
def sum_up(
    image: Array, fixed: Array, kind: int, weight: Array, excess: Array, steps: Array, sums: Array
) -> None:
    """Sums of a padded image by columns, each from its last row to its first."""
    height, width = weight.shape
    across = image.shape[1]
    flat = image.reshape(image.size)
    weights = weight.reshape(height * width)
    margins = excess.reshape(height * width)
    factors = fixed.reshape(fixed.size)
    lag = np.empty(width)
    first = (image.shape[0] - height) // 2 * across + (across - width) // 2
    sums[:] = 0.0
    cross = sums[0]
    for r in range(height - 1, -1, -1):
        at = first + r * across
        row = r * width
        if kind == PRODUCT:
            add_product(flat, at, factors, row, cross)
            continue
        if kind == ROOKS:
            rook_row(flat, at, across, weights, row, 0, width, cross)
        elif kind == QUEENS:
            queen_row(flat, at, across, weights, row, 0, width, cross)
        else:
            add_lagged(flat, at, steps, weights, row, lag, cross)
        add_squares(flat, at, margins, row, 0, width, sums[1])


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
