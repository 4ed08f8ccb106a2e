"""Local Geary's c: how much a pixel differs from its neighbours, as a description of one map."""

from __future__ import annotations

import numpy as np

from spatialstats.kernels.local_autocorrelation_cpu import shared_draws
from spatialstats.stats.autocorrelation_blocks import scaled
from spatialstats.stats.lattices import Neighbours, Weights, lattice_of, stack_of
from spatialstats.stats.local_blocks import LocalCall, LocalPart, Sites, lagged, over, sampled, standard
from spatialstats.stats.local_result import LocalAutocorrelation
from spatialstats.stats.orientation import Block
from spatialstats.stats.resampling import TIE, Alternative

AT_ONCE = 1 << 20
"""Values of draws held together."""


def local_gearys_c(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> LocalAutocorrelation:
    """Local Geary's c of each pixel: how much it differs from its neighbours; a description of one map.

    ``sum_j w_ij (z_i - z_j)^2`` of standardised values.  As with local Moran's I, pixels that are called
    unlike or like their neighbours by these pseudo p-values appear on stationary maps without any such
    place: they are no rule for a threshold and carry no claim about the map, see `LocalAutocorrelation`.

    Parameters
    ----------
    maps, lattice, weights, mask
        As for `spatialstats.stats.local_morans_i`.
    n_resamples, seed : int
        Conditional draws, a pixel's own value held fixed; 0 for none.  One sample of pixels serves all, the
        same as with ``local_morans_i(draws="shared")``: errors of the pseudo p-values go together over
        the map.
    alternative : {"two-sided", "greater", "less"}
        About c: a pixel like its neighbours has a lesser one.

    Returns
    -------
    LocalAutocorrelation

    Notes
    -----
    Expectation and variance are exact under conditional permutation.  esda's p is the smaller tail.

    References
    ----------
    L. Anselin, *A local indicator of multivariate spatial association: extending Geary's c*,
    Geographical Analysis 51, 2019.
    """
    stack, valid = stack_of(maps, mask)
    call = LocalCall(lattice_of(stack.shape[1:], lattice, weights), n_resamples, seed, alternative, "shared")
    return over("Local Geary's c", [stack], valid, call, _geary)


def _geary(block: Block, call: LocalCall) -> LocalPart:
    z = standard(scaled(block.values[0]))
    sites, n = Sites.of(block), block.lattice.n
    total = np.maximum(sites.degree * z**2 - 2 * z * lagged(block, z) + lagged(block, z**2), 0.0)
    # means over all other sites of (z_i - z_j)^2 and of its square
    third, fourth = ((z**power).sum(axis=1, keepdims=True) for power in (3, 4))
    mean = n * (z**2 + 1) / (n - 1)
    square = (n * z**4 + 6 * n * z**2 - 4 * z * third + fourth) / (n - 1)
    return LocalPart(
        sites.weight * total,
        sites.weight * sites.degree * mean,
        sites.weight**2 * sampled(square - mean**2, sites.degree, n - 1),
        counts=_counted(z, total, sites.degree.astype(np.int64), call) if call.n_resamples else None,
    )


def _counted(
    z: np.ndarray, total: np.ndarray, degree: np.ndarray, call: LocalCall
) -> tuple[np.ndarray, np.ndarray]:
    """How many draws of the sum of squares are not below, and not above, the observed; (m, n) each."""
    tie = TIE * (z**2).max(axis=1, keepdims=True)
    low, high = total - tie, total + tie
    greater, less = np.zeros(z.shape, np.int64), np.zeros(z.shape, np.int64)
    most = int(degree.max())
    step = max(1, AT_ONCE // z.size)
    for first in range(0, call.n_resamples, step):
        samples = shared_draws(z.shape[1], most + 1, call.seed, first, min(step, call.n_resamples - first))
        for picks in samples:
            drawn = _drawn(z, degree, picks)
            greater += drawn >= low
            less += drawn <= high
    return greater, less


def _drawn(z: np.ndarray, degree: np.ndarray, picks: np.ndarray) -> np.ndarray:
    """The sum of squares of every site with the first of the picks, as many as it has neighbours, (m, n).

    A site that meets itself takes the pick after its last one.
    """
    taken = z[:, picks]
    none = np.zeros((len(z), 1))
    sums = np.concatenate([none, np.cumsum(taken, 1)], 1)[:, degree]
    squares = np.concatenate([none, np.cumsum(taken**2, 1)], 1)[:, degree]
    drawn = degree * z**2 - 2 * z * sums + squares
    for place, site in enumerate(picks[:-1]):
        if place < degree[site]:  # its own difference is 0: the next pick's comes to it
            drawn[:, site] += (z[:, site] - z[:, picks[degree[site]]]) ** 2
    return np.asarray(np.maximum(drawn, 0.0))
