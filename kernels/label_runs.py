"""Runs of pixels on the CPU: read off rows of bits, joined by union-find, painted as labels."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, population, trailing

at = np.uint64
"""Of an index that is not negative.  Numba makes of a signed one `index + size if index < 0 else index`."""

SPREAD = np.uint64(0x0102040810204080)
"""Times eight bytes of 0 and 1: gathers them, in order, in the highest byte."""


@inner
def find(parent: Array, i: int) -> int:
    """Root of run i; halves the path on the way."""
    while parent[at(i)] != i:
        parent[at(i)] = parent[at(parent[at(i)])]
        i = parent[at(i)]
    return i


@inner
def pack_row(eights: Array, words: Array) -> np.uint64:
    """Pack a row of bytes into bits, the first pixel lowest; returns all bytes, or-ed together."""
    seen = np.uint64(0)
    for k in range(words.size):
        word = np.uint64(0)
        shift = np.uint64(0)
        for j in range(8 * k, min(8 * k + 8, eights.size)):
            eight = eights[j]
            seen |= eight
            word |= ((eight * SPREAD) >> np.uint64(56)) << shift
            shift += np.uint64(8)
        words[k] = word
    return seen


@inner
def row_runs(words: Array, base: int, width: int, marks: Array, n: int) -> int:
    """Append the runs of a row that begins at pixel `base` to the n runs in `marks`; returns how many now.

    Run j covers the pixels from marks[2 j] to marks[2 j + 1], half-open, counted from the image's first.
    """
    m = 2 * n
    carry = np.uint64(0)
    for k in range(words.size):
        word = words[k]
        edges = word ^ ((word << np.uint64(1)) | carry)
        carry = word >> np.uint64(63)
        while edges:
            marks[at(m)] = base + 64 * k + np.int64(trailing(edges))
            m += 1
            edges &= edges - np.uint64(1)
    if carry:
        marks[at(m)] = base + width
        m += 1
    return m // 2


@inner
def touch(marks: Array, parent: Array, above: int, here: int, n: int, width: int, reach: int) -> None:
    """Add the runs [here, n) of a row to the forest, joined with the runs [above, here) before them."""
    i = above
    for j in range(here, n):
        begin = marks[at(2 * j)] - width - reach
        end = marks[at(2 * j + 1)] - width + reach
        while i < here and marks[at(2 * i + 1)] <= begin:
            i += 1
        root = j
        while i < here and marks[at(2 * i)] < end:
            other = find(parent, i)
            if other < root:
                if root < j:
                    parent[at(root)] = other
                root = other
            elif root < other:
                parent[at(other)] = root
            if marks[at(2 * i + 1)] >= end:
                break  # it may touch the next run too
            i += 1
        parent[at(j)] = root


@inner
def unite(parent: Array, i: int, j: int) -> None:
    """Join the trees of two runs: the larger root hangs under the smaller."""
    a = find(parent, i)
    b = find(parent, j)
    if a < b:
        parent[at(b)] = a
    elif b < a:
        parent[at(a)] = b


@inner
def begun(begins: np.uint64, so_far: np.uint64) -> int:
    """How many of the runs begin among some bits."""
    return np.int64(population(begins & so_far))  # type: ignore[return-value]


@inner
def join_row(up: Array, row: Array, parent: Array, above: int, here: int, n: int, reach: int) -> None:
    """Add the runs [here, n) of a row of bits to the forest, joined with those of the row `up` over it,
    which are numbered from `above` on.

    What `touch` does, without a branch that depends on where runs begin and end: one bit marks each
    place where two runs meet, and counting the beginnings up to it says which runs they are.
    """
    one, high = np.uint64(1), np.uint64(63)
    for j in range(here, n):
        parent[at(j)] = j
    over, under = above - 1, here - 1  # the runs last begun before this word
    up_carry, row_carry = np.uint64(0), np.uint64(0)
    for k in range(row.size):
        before_up = (up[k] << one) | up_carry
        before_row = (row[k] << one) | row_carry
        up_begins, row_begins = up[k] & ~before_up, row[k] & ~before_row
        places = up[k] & row[k] & ~(before_up & before_row)
        while places:
            so_far = places ^ (places - one)  # the place and all bits below it
            unite(parent, over + begun(up_begins, so_far),
                  under + begun(row_begins, so_far))  # fmt: skip
            places &= places - one
        if reach:
            after_up, after_row = up[k] >> one, row[k] >> one
            if k + 1 < row.size:
                after_up |= up[k + 1] << high
                after_row |= row[k + 1] << high
            corners = row[k] & ~up[k]
            places = corners & before_up & ~before_row
            while places:
                so_far = places ^ (places - one)
                unite(parent, over + begun(up_begins, so_far),
                      under + begun(row_begins, so_far))  # fmt: skip
                places &= places - one
            places = corners & after_up & ~after_row
            while places:
                so_far = places ^ (places - one)
                unite(parent, over + begun(up_begins, so_far) + 1,  # begins one further
                      under + begun(row_begins, so_far))  # fmt: skip
                places &= places - one
        over += begun(up_begins, ~np.uint64(0))
        under += begun(row_begins, ~np.uint64(0))
        up_carry, row_carry = up[k] >> high, row[k] >> high


@inner
def paint(flat: Array, marks: Array, parent: Array, n: int) -> int:
    """Number the roots of n runs from 1 in raster order and write them; returns how many there are.

    Parents come before their children, so one pass forward resolves every tree; numbers are stored
    as negative parents.
    """
    regions = 0
    for j in range(n):
        if parent[at(j)] == j:
            regions += 1
            parent[at(j)] = -regions
        else:
            parent[at(j)] = parent[at(parent[at(j)])]
        fill(flat, at(marks[at(2 * j)]), at(marks[at(2 * j + 1)]), -parent[at(j)])
    return regions


@inner
def fill(flat: Array, lo: np.uint64, hi: np.uint64, number: int) -> None:
    """Write a run into labels that are zero from its first pixel on.

    Eight pixels at a time, then zeros again over those beyond its end: short loops of changing length
    would cost a mispredicted branch each.
    """
    eight = np.uint64(8)
    if hi + eight > np.uint64(flat.size):  # the end of the image, beyond which others write
        for c in range(lo, hi):
            flat[c] = number
        return
    while lo < hi:
        for k in range(8):
            flat[lo + at(k)] = number
        lo += eight
    for k in range(8):
        flat[hi + at(k)] = 0


@inner
def runs_of_bits(rows: Array, labels: Array, marks: Array, owner: Array, row_of: Array) -> None:
    """Runs of a mask, the label of each, and where the runs of a row begin."""
    height, width = labels.shape
    flat = labels.reshape(height * width)
    n = 0
    for r in range(height):
        row_of[r] = n
        here = n
        n = row_runs(rows[r], r * width, width, marks, here)
        for j in range(here, n):
            owner[at(j)] = flat[at(marks[at(2 * j)])]
    row_of[height] = n


@inner
def runs_of_labels(labels: Array, marks: Array, owner: Array, row_of: Array) -> None:
    """Runs of one positive label each, as `runs_of_bits`."""
    height, width = labels.shape
    n = 0
    for r in range(height):
        row_of[r] = n
        row = labels[r]
        c = 0
        while c < width:
            begin = c
            number = row[at(c)]
            c += 1
            if number > 0:
                while c < width and row[at(c)] == number:
                    c += 1
                marks[at(2 * n)] = r * width + begin
                marks[at(2 * n + 1)] = r * width + c
                owner[at(n)] = number
                n += 1
    row_of[height] = n
