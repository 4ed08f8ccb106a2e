"""The numeric work, over NumPy arrays on the CPU and CuPy arrays on the GPU, to the same bits.

Importing this package is cheap: Numba or CuPy are imported, and code compiled or read from its cache,
by the first call of a kernel.
"""

from __future__ import annotations

from .autocorrelation import CrossSums, Exceedances, bivariate_sums, cross_sums
from .clusters import ClusterMaxima, Clusters, cluster_maxima, cluster_null, clusters
from .density import density, density_pairs
from .inference import ClusterTest, TfceTest, cluster_test, tfce_test
from .label import Labels, Regions, components, label, measure
from .lattice import Lattice
from .lattice_dbscan import lattice_dbscan
from .local_autocorrelation import LocalSums, local_sums
from .moments import PixelMoments
from .pair_sums import PairSums, overlap_sums
from .pairs import area, overlap, overlap_matrix, overlap_tiles, pack, unpack
from .pearson import pearson, pearson_matrix, pearson_sums, pearson_tiles
from .permute import pairing, permutations, shifts, sign_flips, swap_null
from .t_maps import t_maps
from .tfce import Enhancement, tfce, tfce_maxima, tfce_null
from .warm import warm_up

__all__ = [
    "ClusterMaxima",
    "ClusterTest",
    "Clusters",
    "CrossSums",
    "Enhancement",
    "Exceedances",
    "Labels",
    "Lattice",
    "LocalSums",
    "PairSums",
    "PixelMoments",
    "Regions",
    "TfceTest",
    "area",
    "bivariate_sums",
    "cluster_maxima",
    "cluster_null",
    "cluster_test",
    "clusters",
    "components",
    "cross_sums",
    "density",
    "density_pairs",
    "label",
    "lattice_dbscan",
    "local_sums",
    "measure",
    "overlap",
    "overlap_matrix",
    "overlap_sums",
    "overlap_tiles",
    "pack",
    "pairing",
    "pearson",
    "pearson_matrix",
    "pearson_sums",
    "pearson_tiles",
    "permutations",
    "shifts",
    "sign_flips",
    "swap_null",
    "t_maps",
    "tfce",
    "tfce_maxima",
    "tfce_null",
    "tfce_test",
    "unpack",
    "warm_up",
]
