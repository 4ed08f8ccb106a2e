"""Connected components of many masks at once, with the properties of every region."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from . import device
from .checks import Array, frozen, on_device, refuse_values
from .label_regions import Labels, Regions

__all__ = ["Labels", "Regions", "components", "label", "measure"]

MOST_PIXELS, LONGEST_SIDE = 1 << 26, 1 << 18
"""Of an image.  Area times a squared side stays within 2^62, so that int64 holds every exact sum."""


def components(masks: Array, *, connectivity: int = 1) -> NDArray[np.int32]:
    """Label the connected components of each mask, and measure nothing.

    Parameters
    ----------
    masks : (N, H, W) bool, or uint8 of 0 and 1
        NumPy or CuPy.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.

    Returns
    -------
    int32 (N, H, W)
        0 outside of the mask, else the component's number, as in `label`.

    Raises
    ------
    TypeError, ValueError
        As `label`.
    """
    labels: NDArray[np.int32] = _found(masks, connectivity, on_device(masks=masks)).labels
    return labels


def label(masks: Array, weights: Array | None = None, *, connectivity: int = 1) -> Labels:
    """Label the connected components of each mask and measure them.

    Numbers and properties are those of scikit-image [1]_: regions are numbered by their first pixel
    in raster order.

    Everything is summed in integers, so that CPU and GPU give the same bits, whatever the number of
    threads or the order.  Areas, boxes, centroids and moments are exact up to the rounding of their
    last few operations.  Weights are rounded, half-even, to steps of 2^(E + b - 62), where 2^E is the
    power of two above the region's largest \\|weight\\| and 2^b the one at or above its area.  That
    resolves 2^-52 of the largest weight in a region of 1024 pixels, and keeps the error of a mass
    below area^2 2^-62 times the largest weight: less than a float64 sum in any order promises.  A
    region of one pixel has its weight itself for its mass.

    Parameters
    ----------
    masks : (N, H, W) bool, or uint8 of 0 and 1
        NumPy or CuPy; an image has at most 2^26 pixels, and sides of at most 2^18.
    weights : (N, H, W) float32 or float64, optional
        Weights of the pixels, for mass, peak and weighted centroid.  Any finite number is taken, also
        negative and subnormal ones; a mass beyond float64 is infinite.  Pixels outside of the mask
        may hold anything.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.

    Returns
    -------
    Labels
        `Labels.labels` and `Labels.regions`, in the library that the masks came in.

    Raises
    ------
    TypeError
        If an array is neither NumPy's nor CuPy's, they are mixed, or a dtype is another.
    ValueError
        If shapes differ, an image is too large, a mask holds more than 0 and 1, or a weight in a
        region is not finite.

    References
    ----------
    .. [1] ``skimage.measure.label`` and ``regionprops``.
    """
    gpu = _device(masks, weights, "masks")
    found = _found(masks, connectivity, gpu)
    return Labels(found.labels, _measured(found.labels, found.counts, weights, found.rows, gpu))


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
        As `label` measures them: one entry for every number up to the largest of its sample.  A number
        without pixels has an area, a box and a mass of zero, and NaN elsewhere.

    Raises
    ------
    TypeError, ValueError
        As `label`.
    """
    gpu = _device(labels, weights, "labels")
    if labels.dtype != np.int32 or labels.ndim != 3:
        raise TypeError(f"labels must be int32 (N, H, W), got {labels.dtype} {labels.shape}.")
    _refuse_large(labels)
    held = _contiguous(labels, gpu)
    return _measured(held, _side(gpu).highest(held), weights, None, gpu)


def _side(gpu: bool) -> Any:
    """The module that does the work."""
    if gpu:
        from . import label_gpu

        return label_gpu
    from . import label_cpu

    return label_cpu


def _device(images: Array, weights: Array | None, name: str) -> bool:
    """Whether the arrays live on a device, after comparing their shapes."""
    if weights is None:
        return on_device(**{name: images})
    gpu = on_device(**{name: images}, weights=weights)
    if weights.shape != images.shape:
        raise ValueError(f"weights must have the shape of the {name} {images.shape}, got {weights.shape}.")
    if weights.dtype not in (np.float32, np.float64):
        raise TypeError(f"weights must be float32 or float64, got {weights.dtype}: cast them first.")
    return gpu


def _contiguous(array: Array, gpu: bool) -> Array:
    held: Array = device.namespace().ascontiguousarray(array) if gpu else frozen(array)
    return held


def _refuse_large(images: Array) -> None:
    height, width = images.shape[1:]
    if height * width > MOST_PIXELS or max(height, width) > LONGEST_SIDE:
        raise ValueError(
            f"images may have at most {MOST_PIXELS} pixels and sides of at most {LONGEST_SIDE}, "
            f"got {height} x {width}: cut them into tiles."
        )


def _found(masks: Array, connectivity: int, gpu: bool) -> Any:
    if connectivity not in (1, 2):
        raise ValueError(f"connectivity must be 1 (edges) or 2 (edges and corners), got {connectivity}.")
    if masks.dtype != np.bool_ and masks.dtype != np.uint8:
        raise TypeError(f"masks must be bool or uint8, got {masks.dtype}: compare with a threshold first.")
    if masks.ndim != 3:
        raise ValueError(f"masks must have 3 axes, got shape {masks.shape}.")
    _refuse_large(masks)
    found = _side(gpu).components(_contiguous(masks, gpu).view(np.uint8), connectivity)
    if not found.valid:
        ends = np.array([int(masks.min()), int(masks.max())])
        raise refuse_values("masks", "{0, 1}", ends, "compare with a threshold first")
    return found


def _measured(labels: Array, counts: Array, weights: Array | None, rows: Array | None, gpu: bool) -> Regions:
    if weights is not None:
        weights = _contiguous(weights, gpu)
    whole, real, valid = _side(gpu).measured(labels, counts, weights, rows)
    if not valid:
        raise ValueError("weights must be finite in every region, got NaN or infinity: replace or mask them.")
    return Regions(*whole, *real)
