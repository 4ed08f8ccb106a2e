"""Neighbourhoods on a lattice of pixels: a stencil, weights, missing pixels; no matrix is ever made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import numpy as np
from numpy.typing import NDArray

from .checks import Array
from .lattice_layout import Layout

Floats = NDArray[np.float64]

ROOK = ((-1, 0), (0, -1), (0, 1), (1, 0))
QUEEN = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


@dataclass(frozen=True, eq=False)
class Lattice(Layout):
    """Which pixels of an image are neighbours, and with which weights.

    Make one with `rook`, `queen` or `distance_band` and use it for many maps: what follows from it
    is worked out once.  Sites are the n pixels that are not missing, in raster order; weight w_ij
    is 1 for neighbours, or 1 / (number of i's neighbours) if `row_standardised`.

    Parameters
    ----------
    shape : (H, W)
    offsets : (m, 2) int
        Rows and columns from a pixel to its neighbours; with every offset its opposite.
    row_standardised : bool
        As ``transform="r"`` in libpysal; else binary weights, "b".
    mask : bool (H, W), optional
        Where pixels are valid; the others are left out.
    torus : bool
        Whether the first row and column follow the last.

    Raises
    ------
    TypeError, ValueError
        If shapes, dtypes or offsets do not fit together, or no pixel is valid.
    """

    @classmethod
    def rook(
        cls,
        shape: tuple[int, int],
        *,
        row_standardised: bool = True,
        mask: NDArray[np.bool_] | None = None,
        torus: bool = False,
    ) -> Lattice:
        """Neighbours share an edge."""
        return cls(shape, ROOK, row_standardised, mask, torus)

    @classmethod
    def queen(
        cls,
        shape: tuple[int, int],
        *,
        row_standardised: bool = True,
        mask: NDArray[np.bool_] | None = None,
        torus: bool = False,
    ) -> Lattice:
        """Neighbours share an edge or a corner."""
        return cls(shape, QUEEN, row_standardised, mask, torus)

    @classmethod
    def distance_band(
        cls,
        shape: tuple[int, int],
        radius: float,
        *,
        beyond: float = 0.0,
        row_standardised: bool = True,
        mask: NDArray[np.bool_] | None = None,
        torus: bool = False,
    ) -> Lattice:
        """Neighbours lie farther than `beyond` and not farther than `radius`, in pixels.

        A series of bands makes a correlogram.
        """
        most = int(min(radius, max(shape)))
        axis = range(-most, most + 1)
        inside = [(r, c) for r in axis for c in axis if beyond**2 < r * r + c * c <= radius**2]
        return cls(shape, tuple(o for o in inside if o != (0, 0)), row_standardised, mask, torus)

    @cached_property
    def degree(self) -> NDArray[np.int32]:
        """Number of each pixel's neighbours, 0 where it is missing, (H, W)."""
        ones = np.ones((1, self.n))
        return np.where(self.valid, self.lag(np, ones)[0], 0).astype(np.int32)

    @cached_property
    def row_weight(self) -> Floats:
        """Weight of each pixel's neighbours, 0 where there are none, (H, W)."""
        some = self.degree > 0
        return np.where(some, 1 / np.maximum(self.degree, 1) if self.row_standardised else 1.0, 0.0)

    @cached_property
    def margin(self) -> Floats:
        """What a pixel's row and column of weights add up to together, (H, W)."""
        own = self.row_weight.reshape(-1)[self.sites][None]
        return np.where(self.valid, self.row_weight * self.degree + self.lag(np, own)[0], 0.0)

    @cached_property
    def usual_margin(self) -> float:
        """The margin of a pixel that, like its neighbours, has all of them."""
        return 2.0 if self.row_standardised else 2.0 * len(self.offsets)

    @cached_property
    def excess(self) -> Floats:
        """Margin less the usual one on the sites, 0 elsewhere, (H, W): zero but near borders and gaps."""
        return np.where(self.valid, self.margin - self.usual_margin, 0.0)

    @cached_property
    def s0(self) -> float:
        """Sum of all weights."""
        return float((self.row_weight * self.degree).sum())

    @cached_property
    def s1(self) -> float:
        """Half the sum of (w_ij + w_ji)^2."""
        own = self.row_weight.reshape(-1)[self.sites][None]
        image = self.row_weight
        # (w_i + w_j)^2 summed over neighbours j
        total = self.degree * image**2 + 2 * image * self.lag(np, own)[0] + self.lag(np, own**2)[0]
        return float(np.where(self.valid, total, 0.0).sum() / 2)

    @cached_property
    def s2(self) -> float:
        """Sum of the squared margins."""
        return float((self.margin**2).sum())

    def lag(self, xp: ModuleType, values: Array) -> Array:
        """Sum of each pixel's neighbours, in the order of `offsets`.

        Parameters
        ----------
        xp : module
            NumPy or CuPy, where the values live.
        values : float64 (N, n)
            One value a site.

        Returns
        -------
        float64 (N, H, W)
            Also where a pixel is missing.
        """
        height, width = self.padded_shape
        padded: Array = xp.zeros((len(values), height * width))
        if self.is_full:
            inside = padded.reshape(-1, height, width)
            (top, left), (h, w) = self.reach, self.shape
            inside[:, top : top + h, left : left + w] = values.reshape(-1, h, w)
        else:
            padded[:, xp.asarray(self.places)] = values
        if self.torus:
            to, source = xp.asarray(self.halo)
            padded[:, to] = padded[:, source]
        return lag(padded.reshape(-1, height, width), self.offsets, self.shape)


def lag(padded: Array, offsets: Iterable[tuple[int, int]], shape: tuple[int, int]) -> Array:
    """Add the stencil's shifted images up, one after the other: the same bits wherever it runs."""
    border = [(size - length) // 2 for size, length in zip(padded.shape[1:], shape, strict=True)]
    (row, col), *others = offsets
    total = _shifted(padded, border[0] + row, border[1] + col, shape) + 0.0
    for row, col in others:
        total += _shifted(padded, border[0] + row, border[1] + col, shape)
    return total


def _shifted(padded: Array, top: int, left: int, shape: tuple[int, int]) -> Array:
    part: Array = padded[:, top : top + shape[0], left : left + shape[1]]
    return part
