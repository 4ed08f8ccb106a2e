"""DBSCAN over the weighted pixels of many images, exactly and linear in their number."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .checks import Array, frozen, on_device

LARGEST = 64.0
"""Largest eps: its disc holds some 13,000 pixels."""


def lattice_dbscan(weights: Array, *, eps: float = 1.5, min_samples: float = 4.0) -> NDArray[np.int32]:
    """Cluster the weighted pixels of each image by density.

    Pixels are integer points, so the neighbourhood is one disc stencil: a pixel is a core if the
    weights in its disc add up to `min_samples`, clusters are the connected components of cores
    under the disc, and other pixels join the lowest cluster in reach.  Labels are those of
    scikit-learn [1]_ with the weights as ``sample_weight`` and the points in raster order: clusters
    are numbered by their first core.

    The weights of a disc are added in float64 in one fixed order, so that CPU and GPU decide alike:
    each row from its middle outwards, as ``s + (left + right)``, then the rows from top to bottom.
    Scikit-learn adds in an order of its own, so the two may part only where the sum is within
    rounding of `min_samples`; sums of integers, or of multiples of one power of two, are exact in
    both.  It sums float32 ``sample_weight`` in float32: compare with float64 weights.

    Parameters
    ----------
    weights : (N, H, W) float32, float64, bool or uint8, NumPy or CuPy
        Finite and not negative; a pixel of weight 0 is no point.
    eps : float
        Radius in pixels, inclusive, in (0, 64].
    min_samples : float
        Least weight in a core's disc, its own included; positive.

    Returns
    -------
    int32 (N, H, W)
        Cluster from 0, -1 for noise, -2 where there is no point.

    Raises
    ------
    TypeError
        If `weights` is not a NumPy or CuPy array of those dtypes.
    ValueError
        If a weight is negative, NaN or infinite, or a parameter is out of range.

    References
    ----------
    .. [1] ``sklearn.cluster.DBSCAN``; Ester et al., "A density-based algorithm for discovering
       clusters in large spatial databases with noise", KDD 1996.
    """
    there = on_device(weights=weights)
    if weights.ndim != 3:
        raise ValueError(f"weights must be (N, H, W), got shape {weights.shape}.")
    if weights.dtype not in (np.float32, np.float64, np.bool_, np.uint8):
        raise TypeError(f"weights must be float32, float64, bool or uint8, got {weights.dtype}: cast them.")
    if not 0 < eps <= LARGEST:
        raise ValueError(f"eps must lie in (0, {LARGEST:g}] pixels, got {eps}.")
    if not 0 < min_samples < np.inf:
        raise ValueError(f"min_samples must be positive and finite, got {min_samples}.")
    if there:
        from . import lattice_dbscan_gpu

        labels, fit = lattice_dbscan_gpu.clusters(weights, stencil(eps), float(min_samples))
    else:
        from . import lattice_dbscan_cpu

        # counts are exact in float32: two versions to compile instead of three
        held = weights if weights.dtype == np.float64 else weights.astype(np.float32, copy=False)
        labels, fit = lattice_dbscan_cpu.clusters(frozen(held), stencil(eps), float(min_samples))
    if not fit:
        raise ValueError(
            f"weights must be finite and not negative, got [{weights.min():.6g}, {weights.max():.6g}]: "
            "clip them, or take their absolute value."
        )
    return labels


def stencil(eps: float) -> NDArray[np.int64]:
    """Half-widths of the disc's rows from -R to R, (2 R + 1,): ``dr**2 + dc**2 <= eps**2``."""
    reach = int(np.floor(eps))
    rows = np.arange(-reach, reach + 1)
    # compared as scikit-learn's tree does: squared distance against the rounded square of eps
    inside = rows[:, None] ** 2 + rows[None, :] ** 2 <= eps * eps
    widths: NDArray[np.int64] = (inside.sum(axis=1) - 1) // 2
    return widths
