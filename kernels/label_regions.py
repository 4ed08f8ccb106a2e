"""What `label` and `measure` return."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .checks import Array

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

WHOLE = ("sample", "label", "area", "min_row", "min_col", "max_row", "max_col")
"""Rows of the integer table that the kernels fill, one column a region."""

REAL = (
    *("centroid_row", "centroid_col", "mass", "peak", "weighted_row", "weighted_col"),
    *("mu_rr", "mu_cc", "mu_rc"),
)
"""Rows of the float64 table that the kernels fill, one column a region."""


class Found(NamedTuple):
    """What a side's `components` returns.

    Labels (N, H, W), regions a mask (N,), whether the masks held 0 and 1 alone, and on the CPU their
    rows of bits.
    """

    labels: Array
    counts: Array
    valid: bool
    rows: Array | None


@dataclass(frozen=True, eq=False)
class Regions:
    """Properties of R regions, one array entry each, ordered by sample and then label.

    The arrays are of the library, NumPy or CuPy, that the masks came in.

    Attributes
    ----------
    sample, label : int64 (R,)
        Mask of the region and its number there, from 1.
    area : int64 (R,)
        In pixels.
    min_row, min_col, max_row, max_col : int64 (R,)
        Bounding box, half-open: ``rows[min_row:max_row]``.
    centroid_row, centroid_col : float64 (R,)
        Mean of the pixels' indices.
    mass, peak : float64 (R,)
        Sum and largest of the weights (without weights: the area, and 1).
    weighted_row, weighted_col : float64 (R,)
        Mean of the pixels' indices by weight, the centre of mass (without weights: the centroid).
        NaN where the mass is zero: there is no such point, and the centroid in its place would be
        read as a measurement.  Where weights of both signs nearly cancel it may lie anywhere.
    mu_rr, mu_cc, mu_rc : float64 (R,)
        Central second moments divided by the area, in pixels squared.
    """

    sample: Ints
    label: Ints
    area: Ints
    min_row: Ints
    min_col: Ints
    max_row: Ints
    max_col: Ints
    centroid_row: Floats
    centroid_col: Floats
    mass: Floats
    peak: Floats
    weighted_row: Floats
    weighted_col: Floats
    mu_rr: Floats
    mu_cc: Floats
    mu_rc: Floats

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def eccentricity(self) -> Floats:
        """Eccentricity in [0, 1] of the ellipse with the region's second moments (R,)."""
        half = (self.mu_rr + self.mu_cc) / 2
        apart = (self.mu_rr - self.mu_cc) / 2
        root = np.sqrt(apart * apart + self.mu_rc * self.mu_rc)
        large = half + root
        return np.sqrt(np.clip(2 * root / np.where(large > 0, large, 1), 0, 1))

    @property
    def orientation(self) -> Floats:
        """Angle in (-pi/2, pi/2] between the row axis and the ellipse's major axis (R,)."""
        round_ = np.where(self.mu_rc > 0, np.pi / 4, -np.pi / 4)
        turned = np.arctan2(2 * self.mu_rc, self.mu_rr - self.mu_cc) / 2
        return np.where(self.mu_rr == self.mu_cc, round_, turned)

    def columns(self) -> dict[str, Array]:
        """Return all arrays by name, `eccentricity` and `orientation` with them."""
        held: dict[str, Array] = {field.name: getattr(self, field.name) for field in fields(self)}
        return {**held, "eccentricity": self.eccentricity, "orientation": self.orientation}


@dataclass(frozen=True, eq=False)
class Labels:
    """What `label` returns.

    Attributes
    ----------
    labels : int32 (N, H, W)
        0 outside of the mask, else the region's number in its mask.
    regions : Regions
    """

    labels: NDArray[np.int32]
    regions: Regions
