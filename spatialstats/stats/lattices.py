"""From a user's maps, missing pixels and choice of neighbours to values on the sites of a lattice."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from spatialstats.errors import InputError, unknown
from spatialstats.kernels import Lattice
from spatialstats.stats.neighbours import CONTIGUITIES

Neighbours: TypeAlias = "Lattice | Literal['rook', 'queen'] | float"
"""A lattice, the name of a contiguity, or the radius in pixels within which pixels are neighbours."""

Weights = Literal["row", "binary"]
WEIGHTS = ("row", "binary")


def stack_of(maps: np.ndarray, mask: np.ndarray | None, name: str = "maps") -> tuple[np.ndarray, np.ndarray]:
    """Maps as a stack, and which of their pixels are valid.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W), bool, integers or floats; NaN where a pixel is missing.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid; the others are missing too.
    name : str
        What the maps are called in errors.

    Returns
    -------
    numpy.ndarray, numpy.ndarray
        (N, H, W) as it came; bool (N, H, W).
    """
    maps = np.asarray(maps)
    if maps.ndim not in (2, 3) or 0 in maps.shape[-2:] or maps.dtype.kind not in "biuf":
        raise InputError(
            f"{name} must be real numbers (H, W) or (N, H, W) with pixels, "
            f"got shape {maps.shape} of {maps.dtype}."
        )
    maps = maps if maps.ndim == 3 else maps[None]
    valid = ~np.isnan(maps) if maps.dtype.kind == "f" else np.ones(maps.shape, bool)
    if mask is not None:
        mask = np.asarray(mask)
        if mask.dtype != bool or mask.shape not in (maps.shape, maps.shape[1:]):
            raise InputError(
                f"mask must be bool of shape {maps.shape[1:]} or {maps.shape}, true where pixels are valid, "
                f"got {mask.dtype} of {mask.shape}."
            )
        valid &= mask
    if maps.dtype.kind == "f" and np.isinf(maps, where=valid, out=np.zeros(maps.shape, bool)).any():
        raise InputError(
            f"{name} must be finite, or NaN where a pixel is missing, got infinity: mask it out."
        )
    return maps, valid


def lattice_of(
    shape: tuple[int, int], lattice: Neighbours, weights: Weights | None, default: Weights = "row"
) -> Lattice:
    """The lattice that was meant, for maps of a shape.

    Parameters
    ----------
    shape : (H, W)
        Of the maps.
    lattice : Lattice, "rook", "queen" or float
        A `spatialstats.kernels.Lattice`, which also knows missing pixels and tori; pixels that share
        an edge; an edge or corner; or that lie within a radius.
    weights : {"row", "binary"}, optional
        1 / (number of neighbours), or 1; without it the lattice's own, else the `default`.
    default : {"row", "binary"}
        What a name or a radius means without `weights`.
    """
    if weights is not None and weights not in WEIGHTS:
        raise unknown("weights", weights, WEIGHTS)
    row = (weights or default) == "row"
    if isinstance(lattice, Lattice):
        if lattice.shape != shape:
            raise InputError(f"the lattice must have the shape of the maps, {shape}, got {lattice.shape}.")
        kept = weights is None or lattice.row_standardised == row
        return lattice if kept else replace(lattice, row_standardised=row)
    if isinstance(lattice, str):
        if lattice not in CONTIGUITIES:
            raise unknown("lattice", lattice, CONTIGUITIES)
        make = Lattice.rook if lattice == "rook" else Lattice.queen
        return make(shape, row_standardised=row)
    if not 1 <= lattice < np.inf:
        raise InputError(f"a radius must be a number of at least 1 pixel, got {lattice}.")
    return Lattice.distance_band(shape, float(lattice), row_standardised=row)


def described(lattice: Lattice) -> str:
    """A lattice in words: ``rook neighbours, row weights``."""
    shape = (9, 9)
    names = {make(shape).offsets: make.__name__ for make in (Lattice.rook, Lattice.queen)}
    stencil = names.get(lattice.offsets, f"{len(lattice.offsets)}-pixel stencil")
    weights = "row" if lattice.row_standardised else "binary"
    return f"{stencil} neighbours, {weights} weights{', torus' if lattice.torus else ''}"
