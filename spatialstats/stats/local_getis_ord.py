"""Getis and Ord's Gi and Gi*: where high or low values lie together, as a description of one map."""

from __future__ import annotations

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.autocorrelation_blocks import scaled
from spatialstats.stats.lattices import Neighbours, Weights, lattice_of, stack_of
from spatialstats.stats.local_blocks import (
    CONDITIONAL,
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


def local_g(
    maps: np.ndarray,
    lattice: Neighbours = "rook",
    *,
    star: bool = False,
    weights: Weights | None = None,
    mask: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    draws: Draws = "independent",
    alternative: Alternative = "two-sided",
) -> LocalAutocorrelation:
    """Getis and Ord's G_i, or G_i* with the pixel itself: the neighbours' share of a map's sum, described.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W), nowhere negative; NaN where a pixel is missing.
    star : bool
        Whether a pixel is among its neighbours, with a weight like theirs.
    lattice, mask, n_resamples, seed, draws
        As for `local_morans_i`.
    weights : {"row", "binary"}, optional
        As for `local_morans_i`, but binary with a name or radius; z and pseudo-p are the same for both.
    alternative : {"two-sided", "greater", "less"}
        About G: high values make it greater.

    Returns
    -------
    LocalAutocorrelation

    Notes
    -----
    z of G_i holds the pixel's own value fixed; that of G_i* does not, as in Ord and Getis.  Pseudo
    p-values hold it fixed in both and are then the same.  With row weights esda's variance is that of
    a single neighbour's value, not of their mean; here it is the exact one.

    References
    ----------
    J. K. Ord, A. Getis, *Local spatial autocorrelation statistics: distributional issues and an
    application*, Geographical Analysis 27, 1995.
    """
    stack, valid = stack_of(maps, mask)
    base = lattice_of(stack.shape[1:], lattice, weights, "binary")
    call = LocalCall(base, n_resamples, seed, alternative, draws)
    if star:
        null = "all values, its own too, being put anywhere in any order"
        return over("Getis-Ord Gi*", [stack], valid, call, _star, null)
    return over("Getis-Ord Gi", [stack], valid, call, _neighbours, CONDITIONAL)


def _neighbours(block: Block, call: LocalCall) -> LocalPart:
    values = _non_negative(block)
    sites, others = Sites.of(block), block.lattice.n - 1
    total = values.sum(axis=1, keepdims=True)
    rest = np.where(total - values > TIE * total, total - values, np.nan)
    z = standard(values)
    unit = values.std(axis=1, keepdims=True)
    spread = (others + 1 - z**2) / others - (z / others) ** 2
    return LocalPart(
        sites.weight * lagged(block, values) / rest,
        np.where(rest > 0, sites.weight * sites.degree / others, np.nan),
        (sites.weight * unit / rest) ** 2 * sampled(spread, sites.degree, others),
        counts=drawn(block, z, call),
    )


def _star(block: Block, call: LocalCall) -> LocalPart:
    values = _non_negative(block)
    sites, n = Sites.of(block), block.lattice.n
    size = sites.degree + 1
    weight = 1 / size if block.lattice.row_standardised else np.ones(n)
    total = values.sum(axis=1, keepdims=True)
    spread = values.var(axis=1, keepdims=True) / total**2
    return LocalPart(
        weight * (lagged(block, values) + values) / total,
        np.broadcast_to(weight * size / n, values.shape),
        weight**2 * sampled(spread, size, n),
        counts=drawn(block, standard(values), call),
    )


def _non_negative(block: Block) -> np.ndarray:
    values = block.values[0]
    if values.min() < 0:
        raise InputError(
            f"Getis and Ord's G needs maps that are nowhere negative, got a minimum of {values.min():.4g}: "
            "pass positive parts or absolute values, or take local_morans_i."
        )
    return scaled(values)
