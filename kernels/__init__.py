"""Numeric kernels over NumPy arrays: exact sums, regions, packed masks, permutations.

Importing this package is cheap: Numba is imported, and code compiled or read from its cache, by the
first call of a kernel.
"""

from __future__ import annotations

from .density import density, density_pairs
from .label import Labels, Regions, label, measure
from .lattice_dbscan import lattice_dbscan
from .moments import PixelMoments
from .pairs import area, overlap, overlap_matrix, pack, unpack
from .permute import pairing, swap_null
from .warm import warm_up

__all__ = [
    "Labels",
    "PixelMoments",
    "Regions",
    "area",
    "density",
    "density_pairs",
    "label",
    "lattice_dbscan",
    "measure",
    "overlap",
    "overlap_matrix",
    "pack",
    "pairing",
    "swap_null",
    "unpack",
    "warm_up",
]
