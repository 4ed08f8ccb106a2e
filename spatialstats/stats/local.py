"""Local Moran's I, of one map and of two, as a description: quadrants and conditional permutations."""

from __future__ import annotations

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.autocorrelation_blocks import scaled
from spatialstats.stats.lattices import Neighbours, Weights, lattice_of, stack_of
from spatialstats.stats.local_blocks import (
    LocalCall,
    LocalPart,
    Sites,
    drawn,
    lagged,
    over,
    sampled,
    standard,
)
from spatialstats.stats.local_result import Draws, LocalAutocorrelation
from spatialstats.stats.orientation import Block
from spatialstats.stats.resampling import TIE, Alternative


def local_morans_i(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    draws: Draws = "independent",
    alternative: Alternative = "two-sided",
) -> LocalAutocorrelation:
    """Local Moran's I of each pixel, with quadrants: a description of one map, no rule for a threshold.

    ``(n - 1) z_i (w z)_i / sum z^2``, as esda scales it.  Pixels that are called hot by these
    pseudo p-values appear on stationary maps without any such place: see `LocalAutocorrelation`.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W); NaN where a pixel is missing.
    lattice : Lattice, "rook", "queen" or float
        Which pixels are neighbours, as for `spatialstats.stats.morans_i`.
    weights : {"row", "binary"}, optional
        1 / (number of neighbours), the default with a name or radius; or 1.  A `Lattice` keeps its own
        without it.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid.
    n_resamples, seed : int
        Draws a pixel of as many other pixels' values as it has neighbours, its own value held fixed;
        0 for none.
    draws : {"independent", "shared"}
        Whether each pixel has draws of its own, or one sample serves all (a pixel that meets itself
        takes the next one).  Shared draws are hundreds of times cheaper, and each pixel's null is
        the same, but errors of the pseudo p-values are then correlated over the map, as they are in esda: one
        unlucky draw shows everywhere.
    alternative : {"two-sided", "greater", "less"}
        About I_i: a pixel like its neighbours has a greater one, be they high or low.

    Returns
    -------
    LocalAutocorrelation

    Notes
    -----
    Expectation and variance are exact under conditional permutation: (n - 1) / n and its square times
    Sokal's, which belong to ``n z_i (w z)_i / sum z^2`` (esda's ``EIc`` and ``VIc``).  esda's p is the
    smaller tail, about half of a two-sided one; it gives pixels without neighbours a value of 0 and a
    quadrant, here NaN and 0.

    References
    ----------
    L. Anselin, *Local indicators of spatial association*, Geographical Analysis 27, 1995; R. R. Sokal,
    N. L. Oden, B. A. Thomson, *Local spatial autocorrelation in a biological model*, Geographical
    Analysis 30, 1998, equations A7 and A8.
    """
    stack, valid = stack_of(maps, mask)
    call = LocalCall(lattice_of(stack.shape[1:], lattice, weights), n_resamples, seed, alternative, draws)
    return over("Local Moran's I", [stack], valid, call, _moran)


def bivariate_local_morans_i(
    x: np.ndarray,
    y: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    draws: Draws = "independent",
    alternative: Alternative = "two-sided",
) -> LocalAutocorrelation:
    """Bivariate local Moran's I: a pixel of one map beside its neighbours in the other; a description.

    It leaves out the pixel's own value of the second map, and is no test of co-location: for that
    see `spatialstats.stats.colocation_ladder`.

    Parameters
    ----------
    x, y : numpy.ndarray
        (H, W) or (N, H, W), alike; NaN in either where a pixel is missing.
    lattice, weights, mask, n_resamples, seed, draws, alternative
        As for `local_morans_i`; values of y are drawn.

    Returns
    -------
    LocalAutocorrelation
        Quadrants are those of x, then of y's neighbours.

    References
    ----------
    L. Anselin, I. Syabri, O. Smirnov, *Visualizing multivariate spatial correlation with dynamically
    linked windows*, 2002.
    """
    (first, valid), (second, other) = stack_of(x, mask, "x"), stack_of(y, mask, "y")
    if first.shape != second.shape:
        raise InputError(f"x and y must have one shape, got {np.shape(x)} and {np.shape(y)}.")
    call = LocalCall(lattice_of(first.shape[1:], lattice, weights), n_resamples, seed, alternative, draws)
    return over("Bivariate local Moran's I", [first, second], valid & other, call, _moran)


def _moran(block: Block, call: LocalCall) -> LocalPart:
    own, other = (standard(scaled(values)) for values in (block.values[0], block.values[-1]))
    own[np.abs(own) <= TIE * np.abs(own).max(axis=1, keepdims=True)] = 0.0
    sites, n = Sites.of(block), block.lattice.n
    sums = lagged(block, other)
    high = sums > TIE * np.abs(other).max(axis=1, keepdims=True)
    quadrants = np.where(own > 0, np.where(high, 1, 4), np.where(high, 2, 3)).astype(np.uint8)
    factor = own * sites.weight * (n - 1) / n
    # mean and variance of the values of all other sites
    mean = -other / (n - 1)
    spread = (n - other**2) / (n - 1) - mean**2
    counts = drawn(block, other, call)
    if counts is not None:
        greater, less = np.where(own < 0, counts[::-1], counts)
        nothing = own == 0
        counts = np.where(nothing, call.n_resamples, greater), np.where(nothing, call.n_resamples, less)
    return LocalPart(
        factor * sums,
        factor * sites.degree * mean,
        factor**2 * sampled(spread, sites.degree, n - 1),
        quadrants,
        counts,
    )
