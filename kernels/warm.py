"""Compile the kernels, or read them from the cache, before time matters."""

from __future__ import annotations

import numpy as np

from .density import density
from .label import label, measure
from .lattice_dbscan import lattice_dbscan
from .pair_sums import overlap_sums
from .pairs import area, overlap, overlap_matrix, pack, unpack
from .permute import pairing, swap_null


def warm_up() -> None:
    """Run every kernel that a run of the engine uses once, on the smallest input and on the CPU.

    What its tests of mean maps use (clusters, enhancement, t maps) `spatialstats.engine.where` runs in
    the same way.  All others, and these for other dtypes than a run's, compile when first used.
    """
    values = np.full((2, 2, 2), 0.5, np.float32)
    groups = np.zeros(2, np.int64)
    masks = values > 0
    density(values, groups, 1)
    density(masks, groups, 1)
    label(masks)
    label(masks, values)
    measure(lattice_dbscan(values) + 1, values)
    packed, ones = pack(masks), np.ones(2)
    unpack(packed, (2, 2))
    area(packed)
    overlap(packed, packed)
    overlap_matrix(packed, packed)
    overlap_sums(packed, packed, ones, ones)
    pairing(2, 0, 0)
    for n_resamples in (1, 2):  # without and with the table of all overlaps
        swap_null(packed, packed, ones, ones, 0, n_resamples)
