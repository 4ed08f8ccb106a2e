"""Compile the kernels, or read them from the cache, before time matters."""

from __future__ import annotations

import numpy as np

from .density import density
from .label import label
from .lattice_dbscan import lattice_dbscan
from .pairs import overlap, overlap_matrix, pack
from .permute import pairing, swap_null


def warm_up() -> None:
    """Run every kernel that a run of the engine uses once, on the smallest input.

    Left out are `density_pairs` and weights in float64, which compile when first used.
    """
    values = np.full((2, 2, 2), 0.5, np.float32)
    groups = np.zeros(2, np.int64)
    masks = values > 0
    density(values, groups, 1, thresholds=[0.25])
    density(masks, groups, 1)
    label(masks)
    label(masks, values)
    lattice_dbscan(values)
    packed, ones = pack(masks), np.ones(2)
    overlap(packed, packed)
    overlap_matrix(packed, packed)
    pairing(2, 0, 0)
    for n_resamples in (1, 2):  # without and with the table of all overlaps
        swap_null(packed, packed, ones, ones, 0, n_resamples)
