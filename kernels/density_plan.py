"""How the CPU cuts a density pass into tasks: a segment of samples of one group, a tile of pixels."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .checks import Array
from .density_lanes import TILE
from .jit import n_threads
from .schedule import Ints, segments, shares


@dataclass(frozen=True)
class Plan:
    """Tasks of a pass: task k is of segment ``k % S`` and tile ``k // S``.

    Attributes
    ----------
    order : int64 (N,)
        Samples, sorted by group.
    bounds : int64 (S + 1,)
        Where the segments begin and end in `order`.
    groups : int64 (S,)
        Group of each segment.
    rows : int64 (S,)
        Row that a segment's sums are written to: its group's, or a further one for all but a group's
        first segment.
    tasks : int
    lots : int64
        Bounds of the runs of tasks that one thread does after another.
    """

    order: Array
    bounds: Ints
    groups: Ints
    rows: Ints
    tasks: int
    lots: Ints


def plan(groups: Array, n_groups: int, pixels: int) -> Plan:
    """Cut a pass so that every thread gets several runs of tasks of about equal weight."""
    tiles, threads = -(-pixels // TILE), n_threads()
    cut = segments(groups, n_groups, max(64, -(-len(groups) * tiles // (8 * threads))))
    first = np.diff(cut.groups, prepend=-1) > 0
    rows = np.where(first, cut.groups, n_groups - 1 + np.cumsum(~first))
    weights = np.tile(np.diff(cut.bounds) + 8, tiles)  # a tile's beginning and end cost some samples, too
    lots = shares(weights, min(max(len(weights), 1), 4 * threads))
    return Plan(cut.order, cut.bounds, cut.groups, rows, len(weights), lots)
