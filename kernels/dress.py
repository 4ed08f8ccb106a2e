"""From the sums of a density pass, flat and by group, to `PixelMoments`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from .checks import Array
from .fixed_point import CARRY, STEPS, Ints
from .moments import PixelMoments


class Sums(NamedTuple):
    """What a pass leaves, on the CPU or a GPU: fields of `PixelMoments` of G groups and P pixels, by
    name (G, P), `exceeded` (T, G, P), and whether a value was out of range."""

    positive: Array
    negative: Array
    square_high: Array
    square_low: Array
    minimum: Array
    maximum: Array
    exceeded: Array
    bad: bool


def levels_in_steps(levels: Sequence[float], steps: int) -> Ints:
    """Return the integers that a value in steps must exceed in order to exceed the levels.

    Where values are rounded (2^24 steps) a level is rounded as they are.  Where they are exact (255
    steps) it falls to the step below, unless it is a step but for its last bits, as 8/255 is.
    """
    exact = np.asarray(levels, np.float64).reshape(-1)
    if steps == STEPS:
        return np.rint(exact.astype(np.float32) * np.float64(steps)).astype(np.int64)
    nearest = np.rint(exact * steps)
    near = np.abs(exact * steps - nearest) < 1e-6
    return np.where(near, nearest, np.floor(exact * steps)).astype(np.int64)


def dressed(
    sums: Sums, count: Ints, shape: tuple[int, ...], levels: Sequence[float], steps: int, observations: int
) -> PixelMoments:
    """Give the sums their shape."""
    full = (len(count), *shape)
    return PixelMoments(
        count, sums.positive.reshape(full), sums.negative.reshape(full), sums.square_high.reshape(full),
        sums.square_low.reshape(full), sums.minimum.reshape(full), sums.maximum.reshape(full),
        sums.exceeded.reshape(len(levels), *full), np.asarray(levels, np.float64), steps, observations,
    )  # fmt: skip


def dressed_masks(
    ones: Array, count: Ints, shape: tuple[int, ...], levels: Sequence[float], xp: Any
) -> PixelMoments:
    """Moments of masks from the number of ones: a one is 2^24 steps, its square 2^48."""
    full = (len(count), *shape)
    taken: Ints = xp.ascontiguousarray(ones).reshape(full)
    each = count.reshape(-1, *(1,) * len(shape))
    minimum = xp.where(each == 0, np.inf, taken == each).astype(np.float32)
    maximum = xp.where(each == 0, -np.inf, taken > 0).astype(np.float32)
    exceeded = xp.zeros((len(levels), *full), np.int64)
    for t, level in enumerate(levels_in_steps(levels, STEPS)):
        exceeded[t] = each if level < 0 else taken if level < STEPS else 0
    empty = xp.zeros(full, np.int64)
    return PixelMoments(
        count, taken << (CARRY // 2), empty, taken, empty.copy(), minimum, maximum, exceeded,
        np.asarray(levels, np.float64),
    )  # fmt: skip
