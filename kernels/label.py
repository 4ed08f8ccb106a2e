"""Connected components of many masks at once, with the properties of every region."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from .checks import Array, binary, frozen, refuse_values, require_numpy

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Regions:
    """Properties of R regions, one array entry each, ordered by sample and then label.

    Attributes
    ----------
    sample, label : int64 (R,)
        Mask of the region and its number there, from 1.
    area : int64 (R,)
        In pixels.
    centroid_row, centroid_col : float64 (R,)
        Mean of the pixels' indices.
    min_row, min_col, max_row, max_col : int64 (R,)
        Bounding box, half-open: ``rows[min_row:max_row]``.
    mass, peak : float64 (R,)
        Sum and largest of the weights (without weights: the area, and 1).
    mu_rr, mu_cc, mu_rc : float64 (R,)
        Central second moments divided by the area, in pixels squared.
    """

    sample: Ints
    label: Ints
    area: Ints
    centroid_row: Floats
    centroid_col: Floats
    min_row: Ints
    min_col: Ints
    max_row: Ints
    max_col: Ints
    mass: Floats
    peak: Floats
    mu_rr: Floats
    mu_cc: Floats
    mu_rc: Floats

    def __len__(self) -> int:
        return len(self.sample)

    @property
    def eccentricity(self) -> Floats:
        """Eccentricity in [0, 1] of the ellipse with the region's second moments (R,)."""
        half = (self.mu_rr + self.mu_cc) / 2
        root = np.hypot((self.mu_rr - self.mu_cc) / 2, self.mu_rc)
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


def label(masks: Array, weights: Array | None = None, *, connectivity: int = 1) -> Labels:
    """Label the connected components of each mask and measure them.

    Numbers and properties are those of scikit-image [1]_: regions are numbered by their first pixel
    in raster order.  Areas, boxes and moments come from exact integers; masses are float64 sums in
    raster order.  Nothing depends on the number of threads.

    Parameters
    ----------
    masks : (N, H, W) bool, or uint8 of 0 and 1
    weights : (N, H, W) float32 or float64, optional
        Finite weights of the pixels, for `Regions.mass` and `Regions.peak`.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.

    Returns
    -------
    Labels

    Raises
    ------
    TypeError
        If the arrays are not NumPy's, or of another dtype.
    ValueError
        If shapes differ, a mask holds more than 0 and 1, or a weight in a region is not finite.

    References
    ----------
    .. [1] ``skimage.measure.label`` and ``regionprops``.
    """
    require_numpy(masks=masks)
    if connectivity not in (1, 2):
        raise ValueError(f"connectivity must be 1 (edges) or 2 (edges and corners), got {connectivity}.")
    bytes_ = binary(masks, "masks")
    # A CuPy array will be sent to label_gpu here.
    from . import label_cpu

    if masks.dtype == np.uint8 and masks.max(initial=0) > 1:
        raise refuse_values("masks", "{0, 1}", bytes_, "compare with a threshold first")
    labels, counts = label_cpu.components(bytes_, connectivity)
    return Labels(labels, _measured(labels, counts, weights))


def measure(labels: Array, weights: Array | None = None) -> Regions:
    """Measure regions that are labelled already, for instance the clusters of `lattice_dbscan`.

    Parameters
    ----------
    labels : int32 (N, H, W)
        Regions are numbered 1, 2, ... in each sample; other pixels are zero or negative.
    weights : (N, H, W) float32 or float64, optional

    Returns
    -------
    Regions
        One entry for every number up to the largest of its sample.
    """
    require_numpy(labels=labels)
    if labels.dtype != np.int32 or labels.ndim != 3:
        raise TypeError(f"labels must be int32 (N, H, W), got {labels.dtype} {labels.shape}.")
    flat = labels.reshape(len(labels), labels.shape[1] * labels.shape[2])
    return _measured(frozen(labels), flat.max(axis=1, initial=0).astype(np.int64), weights)


def _measured(labels: Array, counts: Ints, weights: Array | None) -> Regions:
    from . import label_cpu

    if weights is not None:
        require_numpy(weights=weights)
        if weights.shape != labels.shape:
            raise ValueError(f"weights must have the shape of the masks {labels.shape}, got {weights.shape}.")
        if weights.dtype not in (np.float32, np.float64):
            raise TypeError(f"weights must be float32 or float64, got {weights.dtype}: cast them first.")
        weights = frozen(weights)
    sample = np.repeat(np.arange(len(counts)), counts)
    first = np.cumsum(counts) - counts
    number = np.arange(len(sample)) - np.repeat(first, counts) + 1
    whole, real = label_cpu.measured(frozen(labels), first, len(sample), weights)
    regions = Regions(
        sample, number, whole[:, 0].copy(), *(real[:, j].copy() for j in (0, 1)),
        *(whole[:, j].copy() for j in (1, 2, 3, 4)), *(real[:, j].copy() for j in (2, 3, 4, 5, 6)),
    )  # fmt: skip
    if weights is not None and not np.isfinite(regions.mass).all():
        raise ValueError("weights must be finite in every region, got NaN or infinity: replace or mask them.")
    return regions
