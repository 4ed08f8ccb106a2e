"""How one pass over N samples in G groups is cut into pieces of work that belong to one group each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .checks import Array

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Segments:
    """Samples ordered by group and cut into segments of one group each.

    The sums are integers, hence the cut changes no bit of the result.

    Attributes
    ----------
    order : int64 (N,)
        Samples, sorted by group; it lives where the groups do.
    bounds : int64 (S + 1,)
        Where the segments begin and end in `order`.
    groups : int64 (S,)
        Group of each segment, not decreasing; a group without samples has one empty segment.
    """

    order: Array
    bounds: Ints
    groups: Ints

    @property
    def firsts(self) -> Ints:
        """int64 (G + 1,): where each group's segments begin."""
        return np.searchsorted(self.groups, np.arange(self.groups[-1] + 2))


def segments(groups: Array, n_groups: int, longest: int, xp: Any = np) -> Segments:
    """Order samples by group and cut each group into segments of at most `longest` samples."""
    order = xp.argsort(groups, kind="stable").astype(np.int64)
    counts = np.array(xp.bincount(groups, minlength=n_groups).tolist(), np.int64)
    parts = np.maximum(1, -(-counts // longest))
    owner = np.repeat(np.arange(n_groups), parts)
    place = np.arange(len(owner)) - np.repeat(np.cumsum(parts) - parts, parts)
    starts = np.repeat(np.cumsum(counts) - counts, parts) + place * np.repeat(counts, parts) // parts[owner]
    return Segments(order, np.append(starts, counts.sum()), owner)


def shares(weights: NDArray[Any], n: int) -> Ints:
    """Cut a list of tasks into at most `n` runs of about equal weight: int64 (n + 1,) bounds."""
    ends = np.cumsum(weights)
    total = ends[-1] if len(ends) else 0
    inner = np.searchsorted(ends, np.arange(1, n) * total / n)
    return np.concatenate(([0], inner, [len(weights)])).astype(np.int64)
