"""Global spatial autocorrelation under permutation: exceedance counts, all statistics from one shuffle."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, doubles, on_device, refuse_values
from .lattice import Lattice

TIE = 1e-12
"""Draws this near to the observed sum, in units of what the sum could be, count on both sides."""


@dataclass(frozen=True, eq=False)
class Exceedances:
    """How a sum compares with its permutation null; arrays are NumPy's or CuPy's, as the maps are.

    Attributes
    ----------
    observed : float64 (N,)
        The sum for each map as it is.
    n_greater, n_less : int64 (N,)
        Draws that are not below, and not above, the observed one, ties on both sides: a one-sided
        p-value is ``(n_greater + 1) / (n_resamples + 1)``.
    n_resamples : int
    null : float64 (N, n_resamples) or None
        The draws, where they were asked for.
    """

    observed: NDArray[np.float64]
    n_greater: NDArray[np.int64]
    n_less: NDArray[np.int64]
    n_resamples: int
    null: NDArray[np.float64] | None = None


@dataclass(frozen=True, eq=False)
class CrossSums:
    """What `cross_sums` returns.

    Attributes
    ----------
    cross : Exceedances
        Sum over i, j of ``w_ij z_i z_j``.
    geary : Exceedances
        Sum over i, j of ``w_ij (z_i - z_j)^2``.
    """

    cross: Exceedances
    geary: Exceedances


def cross_sums(
    maps: Array, lattice: Lattice, seed: int = 0, n_resamples: int = 0, *, first: int = 0, keep: bool = False
) -> CrossSums:
    """Return the cross sums of maps over a lattice, and how they compare with permutations.

    With z the map less its mean, n sites and S0 the sum of the weights, ``cross n / (S0 sum z^2)`` is
    Moran's I and ``geary (n - 1) / (2 S0 sum z^2)`` Geary's C [1]_.  On non-negative values with binary
    weights ``cross / (sum of y_i y_j, i != j)`` is Getis and Ord's G; on values of 0 and 1 ``cross /
    2`` and ``geary / 2`` are the join counts of ones and of unlike pixels.  These factors do not
    change under permutation, so the counts hold for the statistics too.

    Draw k puts value ``pairing(n, seed, first + k)[i]`` on site i; all maps and both sums share it.
    Sums are float64: a term is ``(w_i z_i) (z_j + ...)`` with the neighbours in the order of the
    lattice's offsets, terms are added along each column of the image from the last row to the
    first, and the columns pairwise (the upper half onto the lower until one is left).  The Geary
    sum is that of the squares times their margins of weights less twice the cross sum; of the
    squares only those with an unusual margin (borders, gaps) are summed anew.  CPU and GPU give
    the same bits, whatever the number of threads or of maps in a call.

    Parameters
    ----------
    maps : float32 or float64 (N, H, W)
        Taken as they are: subtract the mean first for Moran's I and Geary's C.
    lattice : Lattice
        Neighbours, weights, and the pixels that are missing (any value there).
    seed, first : int
        In [0, 2^64).
    n_resamples : int
        Number of draws.
    keep : bool
        Return the draws too.

    Returns
    -------
    CrossSums

    Raises
    ------
    TypeError
        If `maps` is no NumPy or CuPy array, or of another dtype.
    ValueError
        If shapes do not fit, or a value on a site is not finite.

    Notes
    -----
    Ties are draws within 1e-12 of sum_i (sum_j w_ij + w_ji) z_i^2, the scale of the sum.

    References
    ----------
    .. [1] Cliff, Ord, *Spatial processes: models and applications*, 1981.
    """
    there = on_device(maps=maps)
    values = sites_of(maps, "maps", lattice, there)
    check_draws(seed, first, n_resamples)
    if there:
        from . import autocorrelation_gpu as side
    else:
        from . import autocorrelation_cpu as side  # type: ignore[no-redef]
    xp = device.namespace() if there else np
    sums = side.observed(values, None, lattice)
    own = xp.zeros((len(values), lattice.shape[0] * lattice.shape[1]))
    own[:, xp.asarray(lattice.sites)] = values
    same = lattice.usual_margin * side.observed(values, own.reshape(-1, *lattice.shape), lattice)[:, 0]
    cross, squares = sums[:, 0], same + sums[:, 1]
    geary = squares - 2.0 * cross
    tie = TIE * squares
    bounds = xp.stack([cross - tie, cross + tie, geary - tie, geary + tie, same], axis=1)
    kept = xp.empty((len(values) if keep else 0, n_resamples, 2))
    counts = side.null(values, None, lattice, seed, first, bounds, kept)
    return CrossSums(
        Exceedances(cross, counts[:, 0], counts[:, 1], n_resamples, kept[:, :, 0] if keep else None),
        Exceedances(geary, counts[:, 2], counts[:, 3], n_resamples, kept[:, :, 1] if keep else None),
    )


def bivariate_sums(
    fixed: Array,
    permuted: Array,
    lattice: Lattice,
    seed: int = 0,
    n_resamples: int = 0,
    *,
    first: int = 0,
    keep: bool = False,
) -> Exceedances:
    """Return sum over i, j of ``w_ij x_i y_j`` for pairs of maps, and how it compares when y is permuted.

    With both maps standardised by their sample standard deviation, divided by n - 1 it is the
    bivariate Moran's I.  It is taken as the sum of u_j y_j, where u_j is the sum of w_ij x_i over
    the neighbours of j in the order of the offsets; the sum over j goes as in `cross_sums`.

    Parameters
    ----------
    fixed, permuted : float32 or float64 (N, H, W)
        The maps x and y.
    lattice, seed, n_resamples, first, keep
        As in `cross_sums`.

    Returns
    -------
    Exceedances

    Notes
    -----
    Ties are draws within 1e-12 of sqrt(sum u^2 sum y^2), the largest that the sum could be.
    """
    there = on_device(fixed=fixed, permuted=permuted)
    x = sites_of(fixed, "fixed", lattice, there)
    y = sites_of(permuted, "permuted", lattice, there)
    if len(x) != len(y):
        raise ValueError(f"fixed and permuted must hold as many maps, got {len(x)} and {len(y)}.")
    check_draws(seed, first, n_resamples)
    if there:
        from . import autocorrelation_gpu as side
    else:
        from . import autocorrelation_cpu as side  # type: ignore[no-redef]
    xp = device.namespace() if there else np
    weighted = x * xp.asarray(lattice.row_weight.reshape(-1)[lattice.sites])
    inside = xp.asarray(lattice.degree > 0)
    lagged = xp.ascontiguousarray(xp.where(inside, lattice.lag(xp, weighted), 0.0))
    on_sites = xp.ascontiguousarray(lagged.reshape(len(x), inside.size)[:, xp.asarray(lattice.sites)])
    total = side.observed(y, lagged, lattice)[:, 0]
    own = xp.zeros(lagged.shape).reshape(len(x), inside.size)
    own[:, xp.asarray(lattice.sites)] = y
    lengths = [side.observed(on_sites, lagged, lattice), side.observed(y, own.reshape(lagged.shape), lattice)]
    tie = TIE * xp.sqrt(lengths[0][:, 0]) * xp.sqrt(lengths[1][:, 0])
    bounds = xp.stack([total - tie, total + tie], axis=1)
    kept = xp.empty((len(y) if keep else 0, n_resamples, 1))
    counts = side.null(y, lagged, lattice, seed, first, bounds, kept)
    return Exceedances(total, counts[:, 0], counts[:, 1], n_resamples, kept[:, :, 0] if keep else None)


def sites_of(maps: Any, name: str, lattice: Lattice, there: bool) -> Array:
    """Values of maps on the sites of a lattice, float64 (N, n), after checking them."""
    xp = device.namespace() if there else np
    if maps.dtype not in (np.float32, np.float64):
        raise TypeError(f"{name} must be float32 or float64, got {maps.dtype}: cast them first.")
    if maps.ndim != 3 or maps.shape[1:] != lattice.shape:
        raise ValueError(
            f"{name} must be (N, {lattice.shape[0]}, {lattice.shape[1]}) as the lattice, got {maps.shape}."
        )
    values = doubles(maps).reshape(len(maps), maps.shape[1] * maps.shape[2])
    if not lattice.is_full:
        values = values[:, xp.asarray(lattice.sites)]
    held: Array = xp.ascontiguousarray(values)
    # a sum is finite where all values are, short of overflow, and takes one pass
    if not bool(xp.isfinite(held).all()):
        came = held.get() if hasattr(held, "get") else held
        raise refuse_values(name, "the finite numbers", came, "mask missing pixels out in the lattice")
    return held


def check_draws(seed: int, first: int, n_resamples: int) -> None:
    for name, number in {"seed": seed, "first": first}.items():
        if not 0 <= number < 1 << 64:
            raise ValueError(f"{name} must lie in [0, 2^64), got {number}.")
    if not 0 <= n_resamples < 1 << 31:
        raise ValueError(f"n_resamples must lie in [0, 2^31), got {n_resamples}.")
