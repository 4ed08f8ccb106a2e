"""CPU side of `lattice_dbscan`: disc sums row by row, the clusters' runs, and labels from them.

A disc of half-widths w is a stack of rows, and rows of equal half-width share their sum: each row of
the image is widened once, from width 0 to the largest, and handed to the rows that want it on the
way.  So an image costs 2 R + (2 R + 1) additions a pixel instead of the disc's pi R^2; the lowest
label in reach is found in the same manner, with minima.
"""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .lattice_dbscan_runs import core_runs, join_cores, lone_cores

NOWHERE = np.int32(2147483647)
"""Above every label: what the minimum starts from."""


def clusters(weights: Array, widths: Array, least: float) -> tuple[Array, bool]:
    """Labels of weights (N, H, W); False where one is negative or not finite."""
    labels = np.empty(weights.shape, np.int32)
    bad = np.zeros(len(weights), np.bool_)
    if weights.size:
        _clusters(weights, widths, least, labels, bad)
    return labels, not bad.any()


@inner
def load(padded: Array, row: Array) -> bool:
    """Copy a row of weights into its middle; True where one is negative or not finite."""
    bad = 0
    for c in range(row.size):
        value = np.float64(row[c])
        padded[c] = value
        bad |= not ((value >= 0.0) & (value < np.inf))
    return bad != 0


@inner
def widen(total: Array, left: Array, right: Array) -> None:
    """Add the next pixel to the left and to the right, the two first."""
    for c in range(total.size):
        total[c] += left[c] + right[c]


@inner
def add(total: Array, values: Array) -> None:
    """Add one row to another."""
    for c in range(total.size):
        total[c] += values[c]


@inner
def widen_low(low: Array, left: Array, right: Array) -> None:
    """Lower to the next pixel to the left and to the right."""
    for c in range(low.size):
        low[c] = min(low[c], min(left[c], right[c]))


@inner
def lower(low: Array, values: Array) -> None:
    """Lower one row to another."""
    for c in range(low.size):
        low[c] = min(low[c], values[c])


@inner
def mark(flags: Array, row: Array, total: Array, least: float) -> None:
    """Flag the cores of a row with 1."""
    for c in range(row.size):
        flags[c] = np.uint8((total[c] >= least) & (row[c] > 0))


@inner
def find_cores(weights: Array, widths: Array, least: float, marks: Array, row_of: Array) -> int:
    """Runs of cores of an image, those of row r from row_of[r] on; how many, or -1 for a bad weight."""
    height, width = weights.shape
    reach = widths.size // 2
    padded = np.zeros(width + 2 * reach, np.float64)
    own = padded[reach : reach + width]
    across = np.empty(width, np.float64)
    ring = np.zeros((2 * reach + 1, width), np.float64)
    flags = np.zeros(8 * (width // 8 + 1), np.uint8)
    words = flags.view(np.uint64)
    n = 0
    for r in range(height + reach):
        # row r of weights goes to the discs of the rows around it, rows in order: that is the order
        # in which each disc is added
        if r < height:
            if load(own, weights[r]):
                return -1
            across[:] = own
            for d in range(reach + 1):
                if d:
                    widen(
                        across, padded[reach - d : reach - d + width], padded[reach + d : reach + d + width]
                    )
                for k in range(2 * reach + 1):
                    t = r + reach - k  # the row whose disc holds this one as its row k
                    if widths[k] == d and 0 <= t < height:
                        add(ring[t % ring.shape[0]], across)
        t = r - reach
        if t >= 0:
            total = ring[t % ring.shape[0]]
            mark(flags[:width], weights[t], total, least)
            total[:] = 0.0
            row_of[t] = n
            n = core_runs(flags, words, marks, n) if reach else lone_cores(flags[:width], marks, n)
    row_of[height] = n
    return n


@inner
def paint(row: Array, low: Array, weights: Array) -> None:
    """Write a row of labels: the lowest of a core in reach, which for a core is its own."""
    for c in range(row.size):
        best = np.int32(-1) if low[c] == NOWHERE else low[c]
        row[c] = best if weights[c] > 0 else np.int32(-2)


@inner
def spread(weights: Array, widths: Array, marks: Array, row_of: Array, parent: Array, labels: Array) -> None:
    """Label every point by the lowest cluster that has a core in its disc."""
    height, width = weights.shape
    reach = widths.size // 2
    padded = np.full(width + 2 * reach, NOWHERE, np.int32)
    across = np.empty(width, np.int32)
    ring = np.full((2 * reach + 1, width), NOWHERE, np.int32)
    for r in range(height + reach):
        if r < height and row_of[r] < row_of[r + 1]:
            padded[:] = NOWHERE
            for j in range(row_of[r], row_of[r + 1]):
                for c in range(marks[2 * j], marks[2 * j + 1]):
                    padded[reach + c] = -1 - parent[j]
            across[:] = padded[reach : reach + width]
            for d in range(reach + 1):
                if d:
                    left, right = padded[reach - d : reach - d + width], padded[reach + d : reach + d + width]
                    widen_low(across, left, right)
                for k in range(2 * reach + 1):
                    t = r + reach - k
                    if widths[k] == d and 0 <= t < height:
                        lower(ring[t % ring.shape[0]], across)
        t = r - reach
        if t >= 0:
            low = ring[t % ring.shape[0]]
            paint(labels[t], low, weights[t])
            low[:] = NOWHERE


@parallel
def _clusters(weights: Array, widths: Array, least: float, labels: Array, bad: Array) -> None:
    height = weights.shape[1]
    # runs are at least a pixel apart, but for a disc that reaches no neighbour
    most = height * ((weights.shape[2] + 1) // 2 if widths.size > 1 else weights.shape[2])
    for s in prange(weights.shape[0]):
        marks = np.empty(2 * most, np.int32)
        parent = np.empty(most, np.int32)
        row_of = np.empty(height + 1, np.int64)
        n = find_cores(weights[s], widths, least, marks, row_of)
        bad[s] = n < 0
        if n >= 0:
            join_cores(widths, marks, row_of, parent)
            spread(weights[s], widths, marks, row_of, parent, labels[s])
