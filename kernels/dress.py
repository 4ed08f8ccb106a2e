"""From the integer sums of a density pass, by segment, to `PixelMoments`, by group."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np

from .checks import Array
from .moments import CARRY, STEPS, Ints, PixelMoments, carried
from .schedule import Schedule, gather


class Sums(Protocol):
    """Sums in steps by segment and pixel, as a CPU or GPU pass leaves them."""

    @property
    def positive(self) -> Array: ...
    @property
    def total(self) -> Array: ...
    @property
    def high(self) -> Array: ...
    @property
    def low(self) -> Array: ...
    @property
    def ends(self) -> Array: ...
    @property
    def exceeded(self) -> Array: ...


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
    sums: Sums, plan: Schedule, groups: Ints, n_groups: int, shape: tuple[int, ...],
    levels: Sequence[float], steps: int, observations: int,
) -> PixelMoments:  # fmt: skip
    """Add segments up to groups and give the sums their shape."""
    full = (n_groups, *shape)
    positive, total, high, low = (
        gather(part, plan, n_groups, np.add) for part in (sums.positive, sums.total, sums.high, sums.low)
    )
    if len(plan.groups) > len(np.unique(plan.groups)):  # some low words were added up
        high, low = carried(high, low)
    count = np.bincount(groups, minlength=n_groups).astype(np.int64)
    # correctly rounded float32 quotients; integers up to 2^24 are float32 numbers
    minimum, maximum = (
        np.divide(gather(end, plan, n_groups, how), np.float32(steps), dtype=np.float32)
        for end, how in ((sums.ends[0], np.minimum), (sums.ends[1], np.maximum))
    )
    minimum[count == 0], maximum[count == 0] = np.inf, -np.inf
    exceeded = np.zeros((len(levels), *full), np.int64)
    for t in range(len(levels)):
        exceeded[t] = gather(sums.exceeded[t], plan, n_groups, np.add).reshape(full)
    return PixelMoments(
        count, positive.reshape(full), np.subtract(positive, total, out=total).reshape(full),
        high.reshape(full), low.reshape(full), minimum.reshape(full), maximum.reshape(full),
        exceeded, np.asarray(levels, np.float64), steps, observations,
    )  # fmt: skip


def dressed_masks(
    ones: Array, plan: Schedule, groups: Ints, n_groups: int, shape: tuple[int, ...], levels: Sequence[float]
) -> PixelMoments:
    """Moments of masks from the number of ones: a one is 2^24 steps, its square 2^48."""
    full = (n_groups, *shape)
    taken: Ints = gather(ones, plan, n_groups, np.add).reshape(full)
    count = np.bincount(groups, minlength=n_groups).astype(np.int64)
    each = count.reshape(-1, *(1,) * len(shape))
    minimum = np.where(each == 0, np.inf, taken == each).astype(np.float32)
    maximum = np.where(each == 0, -np.inf, taken > 0).astype(np.float32)
    exceeded = [np.where(level < 0, each, taken if level < STEPS else 0) * np.ones(full, np.int64)
                for level in levels_in_steps(levels, STEPS)]  # fmt: skip
    empty = np.zeros(full, np.int64)
    return PixelMoments(
        count, taken << (CARRY // 2), empty, taken, empty.copy(), minimum, maximum,
        np.array(exceeded, np.int64).reshape(len(levels), *full), np.asarray(levels, np.float64),
    )  # fmt: skip
