"""Per-pixel moments held as exact integers, which merge to the same bits in any order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, on_device
from .fixed_point import CARRY, STEPS, Ints, carried

MOST = 1 << 37
"""Most observations of a pixel whose sums are certain to fit."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PixelMoments:
    """Sums over samples of a map, per group and pixel, as exact integers.

    Every value was first rounded to an integer number of steps, ``steps`` of them making 1.0.
    What is kept are sums, extremes and counts of those integers, so merging is associative and
    commutative to the last bit.  ``shape`` below is ``(H, W)``, or ``(C, H, W)`` where the channels
    of pairs were kept.  Where they were pooled each channel is one observation of its pixel.
    Moments of CuPy arrays hold CuPy arrays (but for `thresholds`), and so do merges and means of them.

    Attributes
    ----------
    count : int64 (G,)
        Samples in each group.
    positive, negative : int64 ``(G, *shape)``
        Sums of ``max(value, 0)`` and of ``max(-value, 0)``, in steps.  Both are non-negative.
    square_high, square_low : int64 ``(G, *shape)``
        Sum of the squares in squared steps, ``square_high * 2**48 + square_low``.
    minimum, maximum : float32 ``(G, *shape)``
        Extremes of the rounded values; ``inf`` and ``-inf`` where a group is empty.
    exceeded : int64 ``(T, G, *shape)``
        Samples whose value (for pairs: largest absolute value over pooled channels) is above the
        threshold.
    thresholds : float64 (T,)
    steps : int
        Steps in 1.0: 2^24 for maps and float pairs, 255 for uint8 pairs.
    observations : int
        Observations of a pixel in one sample: the number of pooled channels, else 1.
    """

    count: Ints
    positive: Ints
    negative: Ints
    square_high: Ints
    square_low: Ints
    minimum: NDArray[np.float32]
    maximum: NDArray[np.float32]
    exceeded: Ints
    thresholds: Floats
    steps: int = STEPS
    observations: int = 1

    @classmethod
    def empty(
        cls,
        n_groups: int,
        shape: Sequence[int],
        *,
        thresholds: Sequence[float] = (),
        steps: int = STEPS,
        observations: int = 1,
    ) -> PixelMoments:
        """Return the moments of no sample at all, the neutral element of `merge`."""
        return cls._empty(np, n_groups, shape, thresholds, steps, observations)

    @classmethod
    def _empty(
        cls, xp: Any, n_groups: int, shape: Sequence[int], thresholds: Sequence[float], steps: int,
        observations: int,
    ) -> PixelMoments:  # fmt: skip
        full = (n_groups, *shape)
        levels = np.asarray(thresholds, np.float64).reshape(-1)
        positive, negative, high, low = (xp.zeros(full, np.int64) for _ in range(4))
        return cls(
            xp.zeros(n_groups, np.int64), positive, negative, high, low,
            xp.full(full, np.inf, np.float32), xp.full(full, -np.inf, np.float32),
            xp.zeros((levels.size, *full), np.int64), levels, steps, observations,
        )  # fmt: skip

    @property
    def _xp(self) -> Any:
        """The library whose arrays are held."""
        return device.namespace() if device.lives_on_device(self.positive) else np

    @property
    def square(self) -> tuple[Ints, Ints]:
        """The sum of squares as its pair of words, ``(high, low)``."""
        return self.square_high, self.square_low

    @property
    def n_groups(self) -> int:
        """Number of groups."""
        return len(self.count)

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one group's map."""
        return self.positive.shape[1:]

    def merge(self, other: PixelMoments) -> PixelMoments:
        """Return the moments of both sets of samples together, exactly.

        Raises
        ------
        ValueError
            If the two differ in groups, shape, thresholds, steps or observations, or if together
            they hold more samples than the sums can.
        TypeError
            If one holds NumPy arrays and the other CuPy's.
        """
        on_device(moments=self.positive, other=other.positive)
        xp = self._xp
        for name in ("n_groups", "shape", "steps", "observations"):
            mine, theirs = getattr(self, name), getattr(other, name)
            if mine != theirs:
                raise ValueError(f"moments to merge must agree in {name}, got {mine} and {theirs}.")
        if not np.array_equal(self.thresholds, other.thresholds):
            raise ValueError(
                f"moments to merge must agree in thresholds, got {self.thresholds} and {other.thresholds}."
            )
        count = self.count + other.count
        _refuse_overflow(count, self.observations)
        high, low = carried(self.square_high + other.square_high, self.square_low + other.square_low)
        return PixelMoments(
            count, self.positive + other.positive, self.negative + other.negative, high, low,
            xp.minimum(self.minimum, other.minimum), xp.maximum(self.maximum, other.maximum),
            self.exceeded + other.exceeded, self.thresholds, self.steps, self.observations,
        )  # fmt: skip

    def pool(self, groups: NDArray[np.integer], n_groups: int | None = None) -> PixelMoments:
        """Return the moments of coarser groups: group g is added into ``groups[g]``, exactly.

        Parameters
        ----------
        groups : int (G,)
            New group of each present one; a negative number leaves it out.
        n_groups : int, optional
            Number of new groups; by default one more than the largest of `groups`.
        """
        target = np.asarray(groups)
        if target.shape != (self.n_groups,) or target.dtype.kind not in "iu":
            raise ValueError(f"groups must be {self.n_groups} integers, got {target.dtype} {target.shape}.")
        size = int(target.max(initial=-1)) + 1 if n_groups is None else n_groups
        if target.max(initial=-1) >= size:
            raise ValueError(f"groups must lie below n_groups = {size}, got {target.max()}.")
        side: Any
        if device.lives_on_device(self.positive):
            from . import moments_gpu as side
        else:
            from . import moments_cpu as side
        pooled = PixelMoments._empty(
            self._xp, size, self.shape, self.thresholds.tolist(), self.steps, self.observations
        )
        side.pool(self._held(), target.astype(np.int64), pooled._held())
        _refuse_overflow(pooled.count, self.observations)
        return pooled

    def _n(self) -> Ints:
        """Observations of a pixel, shaped to broadcast over the maps."""
        return (self.count * self.observations).reshape(-1, *(1,) * len(self.shape))

    def _per_observation(self, sums: Ints) -> Floats:
        with np.errstate(invalid="ignore"):
            return sums / (self._n() * np.float64(self.steps))

    def mean(self) -> Floats:
        """Mean of the values ``(G, *shape)``; NaN where a group is empty."""
        return self._per_observation(self.positive - self.negative)

    def abs_mean(self) -> Floats:
        """Mean of the absolute values ``(G, *shape)``; NaN where a group is empty."""
        return self._per_observation(self.positive + self.negative)

    def positive_mean(self) -> Floats:
        """Mean of ``max(value, 0)`` ``(G, *shape)``; NaN where a group is empty."""
        return self._per_observation(self.positive)

    def negative_mean(self) -> Floats:
        """Mean of ``max(-value, 0)``, itself non-negative ``(G, *shape)``; NaN where a group is empty."""
        return self._per_observation(self.negative)

    def variance(self) -> Floats:
        """Population variance (divided by n) of the values ``(G, *shape)``; NaN where a group is empty.

        The squared deviations are summed about the integer nearest to the mean, without rounding:
        what is left to subtract is at most half of them, so nothing cancels and the result is
        never negative and good to a few units in the last place.
        """
        xp, n = self._xp, self._n()
        safe = xp.maximum(n, 1)
        total = self.positive - self.negative
        middle = (2 * total + safe) // (2 * safe)
        rest = total - safe * middle
        # sum (q - m)^2 = sum q^2 - m (n m + 2 rest); the product is formed in words of 30 and 48 bits
        factor = safe * middle + 2 * rest
        upper = middle * (factor >> 30)
        lower = middle * (factor & ((1 << 30) - 1))
        high, low = carried(
            self.square_high - (upper >> 18), self.square_low - ((upper & ((1 << 18) - 1)) << 30) - lower
        )
        about = high.astype(np.float64) * 2.0**CARRY + low
        left = rest.astype(np.float64)
        spread: Floats = (about - left * left / safe) / safe / float(self.steps) ** 2
        where: Floats = xp.where(n > 0, spread, np.nan)
        return where

    def exceedance(self) -> Floats:
        """Share of the samples above each threshold ``(T, G, *shape)``; NaN where a group is empty."""
        with np.errstate(invalid="ignore"):
            return self.exceeded / self.count.astype(np.float64).reshape(-1, *(1,) * len(self.shape))

    def to_arrays(self) -> dict[str, Array]:
        """Return all fields as NumPy arrays by name, to be stored by `numpy.savez`."""
        return {
            name: value.get() if hasattr(value, "get") else np.asarray(value)
            for name, value in self._held().items()
        }

    def _held(self) -> dict[str, Any]:
        """All fields by name, as they are."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> PixelMoments:
        """Rebuild what `to_arrays` gave, in NumPy arrays."""
        missing = [field.name for field in fields(cls) if field.name not in arrays]
        if missing:
            raise ValueError(f"stored moments must hold all fields, these are missing: {', '.join(missing)}.")
        held: dict[str, Any] = {field.name: arrays[field.name] for field in fields(cls)}
        return cls(**{**held, "steps": int(held["steps"]), "observations": int(held["observations"])})


def _refuse_overflow(count: Ints, observations: int) -> None:
    most = (int(count.max()) if count.size else 0) * observations
    if most > MOST:
        raise ValueError(f"exact sums hold at most 2^37 observations a group, got {most}: split the groups.")
