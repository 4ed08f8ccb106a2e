"""CPU side of `label`: runs of pixels, joined by union-find, one mask a task."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange

WHOLE, REAL = 5, 7
"""Columns: area, box; and centroid, mass, peak, second moments."""


def components(masks: Array, connectivity: int) -> tuple[Array, Array, bool]:
    """Label uint8 masks (N, H, W): labels, regions a mask, and False where a value is above 1."""
    labels = np.zeros(masks.shape, np.int32)
    counts = np.zeros(len(masks), np.int64)
    bad = np.zeros(len(masks), np.bool_)
    if masks.size:
        _components(masks, connectivity - 1, labels, counts, bad)
    return labels, counts, not bad.any()


def measured(labels: Array, first: Array, n_regions: int, weights: Array | None) -> tuple[Array, Array]:
    """Measure labels (N, H, W); `first` is where the rows of each sample begin."""
    whole = np.zeros((n_regions, WHOLE), np.int64)
    real = np.zeros((n_regions, REAL), np.float64)
    if n_regions:
        if weights is None:
            _measure_plain(labels, first, whole, real)
        else:
            _measure_weighted(labels, weights, first, whole, real)
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
def row_runs(row: Array, begins: Array, ends: Array, n: int) -> int:
    """Append the runs of ones in a row to `begins` and `ends`; returns their new number."""
    before = np.uint8(0)
    for c in range(row.size):
        now = row[c]
        if now != before:
            if now:
                begins[n] = c
            else:
                ends[n] = c
                n += 1
            before = now
    if before:
        ends[n] = row.size
        n += 1
    return n


@inner
def touch(begins: Array, ends: Array, parent: Array, above: int, here: int, n: int, reach: int) -> None:
    """Join the runs [here, n) of a row with the runs [above, here) of the row before."""
    i = above
    for j in range(here, n):
        while i < here and ends[i] + reach <= begins[j]:
            i += 1
        k = i
        while k < here and begins[k] < ends[j] + reach:
            join(parent, k, j)
            k += 1
        if k > i:
            i = k - 1  # the last of them may touch the next run too


@parallel
def _components(masks: Array, reach: int, labels: Array, counts: Array, bad: Array) -> None:
    height = masks.shape[1]
    width = masks.shape[2]
    most = height * ((width + 1) // 2)
    for s in prange(masks.shape[0]):
        begins = np.empty(most, np.int32)
        ends = np.empty(most, np.int32)
        parent = np.empty(most, np.int32)
        row_of = np.empty(height + 1, np.int64)
        seen = np.uint8(0)
        n = 0
        above = 0
        for r in range(height):
            row = masks[s, r]
            seen |= largest(row)
            here = n
            row_of[r] = here
            if seen <= 1:
                n = row_runs(row, begins, ends, n)
            for j in range(here, n):
                parent[j] = j
            touch(begins, ends, parent, above, here, n, reach)
            above = here
        row_of[height] = n
        bad[s] = seen > 1
        counts[s] = paint(labels[s], begins, ends, parent, row_of)


@inner
def largest(row: Array) -> int:
    """Or of the bytes of a row."""
    seen = np.uint8(0)
    for c in range(row.size):
        seen |= row[c]
    return int(seen)


@inner
def paint(labels: Array, begins: Array, ends: Array, parent: Array, row_of: Array) -> int:
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
            row[begins[j] : ends[j]] = -parent[j]
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
def _measure_plain(labels: Array, first: Array, whole: Array, real: Array) -> None:
    samples = labels.shape[0]
    for s in prange(samples):
        lo = first[s]
        hi = first[s + 1] if s + 1 < samples else whole.shape[0]
        sums = np.zeros((hi - lo, 5), np.int64)
        for r in range(labels.shape[1]):
            row = labels[s, r]
            c = 0
            while c < row.size:
                begin = c
                number = row[c]
                c += 1
                if number > 0:
                    while c < row.size and row[c] == number:
                        c += 1
                    add_run(whole[lo:hi], sums, number - 1, r, begin, c)
        finish(whole[lo:hi], sums, real[lo:hi])
        for k in range(lo, hi):
            real[k, 2] = whole[k, 0]
            real[k, 3] = 1.0


@parallel
def _measure_weighted(labels: Array, weights: Array, first: Array, whole: Array, real: Array) -> None:
    samples = labels.shape[0]
    for s in prange(samples):
        lo = first[s]
        hi = first[s + 1] if s + 1 < samples else whole.shape[0]
        sums = np.zeros((hi - lo, 5), np.int64)
        real[lo:hi, 3] = -np.inf
        for r in range(labels.shape[1]):
            row = labels[s, r]
            weight = weights[s, r]
            c = 0
            while c < row.size:
                begin = c
                number = row[c]
                c += 1
                if number > 0:
                    k = lo + number - 1
                    mass = real[k, 2] + weight[begin]
                    peak = max(real[k, 3], np.float64(weight[begin]))
                    while c < row.size and row[c] == number:
                        mass += weight[c]
                        peak = max(peak, np.float64(weight[c]))
                        c += 1
                    real[k, 2] = mass
                    real[k, 3] = peak
                    add_run(whole[lo:hi], sums, number - 1, r, begin, c)
        finish(whole[lo:hi], sums, real[lo:hi])
