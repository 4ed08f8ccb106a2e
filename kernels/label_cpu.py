"""CPU side of `label`: runs of pixels, joined by union-find, one mask a task."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange, trailing

WHOLE, REAL = 5, 7
"""Columns: area, box; and centroid, mass, peak, second moments."""


def components(masks: Array, connectivity: int) -> tuple[Array, Array]:
    """Label masks of 0 and 1 in uint8 (N, H, W): labels, and regions a mask."""
    labels = np.zeros(masks.shape, np.int32)
    counts = np.zeros(len(masks), np.int64)
    if masks.size:
        # rows of bits: a run's two ends are then found by one instruction each
        width = masks.shape[2]
        held = np.zeros((*masks.shape[:2], 8 * -(-width // 64)), np.uint8)
        held[:, :, : -(-width // 8)] = np.packbits(masks, axis=2, bitorder="little")
        _components(held.view("<u8").astype(np.uint64, copy=False), connectivity - 1, labels, counts)
    return labels, counts


def measured(labels: Array, first: Array, n_regions: int, weights: Array | None) -> tuple[Array, Array]:
    """Measure labels (N, H, W); `first` is where the rows of each sample begin."""
    whole = np.zeros((n_regions, WHOLE), np.int64)
    real = np.zeros((n_regions, REAL), np.float64)
    if n_regions:
        _measure_all(labels, weights, first, whole, real)
    return whole, real


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
def row_runs(words: Array, width: int, marks: Array, n: int) -> int:
    """Append the runs of a row to `marks`, run j as marks[2 j] to marks[2 j + 1], half-open.

    Returns the new number of runs.
    """
    m = 2 * n
    carry = np.uint64(0)
    for k in range(words.size):
        word = words[k]
        edges = word ^ ((word << np.uint64(1)) | carry)
        carry = word >> np.uint64(63)
        while edges:
            marks[m] = 64 * k + np.int64(trailing(edges))
            m += 1
            edges &= edges - np.uint64(1)
    if carry:
        marks[m] = width
        m += 1
    return m // 2


@inner
def touch(marks: Array, parent: Array, above: int, here: int, n: int, reach: int) -> None:
    """Join the runs [here, n) of a row with the runs [above, here) of the row before."""
    i = above
    for j in range(here, n):
        begin = marks[2 * j] - reach
        end = marks[2 * j + 1] + reach
        while i < here and marks[2 * i + 1] <= begin:
            i += 1
        while i < here and marks[2 * i] < end:
            join(parent, i, j)
            if marks[2 * i + 1] >= end:
                break  # it may touch the next run too
            i += 1


@parallel
def _components(words: Array, reach: int, labels: Array, counts: Array) -> None:
    for s in prange(words.shape[0]):
        counts[s] = _label_one(words[s], reach, labels[s])


@inner
def _label_one(words: Array, reach: int, labels: Array) -> int:
    height, width = labels.shape
    most = height * ((width + 1) // 2)
    marks = np.empty(2 * most, np.int32)
    parent = np.empty(most, np.int32)
    row_of = np.empty(height + 1, np.int64)
    n = 0
    above = 0
    for r in range(height):
        here = n
        row_of[r] = here
        n = row_runs(words[r], width, marks, here)
        for j in range(here, n):
            parent[j] = j
        touch(marks, parent, above, here, n, reach)
        above = here
    row_of[height] = n
    return paint(labels, marks, parent, row_of)


@inner
def paint(labels: Array, marks: Array, parent: Array, row_of: Array) -> int:
    """Number the roots in raster order and write the labels; returns how many there are.

    Parents come before their children, so one pass forward resolves every tree; numbers are stored
    as negative parents, minus one for the first region.
    """
    regions = 0
    for r in range(labels.shape[0]):
        row = labels[r]
        for j in range(row_of[r], row_of[r + 1]):
            if parent[j] == j:
                regions += 1
                parent[j] = -regions
            else:
                parent[j] = parent[parent[j]]
            for c in range(marks[2 * j], marks[2 * j + 1]):
                row[c] = -parent[j]
    return regions


@inner
def add_run(whole: Array, sums: Array, k: int, r: int, lo: int, hi: int) -> None:
    """Add the run [lo, hi) of row r to region k: area, box, and exact sums of r, c, rr, cc, rc."""
    n = hi - lo
    if whole[k, 0] == 0:
        whole[k, 1] = r
        whole[k, 2] = lo
        whole[k, 4] = hi
    whole[k, 0] += n
    whole[k, 2] = min(whole[k, 2], lo)
    whole[k, 3] = r + 1
    whole[k, 4] = max(whole[k, 4], hi)
    columns = n * (lo + hi - 1) // 2
    sums[k, 0] += n * r
    sums[k, 1] += columns
    sums[k, 2] += n * r * r
    sums[k, 3] += ((hi - 1) * hi * (2 * hi - 1) - (lo - 1) * lo * (2 * lo - 1)) // 6
    sums[k, 4] += r * columns


@inner
def finish(whole: Array, sums: Array, real: Array) -> None:
    """Turn the sums of a mask's regions into centroids and central second moments.

    The moments are taken about the integer pixel nearest to the centroid, exactly, before the one
    rounding step.
    """
    for k in range(sums.shape[0]):
        n = whole[k, 0]
        if n == 0:
            continue
        row = (2 * sums[k, 0] + n) // (2 * n)
        col = (2 * sums[k, 1] + n) // (2 * n)
        over_row = sums[k, 0] - n * row
        over_col = sums[k, 1] - n * col
        real[k, 0] = sums[k, 0] / n
        real[k, 1] = sums[k, 1] / n
        real[k, 4] = (sums[k, 2] - row * (n * row + 2 * over_row) - over_row * (over_row / n)) / n
        real[k, 5] = (sums[k, 3] - col * (n * col + 2 * over_col) - over_col * (over_col / n)) / n
        cross = sums[k, 4] - row * over_col - col * over_row - n * row * col
        real[k, 6] = (cross - over_row * (over_col / n)) / n


@parallel
def _measure_all(labels: Array, weights: Array | None, first: Array, whole: Array, real: Array) -> None:
    samples = labels.shape[0]
    for s in prange(samples):
        lo = first[s]
        hi = first[s + 1] if s + 1 < samples else whole.shape[0]
        if weights is None:
            _measure_one(labels[s], None, whole[lo:hi], real[lo:hi])
        else:
            _measure_one(labels[s], weights[s], whole[lo:hi], real[lo:hi])


@inner
def _measure_one(labels: Array, weights: Array | None, whole: Array, real: Array) -> None:
    sums = np.zeros((whole.shape[0], 5), np.int64)
    real[:, 3] = -np.inf
    for r in range(labels.shape[0]):
        row = labels[r]
        c = 0
        while c < row.size:
            begin = c
            number = row[c]
            c += 1
            if number > 0:
                while c < row.size and row[c] == number:
                    c += 1
                add_run(whole, sums, number - 1, r, begin, c)
                if weights is not None:
                    # one after the other in raster order: the sum is the same on any machine
                    mass = real[number - 1, 2]
                    peak = real[number - 1, 3]
                    for j in range(begin, c):
                        mass += weights[r, j]
                        peak = max(peak, np.float64(weights[r, j]))
                    real[number - 1, 2] = mass
                    real[number - 1, 3] = peak
    finish(whole, sums, real)
    if weights is None:
        for k in range(whole.shape[0]):
            real[k, 2] = whole[k, 0]
            real[k, 3] = 1.0
