"""Spatial autocorrelation of maps: Moran's I, Geary's C, Getis and Ord's G, with exact moments and draws."""

from __future__ import annotations

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.autocorrelation_blocks import Call, Part, measured, scaled
from spatialstats.stats.autocorrelation_result import Autocorrelation
from spatialstats.stats.lattices import Neighbours, Weights, lattice_of, stack_of
from spatialstats.stats.map_statistics import FLAT
from spatialstats.stats.orientation import Block
from spatialstats.stats.permutation_moments import (
    Moments,
    Powers,
    geary_moments,
    moran_moments,
    product_moments,
)
from spatialstats.stats.resampling import Alternative


def morans_i(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> Autocorrelation:
    """Moran's I: do neighbouring pixels lie on the same side of the mean?

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W); NaN where a pixel is missing.
    lattice : Lattice, "rook", "queen" or float
        Which pixels are neighbours: a `spatialstats.kernels.Lattice`, a name, or a radius in pixels.
    weights : {"row", "binary"}, optional
        1 / (number of neighbours), the default with a name or radius; or 1.  A `Lattice` keeps its own
        without it.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid.
    n_resamples, seed : int
        Permutations of the values over the pixels; draw k is a pure function of (seed, k) and the number
        of pixels, shared by all maps.  Maps are flipped and transposed into an orientation of their
        own first, so that p does not depend on which way up a map came, nor on the other maps.
    alternative : {"two-sided", "greater", "less"}
        About I: alike neighbours make it greater.

    Returns
    -------
    Autocorrelation

    References
    ----------
    P. A. P. Moran, *Notes on continuous stochastic phenomena*, Biometrika 37, 1950; moments: A. D. Cliff,
    J. K. Ord, *Spatial processes: models and applications*, 1981.
    """
    stack, valid = stack_of(maps, mask)
    call = Call(lattice_of(stack.shape[1:], lattice, weights), n_resamples, seed, alternative)
    return measured(["Moran's I"], [stack], valid, call, _moran, Autocorrelation)[0]


def gearys_c(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> Autocorrelation:
    """Geary's C: how much do neighbouring pixels differ, against any two pixels?  1 if no less.

    Parameters
    ----------
    maps, lattice, weights, mask, n_resamples, seed
        As for `morans_i`, whose draws these are too.
    alternative : {"two-sided", "greater", "less"}
        About C: alike neighbours make it less.

    Returns
    -------
    Autocorrelation

    References
    ----------
    R. C. Geary, *The contiguity ratio and statistical mapping*, The Incorporated Statistician 5,
    1954; moments: Cliff and Ord, 1981.
    """
    stack, valid = stack_of(maps, mask)
    call = Call(lattice_of(stack.shape[1:], lattice, weights), n_resamples, seed, alternative)
    return measured(["Geary's C"], [stack], valid, call, _geary, Autocorrelation)[0]


def getis_ord_g(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> Autocorrelation:
    """Getis and Ord's general G: do large values lie beside large ones?

    The sum of products of neighbours over that of all pairs.  Its variance is that of all
    arrangements, which esda calls normality; `variance_normality` is NaN.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W), nowhere negative; NaN where a pixel is missing.  G does not change when
        a map is multiplied, but does when a number is added.
    lattice, mask, n_resamples, seed
        As for `morans_i`.
    weights : {"row", "binary"}, optional
        As for `morans_i`, but binary with a name or radius.
    alternative : {"two-sided", "greater", "less"}
        About G: large values beside large ones make it greater.

    Returns
    -------
    Autocorrelation

    References
    ----------
    A. Getis, J. K. Ord, *The analysis of spatial association by use of distance statistics*,
    Geographical Analysis 24, 1992.
    """
    stack, valid = stack_of(maps, mask)
    call = Call(lattice_of(stack.shape[1:], lattice, weights, "binary"), n_resamples, seed, alternative)
    return measured(["Getis-Ord G"], [stack], valid, call, _getis_ord, Autocorrelation)[0]


def _moran(block: Block, call: Call) -> list[Part]:
    lattice, powers = block.lattice, Powers.of(scaled(block.values[0]))
    sums = kernels.cross_sums(block.images(powers.z), lattice, call.seed, call.n_resamples).cross
    return [Part(sums.observed / (lattice.s0 * powers.m2), moran_moments(lattice, powers), sums)]


def _geary(block: Block, call: Call) -> list[Part]:
    lattice, powers = block.lattice, Powers.of(scaled(block.values[0]))
    sums = kernels.cross_sums(block.images(powers.z), lattice, call.seed, call.n_resamples).geary
    scale = 2 * lattice.s0 * powers.m2 * lattice.n / (lattice.n - 1)
    return [Part(sums.observed / scale, geary_moments(lattice, powers), sums)]


def _getis_ord(block: Block, call: Call) -> list[Part]:
    lattice, values = block.lattice, scaled(block.values[0])
    if values.min() < 0:
        raise InputError(
            f"Getis and Ord's G needs maps that are nowhere negative, got a minimum of "
            f"{block.values[0].min():.4g}: pass positive parts or absolute values."
        )
    powers = Powers.of(values)
    sums = kernels.cross_sums(block.images(values), lattice, call.seed, call.n_resamples).cross
    pairs = values.sum(axis=1) ** 2 - (values**2).sum(axis=1)
    pairs = np.where(pairs > FLAT * (values**2).sum(axis=1), pairs, np.nan)  # a single positive pixel
    moments = product_moments(lattice, powers)
    expected = np.where(pairs > 0, moments.expected / pairs, np.nan)
    moments = Moments(expected, moments.normality, moments.randomisation / pairs**2)
    return [Part(sums.observed / pairs, moments, sums)]
