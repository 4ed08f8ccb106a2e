"""CPU side of `tfce`: the component tree of each map, scored from its roots to its leaves."""

from __future__ import annotations

import math

import numpy as np

from .checks import Array
from .jit import inner, n_threads, parallel, prange
from .tfce_order import by_height, by_level
from .tfce_tree import grow


def stepped(
    t: Array, grid: tuple[int, int], start: float, step: float, steps: Array, weights: Array, powers: Array,
    reach: int, up: bool, down: bool, scores: Array | None,
) -> Array:  # fmt: skip
    """Largest score of each t map (K, P), and all scores where `scores` (K, P) is given.

    Levels of map k are ``start + j * steps[k]`` (`step` where `steps` is empty), j below the number
    of weights; a pixel takes those below its abs(t), or, where `steps` is given, not above it.
    """
    out = np.zeros(len(t), np.float64)
    if t.size and weights.size:
        _stepped(t, *grid, start, step, steps, weights, powers, reach, up, down, scores, n_threads(), out)
    return out


def exact(
    t: Array, grid: tuple[int, int], height_power: float, powers: Array, reach: int, up: bool, down: bool,
    scores: Array | None,
) -> Array:  # fmt: skip
    """As `stepped`, with the integral over all heights."""
    out = np.zeros(len(t), np.float64)
    if t.size:
        _exact(t, *grid, height_power, powers, reach, up, down, scores, n_threads(), out)
    return out


@inner
def _below(height: float, value: float, closed: bool) -> bool:
    return height < value or (closed and height == value)


@inner
def signed_levels(
    row: Array, width: int, start: float, step: float, most: int, closed: bool, up: bool, down: bool,
    level: Array, sign: Array,
) -> None:  # fmt: skip
    """Number of levels below (closed: not above) each abs(t), into the framed map."""
    wide = width + 1
    level[:] = 0
    for r in range(row.size // width):
        for c in range(width):
            value = row[r * width + c]
            at = (r + 1) * wide + c + 1
            if (value > 0.0 and not up) or (value < 0.0 and not down):
                continue
            sign[at] = value > 0.0
            value = abs(value)
            n = np.int64(min(max((value - start) / step, -1.0), most + 0.0)) + 1
            # the quotient is rounded: the levels themselves decide
            while n > 0 and not _below(start + (n - 1) * step, value, closed):
                n -= 1
            while n < most and _below(start + n * step, value, closed):
                n += 1
            level[at] = min(n, most)


@parallel
def _stepped(t: Array, height: int, width: int, start: float, step: float, steps: Array, weights: Array,
             powers: Array, reach: int, up: bool, down: bool, scores: Array | None, tasks: int,
             out: Array) -> None:  # fmt: skip
    framed = (height + 2) * (width + 1) + 1
    tasks = min(4 * tasks, t.shape[0])
    closed = steps.size > 0
    for task in prange(tasks):
        # places are unsigned: Numba would ask of each signed index whether it is negative
        level, sign = np.zeros(framed, np.uint32), np.zeros(framed, np.bool_)
        parent, joined = np.empty(framed, np.uint32), np.empty(framed, np.uint32)
        area, order = np.empty(framed, np.uint32), np.empty(framed, np.uint32)
        rank, near = np.empty(framed, np.int32), np.empty(framed, np.uint8)
        score = np.empty(framed, np.float64)
        for k in range(task * t.shape[0] // tasks, (task + 1) * t.shape[0] // tasks):
            delta = steps[k] if closed else step
            if not delta > 0.0:
                continue  # a map of zeros has no levels of its own
            signed_levels(t[k], width, start, delta, weights.size, closed, up, down, level, sign)
            n = by_level(level, weights.size, order)
            grow(order[:n], sign, width + 1, reach, rank, near, parent, joined, area)
            most = 0.0
            for i in range(n - 1, -1, -1):
                p = order[i]
                q = parent[p]
                value = 0.0 if p == q else score[q]
                power = powers[area[p]]
                for j in range(0 if p == q else level[q], level[p]):
                    value += weights[j] * power
                score[p] = value
                most = max(most, value)
            out[k] = most
            if scores is not None:
                _unframe(order[:n], score, sign, width, scores[k])


@inner
def _unframe(order: Array, score: Array, sign: Array, width: int, out: Array) -> None:
    wide = width + 1
    for p in order:
        r = p // wide
        out[(r - 1) * width + (p - r * wide) - 1] = score[p] if sign[p] else -score[p]


@inner
def _integral(h: float, power: float) -> float:
    """Integral of x^power from 0 to h."""
    if power == 2.0:
        return h * h * h / 3.0
    if power == 1.0:
        return h * h / 2.0
    return math.pow(h, power + 1.0) / (power + 1.0)


@parallel
def _exact(t: Array, height: int, width: int, height_power: float, powers: Array, reach: int, up: bool,
           down: bool, scores: Array | None, tasks: int, out: Array) -> None:  # fmt: skip
    framed = (height + 2) * (width + 1) + 1
    wide = width + 1
    tasks = min(4 * tasks, t.shape[0])
    for task in prange(tasks):
        size, sign = np.zeros(framed, np.float64), np.zeros(framed, np.bool_)
        parent, joined = np.empty(framed, np.uint32), np.empty(framed, np.uint32)
        area, order = np.empty(framed, np.uint32), np.empty(framed, np.uint32)
        rank, near = np.empty(framed, np.int32), np.empty(framed, np.uint8)
        keys, spare = np.empty(framed, np.uint64), np.empty(framed, np.uint64)
        score = np.empty(framed, np.float64)
        for k in range(task * t.shape[0] // tasks, (task + 1) * t.shape[0] // tasks):
            n = 0
            row = t[k]
            for r in range(height):
                for c in range(width):
                    value = row[r * width + c]
                    if (value > 0.0 and up) or (value < 0.0 and down):
                        at = (r + 1) * wide + c + 1
                        order[n] = at
                        n += 1
                        size[at] = abs(value)
                        sign[at] = value > 0.0
            by_height(size, keys, spare, order, n)
            grow(order[:n], sign, wide, reach, rank, near, parent, joined, area)
            most = 0.0
            for i in range(n - 1, -1, -1):
                p = order[i]
                q = parent[p]
                piece = _integral(size[p], height_power)
                size[p] = piece  # from here on the integral up to the height
                value = powers[area[p]] * piece if p == q else score[q] + powers[area[p]] * (piece - size[q])
                score[p] = value
                most = max(most, value)
            out[k] = most
            if scores is not None:
                _unframe(order[:n], score, sign, width, scores[k])
