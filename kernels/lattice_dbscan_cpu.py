"""CPU side of `lattice_dbscan`: disc sums row by row, runs of cores joined by union-find.

A disc of half-widths w is a stack of rows, and rows of equal half-width share their sum: each row of
the image is widened once, from width 0 to the largest, and handed to the rows that want it on the
way.  So an image costs 2 R + (2 R + 1) additions a pixel instead of the disc's pi R^2; the lowest
label in reach is found in the same manner, with minima.
"""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange, trailing

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
def find(parent: Array, i: int) -> int:
    """Root of run i; halves the path on the way."""
    while parent[i] != i:
        parent[i] = parent[parent[i]]
        i = parent[i]
    return i


@inner
def join(parent: Array, i: int, j: int) -> None:
    """Join two trees; the earlier run becomes the root, so that roots come in raster order."""
    i = find(parent, i)
    j = find(parent, j)
    if i < j:
        parent[j] = i
    elif j < i:
        parent[i] = j


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
def core_runs(flags: Array, words: Array, marks: Array, n: int) -> int:
    """Append the runs of flagged pixels, run j as marks[2 j] to marks[2 j + 1]; how many there are then.

    `words` are the same flags as uint64, eight a word, with at least one zero behind the row.
    """
    m = 2 * n
    last = np.uint64(0)
    for k in range(words.size):
        word = words[k]
        edges = word ^ ((word << np.uint64(8)) | last)
        last = word >> np.uint64(56)
        while edges:
            marks[m] = 8 * k + (np.int64(trailing(edges)) >> 3)
            m += 1
            edges &= edges - np.uint64(1)
    return m // 2


@inner
def lone_cores(flags: Array, marks: Array, n: int) -> int:
    """Append every flagged pixel as a run of its own: a disc below 1 reaches no other pixel."""
    for c in range(flags.size):
        if flags[c]:
            marks[2 * n] = c
            marks[2 * n + 1] = c + 1
            n += 1
    return n


@inner
def touch(marks: Array, parent: Array, above: int, stop: int, here: int, n: int, reach: int) -> None:
    """Join the runs [here, n) with those of an earlier row, [above, stop), that come within `reach`."""
    for j in range(here, n):
        begin = marks[2 * j] - reach
        end = marks[2 * j + 1] + reach
        while above < stop and marks[2 * above + 1] <= begin:
            above += 1
        i = above
        while i < stop and marks[2 * i] < end:
            if parent[i] != parent[j]:
                join(parent, i, j)
            i += 1


@inner
def chain(marks: Array, parent: Array, here: int, n: int, reach: int) -> None:
    """Join neighbouring runs of a row whose nearest pixels lie within `reach`."""
    for j in range(here + 1, n):
        if marks[2 * j] - marks[2 * j - 1] < reach:
            join(parent, j - 1, j)


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
def join_cores(widths: Array, marks: Array, row_of: Array, parent: Array) -> None:
    """Join the runs whose cores reach each other, and number the roots: run j gets label -1 - parent[j]."""
    reach = widths.size // 2
    for r in range(row_of.size - 1):
        here = row_of[r]
        n = row_of[r + 1]
        for j in range(here, n):
            parent[j] = j
        if here == n:
            continue
        if reach > 1:
            chain(marks, parent, here, n, widths[reach])
        for k in range(1, min(reach, r) + 1):
            touch(marks, parent, row_of[r - k], row_of[r - k + 1], here, n, widths[reach - k])
    count = 0
    for j in range(row_of[row_of.size - 1]):
        if parent[j] == j:
            parent[j] = -1 - count
            count += 1
        else:
            parent[j] = parent[parent[j]]


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
