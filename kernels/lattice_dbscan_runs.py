"""Runs of cores on the CPU: read off a row's flags, and joined by union-find where they reach each other."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, trailing
from .label_runs import find


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
