"""Local spatial association under conditional permutation: exceedance counts of every neighbour sum."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from . import device
from .autocorrelation import TIE, check_draws, sites_of
from .checks import Array, on_device
from .lattice import Lattice


@dataclass(frozen=True, eq=False)
class LocalSums:
    """What `local_sums` returns; arrays are NumPy's or CuPy's, as the maps are.

    Attributes
    ----------
    observed : float64 (N, H, W)
        Sum of each site's neighbours, 0 where a pixel is missing.
    n_greater, n_less : int32 (N, H, W)
        Draws that are not below, and not above, it; ties, and pixels that are missing or have no
        neighbours, count on both sides.
    n_resamples : int
    """

    observed: NDArray[np.float64]
    n_greater: NDArray[np.int32]
    n_less: NDArray[np.int32]
    n_resamples: int


def local_sums(
    maps: Array,
    lattice: Lattice,
    seed: int = 0,
    n_resamples: int = 999,
    *,
    draws: Literal["independent", "shared"] = "independent",
    first: int = 0,
) -> LocalSums:
    """Compare each site's neighbour sum with conditional permutations: the site's own value stays.

    The neighbours' values are replaced by as many of the n - 1 other sites', without replacement.
    All that depends on the map through this sum has its counts, once the map is chosen:

    - local Moran's I_i, of ``z_i`` times the weighted sum of z (give ``z = y - mean``): these
      counts where ``z_i > 0``, exchanged where ``z_i < 0``, and ``n_resamples`` on both sides where it is 0;
    - bivariate local Moran's, of ``x_i`` times the weighted sum of y (give y): the same by the sign of x_i;
    - Getis and Ord's G_i and G*_i, of the weighted sum without and with y_i (give y): these counts.

    Each map shares the draws of the others.  Sums are float64 in the order of the neighbours
    (observed: of the lattice's offsets; drawn: of the draw).  CPU and GPU give the same counts.

    Parameters
    ----------
    maps : float32 or float64 (N, H, W)
    lattice : Lattice
        Its weights do not matter here: row weights are constant for a site.
    seed, first : int
        In [0, 2^64).
    n_resamples : int
        Number of draws.
    draws : {"independent", "shared"}
        Whether each site has samples of its own: the words of Philox4x32-10 (see `pairing`) with counter
        (k, 16 block + 3, site), scaled without bias, repeated ones passed over.  Or one sample for all,
        of counter (k, 16 block + 4, 0), in which a site that meets itself takes the next one drawn:
        each site's own null is the same and hundreds of times cheaper, but the errors of the
        p-values are then correlated over the map, as they are in esda, so that one unlucky draw
        shows everywhere and counts of significant sites vary more.

    Returns
    -------
    LocalSums

    Raises
    ------
    TypeError, ValueError
        As `cross_sums` does.

    Notes
    -----
    Ties are draws within 1e-12 of the largest absolute value.
    """
    there = on_device(maps=maps)
    values = sites_of(maps, "maps", lattice, there)
    check_draws(seed, first, n_resamples)
    if draws not in ("independent", "shared"):
        raise ValueError(f'draws must be "independent" or "shared", got {draws!r}.')
    if there:
        from . import local_autocorrelation_gpu as side
    else:
        from . import local_autocorrelation_cpu as side  # type: ignore[no-redef]
    xp = device.namespace() if there else np
    sums = lattice.lag(xp, values)
    if not lattice.is_full:
        sums = xp.where(xp.asarray(lattice.degree.astype(bool)), sums, 0.0)
    observed = _on_sites(xp, sums, lattice)
    tie = TIE * xp.abs(values).max(axis=1, keepdims=True, initial=0.0)
    low, high = observed - tie, observed + tie
    degree = lattice.degree.reshape(-1)[lattice.sites]
    if draws == "independent":
        counts = side.independent(values, xp.asarray(degree), low, high, seed, first, n_resamples)
    else:
        sizes = np.flatnonzero(np.bincount(degree)).astype(np.int32)
        samples = side.shared_draws(lattice.n, int(degree.max()) + 1, seed, first, n_resamples)
        ordered = xp.sort(side.prefix_sums(values, samples, xp.asarray(sizes)), axis=2)
        counts = side.ranked(values, xp.asarray(degree), low, high, samples, xp.asarray(sizes), ordered)
    greater, less = (_on_image(xp, part, lattice, n_resamples) for part in counts)
    return LocalSums(sums, greater, less, n_resamples)


def _on_sites(xp: ModuleType, images: Array, lattice: Lattice) -> Array:
    flat = images.reshape(len(images), lattice.shape[0] * lattice.shape[1])
    held: Array = flat if lattice.is_full else xp.ascontiguousarray(flat[:, xp.asarray(lattice.sites)])
    return held


def _on_image(xp: ModuleType, values: Array, lattice: Lattice, elsewhere: int) -> Array:
    if not lattice.is_full:
        held: Array = xp.full((len(values), lattice.shape[0] * lattice.shape[1]), elsewhere, values.dtype)
        held[:, xp.asarray(lattice.sites)] = values
        values = held
    image: Array = values.reshape(len(values), *lattice.shape)
    return image
