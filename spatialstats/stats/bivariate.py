"""Bivariate Moran's I of two maps: is one of them large beside the other's large values?"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.autocorrelation_blocks import Call, Part, measured, scaled
from spatialstats.stats.autocorrelation_result import Autocorrelation
from spatialstats.stats.lattices import Neighbours, Weights, lattice_of, stack_of
from spatialstats.stats.local_blocks import lagged
from spatialstats.stats.orientation import Block
from spatialstats.stats.permutation_moments import Moments, Powers
from spatialstats.stats.resampling import Alternative

BESIDE = (
    "A contrast more than a test of co-location: permuting pixels takes away that neighbours are alike in y, "
    "so that smooth maps which have nothing to do with each other reject it most of the time. It says "
    "nothing about other images; for co-location see the ladder."
)
"""What a test by permuted pixels of one of two maps does not mean."""


@dataclass(frozen=True)
class BivariateMoran(Autocorrelation):
    """Bivariate Moran's I of each pair of maps, against all arrangements of the second map's values.

    As `Autocorrelation`; there is no variance of normal values, NaN.
    """

    @property
    def null(self) -> str:
        """What was tested against, in words."""
        return (
            "Tested against all arrangements of y's values over its pixels being equally likely "
            f"({self.neighbours}), conditional on x as it lies and on the values of y."
        )

    @property
    def limits(self) -> str:
        """What it does not mean."""
        return BESIDE


def bivariate_morans_i(
    x: np.ndarray,
    y: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> BivariateMoran:
    """Bivariate Moran's I of pairs of maps, with p-values by permuting the pixels of y.

    ``n sum_ij w_ij x_i y_j / (S0 sqrt(sum x^2 sum y^2))`` of centred maps: with y = x it is Moran's I.
    The null holds x fixed and puts y's values on the pixels in any order, so it takes neighbouring
    values of y to be independent.  Where they are not, as in maps of images, it is a contrast and no test.

    Parameters
    ----------
    x, y : numpy.ndarray
        (H, W) or (N, H, W), alike; NaN in either where a pixel is missing.
    lattice, weights, mask
        As for `spatialstats.stats.morans_i`.
    n_resamples, seed : int
        Permutations of y; draw k is a pure function of (seed, k) and the number of pixels.
    alternative : {"two-sided", "greater", "less"}
        About I: large values of x beside large ones of y make it greater.

    Returns
    -------
    BivariateMoran

    Notes
    -----
    esda's ``Moran_BV`` leaves out n / S0, which is 1 for row weights.  Mean and variance under the null
    are exact: that of a sum of products of two lists, one of them permuted.

    References
    ----------
    D. Wartenberg, *Multivariate spatial correlation*, Geographical Analysis 17, 1985.
    """
    (first, valid), (second, other) = stack_of(x, mask, "x"), stack_of(y, mask, "y")
    if first.shape != second.shape:
        raise InputError(f"x and y must have one shape, got {np.shape(x)} and {np.shape(y)}.")
    call = Call(lattice_of(first.shape[1:], lattice, weights), n_resamples, seed, alternative)
    name = "Bivariate Moran's I"
    return measured([name], [first, second], valid & other, call, _bivariate, BivariateMoran)[0]


def _bivariate(block: Block, call: Call) -> list[Part]:
    lattice = block.lattice
    own, other = (Powers.of(scaled(values)) for values in block.values)
    fixed, permuted = block.images(own.z), block.images(other.z)
    sums = kernels.bivariate_sums(fixed, permuted, lattice, call.seed, call.n_resamples)
    scale = 1 / (lattice.s0 * np.sqrt(own.m2 * other.m2))
    # the sum is that of u_j y_j, with u_j what the neighbours of j have in x; y is permuted, its mean is 0
    beside = lagged(block, own.z * lattice.row_weight.ravel()[lattice.sites])
    beside = np.where(lattice.degree.ravel()[lattice.sites] > 0, beside, 0.0)
    spread = ((beside - beside.mean(1, keepdims=True)) ** 2).sum(1) * other.m2 * lattice.n / (lattice.n - 1)
    nothing = np.zeros(len(scale))
    moments = Moments(nothing, np.full_like(nothing, np.nan), spread * scale**2)
    return [Part(sums.observed * scale, moments, sums)]
