"""Sums of some samples added to those of others, on the CPU: groups of `PixelMoments`, and parts of one."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .checks import Array, frozen
from .fixed_point import CARRY, Ints
from .jit import inner, parallel, prange

TILE = 4096
"""Pixels at a time, so that the sums that others are added to stay in the cache."""

SUMS = ("positive", "negative", "square_high", "square_low", "minimum", "maximum")
LOW = (1 << CARRY) - 1


@inner
def add(part: Array, whole: Array) -> None:
    """Add integers."""
    for j in range(part.size):
        whole[j] += part[j]


@inner
def join(
    positive: Array, negative: Array, high: Array, low: Array, minimum: Array, maximum: Array,
    to_positive: Array, to_negative: Array, to_high: Array, to_low: Array, to_minimum: Array,
    to_maximum: Array,
) -> None:  # fmt: skip
    """Add the sums of some pixels, and widen their extremes."""
    add(positive, to_positive)
    add(negative, to_negative)
    for j in range(low.size):
        both = low[j] + to_low[j]
        to_low[j] = both & LOW
        to_high[j] += high[j] + (both >> CARRY)
    for j in range(minimum.size):
        to_minimum[j] = min(to_minimum[j], minimum[j])
    for j in range(maximum.size):
        to_maximum[j] = max(to_maximum[j], maximum[j])


def pool(source: Mapping[str, Array], target: Ints, pooled: Mapping[str, Array]) -> None:
    """Add group g of some fields of `PixelMoments` into group ``target[g]`` of others, unless negative."""
    kept = target >= 0
    np.add.at(pooled["count"], target[kept], source["count"][kept])
    _pool_rows(target, *map(frozen, _flat(source)), *_flat(pooled))


def _flat(fields: Mapping[str, Array]) -> list[Array]:
    """The sums of all groups (G, P) in the order of `join`, and what exceeded thresholds (T, G, P)."""
    shape = (len(fields["positive"]), int(np.prod(fields["positive"].shape[1:])))
    exceeded = fields["exceeded"]
    return [*(fields[name].reshape(shape) for name in SUMS), exceeded.reshape(len(exceeded), *shape)]


@parallel
def _pool_rows(
    target: Array, positive: Array, negative: Array, high: Array, low: Array, minimum: Array, maximum: Array,
    exceeded: Array, to_positive: Array, to_negative: Array, to_high: Array, to_low: Array,
    to_minimum: Array, to_maximum: Array, to_exceeded: Array,
) -> None:  # fmt: skip
    pixels = positive.shape[1]
    for t in prange((pixels + TILE - 1) // TILE):
        lo = t * TILE
        hi = min(lo + TILE, pixels)
        for r in range(target.size):
            g = target[r]
            if g >= 0:
                join(
                    positive[r, lo:hi], negative[r, lo:hi], high[r, lo:hi], low[r, lo:hi],
                    minimum[r, lo:hi], maximum[r, lo:hi], to_positive[g, lo:hi], to_negative[g, lo:hi],
                    to_high[g, lo:hi], to_low[g, lo:hi], to_minimum[g, lo:hi], to_maximum[g, lo:hi],
                )  # fmt: skip
                for k in range(len(exceeded)):
                    add(exceeded[k, r, lo:hi], to_exceeded[k, g, lo:hi])
