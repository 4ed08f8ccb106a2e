"""How one pass over N samples in G groups is cut into tasks of equal size."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .checks import Array

TILE = 1024
"""Pixels of a task: its accumulators and a few rows of input stay in the first-level cache."""


@dataclass(frozen=True)
class Schedule:
    """Samples ordered by group and cut into segments of one group each.

    A task is one segment on one tile of pixels, so that its accumulators belong to one group.  The
    sums are integers, hence the cut changes no bit of the result.

    Attributes
    ----------
    order : int64 (N,)
        Samples, sorted by group.
    bounds : int64 (S + 1,)
        Where the segments begin and end in `order`.
    groups : int64 (S,)
        Group of each segment, not decreasing.
    """

    order: NDArray[np.int64]
    bounds: NDArray[np.int64]
    groups: NDArray[np.int64]


def schedule(groups: NDArray[np.int64], n_groups: int, n_pixels: int, threads: int) -> Schedule:
    """Cut the samples so that every thread finds a few tasks.

    Parameters
    ----------
    groups : int64 (N,)
    n_groups : int
    n_pixels : int
    threads : int
    """
    order = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups, minlength=n_groups))
    tiles = -(-max(n_pixels, 1) // TILE)
    longest = max(64, -(-len(groups) * tiles // (4 * threads)))
    bounds = [0]
    owner = []
    for group, end in enumerate(ends.tolist()):
        while bounds[-1] < end:
            bounds.append(min(end, bounds[-1] + longest))
            owner.append(group)
    return Schedule(order.astype(np.int64), np.array(bounds, np.int64), np.array(owner, np.int64))


def gather(parts: Array, plan: Schedule, n_groups: int, how: np.ufunc) -> Array:
    """Add (`how`) the segments' parts (S, ...) up to groups (G, ...); absent groups get zeros."""
    present, first = np.unique(plan.groups, return_index=True)
    if len(present) == len(plan.groups) == n_groups:
        return parts
    joined = parts if len(present) == len(plan.groups) else how.reduceat(parts, first, axis=0)
    whole = np.zeros((n_groups, *parts.shape[1:]), parts.dtype)
    whole[present] = joined
    return whole
