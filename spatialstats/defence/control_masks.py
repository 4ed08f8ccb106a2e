"""The masks of controls: another image's, a random blob of equal area, as many scattered pixels."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from spatialstats import kernels
from spatialstats.errors import InputError

GOLDEN, MIX_1, MIX_2 = (np.uint64(v) for v in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))


def derangement(n: int, seed: int) -> np.ndarray:
    """int64 (n,): a seeded permutation without a fixed point, which is one cycle.

    For the swapped-mask control, where an image must not keep its own mask; a null
    distribution needs permutations with fixed points instead.

    Raises
    ------
    InputError
        If there are fewer than two images.
    """
    if n < 2:
        raise InputError(f"masks are swapped between at least two images, got {n}: add images to the split.")
    order = np.asarray(kernels.pairing(n, seed, 0), np.int64)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def swapped_masks(masks: np.ndarray, seed: int) -> np.ndarray:
    """The masks (N, H, W) of other images: row i is the mask of some image j, never i itself."""
    swapped: np.ndarray = np.asarray(masks)[derangement(len(masks), seed)]
    return swapped


def swapped_regions(masks: np.ndarray, seed: int) -> np.ndarray:
    """As `swapped_masks`, between the images that have a mask: those without keep none.

    So every swapped mask replaces a mask.  A lone one has no other to swap with: it is left out,
    since its own must not stand in.
    """
    masks = np.asarray(masks, bool)
    has = np.flatnonzero(masks.any((1, 2)))
    swapped = np.zeros_like(masks)
    if len(has) > 1:
        swapped[has] = swapped_masks(masks[has], seed)
    return swapped


def blob_masks(
    masks: np.ndarray, seed: int, *, rows: np.ndarray | None = None, sigma: float | None = None
) -> np.ndarray:
    """Random blobs with exactly as many pixels as each mask.

    The largest values of seeded noise that was smoothed on a torus, so that a blob may lie
    anywhere with equal chance.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W).
    seed : int
        A row's blob is a pure function of (seed, row, its number of pixels).
    rows : numpy.ndarray, optional
        int (N,): what row each mask is, where `masks` is a part of more; its position when
        left out.
    sigma : float, optional
        Smoothing in pixels; a sixteenth of the longer side when left out.

    Returns
    -------
    numpy.ndarray
        bool (N, H, W).
    """
    masks = np.asarray(masks, bool)
    n, height, width = masks.shape
    if n == 0:
        return masks.copy()
    width_of_blobs = max(height, width) / 16 if sigma is None else sigma
    noise = _noise(seed, rows, n, height * width)
    field = ndimage.gaussian_filter(
        noise.reshape(masks.shape), (0, width_of_blobs, width_of_blobs), mode="wrap"
    )
    return _largest(field, masks)


def scattered_masks(masks: np.ndarray, seed: int, *, rows: np.ndarray | None = None) -> np.ndarray:
    """Exactly as many pixels as each mask has, drawn at random from the whole image.

    A fill of scattered pixels smooths a perturbation wherever it is: what it wins back is not
    an effect of location.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W).
    seed, rows
        A row's pixels are a pure function of (seed, row, their number); see `blob_masks`.

    Returns
    -------
    numpy.ndarray
        bool (N, H, W).
    """
    masks = np.asarray(masks, bool)
    n, height, width = masks.shape
    return _largest(_noise(seed, rows, n, height * width), masks)


def _largest(field: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The largest values of each row of `field`, as many as its mask (H, W) has pixels: bool (N, H, W)."""
    n, height, width = masks.shape
    order = np.argsort(-field.reshape(n, height * width), axis=1, kind="stable")
    taken = np.arange(order.shape[1]) < masks.sum((1, 2))[:, None]
    found = np.empty_like(taken)
    np.put_along_axis(found, order, taken, 1)
    chosen: np.ndarray = found.reshape(masks.shape)
    return chosen


def _noise(seed: int, rows: np.ndarray | None, n: int, size: int) -> np.ndarray:
    """float64 (n, size) uniform noise, a pure function of (seed, row, position): SplitMix64."""
    which = np.arange(n) if rows is None else np.asarray(rows)
    counter = which.astype(np.uint64)[:, None] * np.uint64(size) + np.arange(1, size + 1, dtype=np.uint64)
    bits = _mixed(_mixed(np.array([seed % 2**64], np.uint64)) + counter * GOLDEN)
    uniform: np.ndarray = (bits >> np.uint64(11)) * 2.0**-53
    return uniform


def _mixed(bits: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele et al., OOPSLA 2014); uint64 wraps around."""
    bits = (bits ^ (bits >> np.uint64(30))) * MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_2
    mixed: np.ndarray = bits ^ (bits >> np.uint64(31))
    return mixed
