"""CPU side of `clusters`: bits above a threshold, runs of them joined by union-find, one map a task."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange, trailing
from .label_runs import find, row_runs, touch
from .signed_sums import encode, exceeding
from .t_maps_cpu import batch_size, critical_sums, from_sum

UNIT = 2.0**32
"""Steps of mass in a unit of t."""

WORD = np.uint64(64)


def null_maxima(
    held: tuple[Array, Array, Array], shape: tuple[float, float, float, float], signs: Array,
    grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float], batch: int | None,
) -> tuple[Array, Array, Array, Array]:  # fmt: skip
    """`maxima` of the t maps of all draws, most of which never come into being."""
    tiles, totals, squares = held
    reach, up, down, cap = options
    low, high = np.empty_like(totals), np.empty_like(totals)
    critical_sums(threshold, totals, squares, shape, low, high)
    draws = len(signs)
    out = _empty_maxima(draws)
    size = min(batch or batch_size(totals.size), draws)
    sums = np.empty((size, totals.size), np.float64)
    # one word more than the pixels need: rows of bits are read two words at a time
    above = np.zeros((size, tiles.shape[0] + 4), np.uint16)
    below = np.zeros((size, tiles.shape[0] + 4), np.uint16)
    for begin in range(0, draws, size) if totals.size else ():
        codes = encode(signs[begin : begin + size])
        n = codes.shape[1]
        exceeding(tiles, codes, low, high, sums[:n], above[:n], below[:n])
        ups, downs = above[:n].view("<u8"), below[:n].view("<u8")
        _marked_t(ups, downs, totals, squares, shape, sums[:n])
        _maxima(
            sums[:n],
            ups,
            downs,
            *grid,
            threshold,
            reach,
            up,
            down,
            cap,
            *(part[begin : begin + n] for part in out),
        )
    return out


def maxima(
    t: Array, grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float]
) -> tuple[Array, Array, Array, Array]:
    """Largest extent, mass and excess of each t map (K, P) in steps, and its largest t.

    `options` are the reach of a neighbour (0 or 1), whether positive and negative clusters count, and
    the largest t that a mass takes in.
    """
    out = _empty_maxima(len(t))
    reach, up, down, cap = options
    if t.size:
        above, below = _marks(t, threshold)
        _maxima(t, above, below, *grid, threshold, reach, up, down, cap, *out)
    return out


def largest(t: Array, options: tuple[int, bool, bool, float]) -> Array:
    """Largest t of each map (K, P) in the directions that count, at least 0."""
    out = np.zeros(len(t), np.float64)
    if t.size:
        _largest(t, options[1], options[2], out)
    return out


def forest(
    t: Array, grid: tuple[int, int], threshold: float, options: tuple[int, bool, bool, float]
) -> tuple[Array, Array, Array]:
    """The first pixel (or -1) of each pixel's cluster (K, P), and, at first pixels, extent and mass."""
    roots = np.full(t.shape, -1, np.int32)
    reach, up, down, cap = options
    extent, mass = np.zeros(t.shape, np.int64), np.zeros(t.shape, np.int64)
    if t.size:
        above, below = _marks(t, threshold)
        _forest(t, above, below, *grid, reach, up, down, cap, roots, extent, mass)
    return roots, extent, mass


def _empty_maxima(draws: int) -> tuple[Array, Array, Array, Array]:
    extent, mass, excess = (np.zeros(draws, np.int64) for _ in range(3))
    return extent, mass, excess, np.zeros(draws, np.float64)


def _marks(t: Array, threshold: float) -> tuple[Array, Array]:
    words = -(-t.shape[1] // 64) + 1
    above, below = np.zeros((len(t), words), np.uint64), np.zeros((len(t), words), np.uint64)
    _mark(t, threshold, above, below)
    return above, below


@parallel
def _mark(t: Array, threshold: float, above: Array, below: Array) -> None:
    for k in prange(t.shape[0]):
        row = t[k]
        for j in range(row.size):
            bit = np.uint64(1) << np.uint64(j & 63)
            if row[j] > threshold:
                above[k, j >> 6] |= bit
            elif row[j] < -threshold:
                below[k, j >> 6] |= bit


@parallel
def _marked_t(above: Array, below: Array, totals: Array, squares: Array,
              shape: tuple[float, float, float, float], sums: Array) -> None:  # fmt: skip
    """Turn the marked sums into t, in place."""
    for k in prange(sums.shape[0]):
        for i in range(above.shape[1]):
            word = above[k, i] | below[k, i]
            while word:
                j = 64 * i + np.int64(trailing(word))
                sums[k, j] = from_sum(sums[k, j], totals[j], squares[j], shape)
                word &= word - np.uint64(1)


@parallel
def _largest(t: Array, up: bool, down: bool, out: Array) -> None:
    for k in prange(t.shape[0]):
        most = 0.0
        for value in t[k]:
            if up:
                most = max(most, value)
            if down:
                most = max(most, -value)
        out[k] = most


@inner
def _row_bits(words: Array, begin: int, width: int, out: Array) -> None:
    """Bits [begin, begin + width) of a map as words of their own, zeros behind."""
    for i in range(out.size):
        at = begin + 64 * i
        shift = np.uint64(at & 63)
        word = words[at >> 6] >> shift
        if shift:
            word |= words[(at >> 6) + 1] << (WORD - shift)
        left = width - 64 * i
        if left < 64:
            word &= (np.uint64(1) << np.uint64(left)) - np.uint64(1)
        out[i] = word


@inner
def _steps(t: float, cap: float) -> int:
    """t >= 0, at most the cap, in steps of mass."""
    return np.int64(np.rint(min(t, cap) * UNIT))  # type: ignore[return-value]


@inner
def _join_runs(t: Array, words: Array, height: int, width: int, reach: int, cap: float, marks: Array,
               parent: Array, extent: Array, mass: Array) -> tuple[int, float]:  # fmt: skip
    """Find the runs of one sign and join them; returns how many there are, and the largest |t|.

    Extents and masses are added up at the roots, which are the first runs of their clusters.
    """
    row_words = np.empty((width + 63) // 64, np.uint64)
    n = 0
    above = 0
    peak = 0.0
    for r in range(height):
        here = n
        _row_bits(words, r * width, width, row_words)
        n = row_runs(row_words, r * width, width, marks, here)
        touch(marks, parent, above, here, n, width, reach)
        above = here
    for j in range(n):
        extent[j] = marks[2 * j + 1] - marks[2 * j]
        total = 0
        for c in range(np.uint64(marks[2 * j]), np.uint64(marks[2 * j + 1])):
            value = abs(t[c])
            total += _steps(value, cap)
            peak = max(peak, value)
        mass[j] = total
    for j in range(n - 1, -1, -1):
        # a parent is an earlier run, so that whole subtrees arrive at the root
        if parent[j] != j:
            extent[parent[j]] += extent[j]
            mass[parent[j]] += mass[j]
    return n, peak


@parallel
def _maxima(t: Array, above: Array, below: Array, height: int, width: int, threshold: float, reach: int,
            up: bool, down: bool, cap: float, extents: Array, masses: Array, excesses: Array,
            peaks: Array) -> None:  # fmt: skip
    level = np.int64(np.rint(min(threshold, cap) * UNIT))
    for k in prange(t.shape[0]):
        most = height * ((width + 1) // 2)
        marks = np.empty(2 * most + 2, np.int32)
        parent = np.empty(most + 1, np.int32)
        extent = np.empty(most + 1, np.int64)
        mass = np.empty(most + 1, np.int64)
        for sign in range(2):
            if (sign == 0 and up) or (sign == 1 and down):
                words = above[k] if sign == 0 else below[k]
                n, peak = _join_runs(t[k], words, height, width, reach, cap, marks, parent, extent, mass)
                peaks[k] = max(peaks[k], peak)
                for j in range(n):
                    if parent[j] == j:
                        extents[k] = max(extents[k], extent[j])
                        masses[k] = max(masses[k], mass[j])
                        excesses[k] = max(excesses[k], mass[j] - extent[j] * level)


@parallel
def _forest(t: Array, above: Array, below: Array, height: int, width: int, reach: int, up: bool, down: bool,
            cap: float, roots: Array, extents: Array, masses: Array) -> None:  # fmt: skip
    for k in prange(t.shape[0]):
        most = height * ((width + 1) // 2)
        marks = np.empty(2 * most + 2, np.int32)
        parent = np.empty(most + 1, np.int32)
        extent = np.empty(most + 1, np.int64)
        mass = np.empty(most + 1, np.int64)
        for sign in range(2):
            if (sign == 0 and up) or (sign == 1 and down):
                words = above[k] if sign == 0 else below[k]
                n, _ = _join_runs(t[k], words, height, width, reach, cap, marks, parent, extent, mass)
                for j in range(n):
                    root = find(parent, j)
                    first = marks[2 * root]
                    if root == j:
                        extents[k, first] = extent[j]
                        masses[k, first] = mass[j]
                    for c in range(marks[2 * j], marks[2 * j + 1]):
                        roots[k, c] = first
