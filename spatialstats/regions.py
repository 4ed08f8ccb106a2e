"""Masks out of maps (top fraction, Otsu), cleaned by area, isolated and tabulated as regions."""

from __future__ import annotations

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.region_table import table
from spatialstats.spec import threshold_rule

__all__ = ["clean", "otsu", "table", "threshold", "top_fraction"]

OTSU_BINS = 256


def top_fraction(maps: np.ndarray, fraction: float) -> np.ndarray:
    """The pixels of each map that hold its largest values.

    At most ``k = floor(fraction * H * W + 1/2)`` pixels of a map are taken.  Values at or
    below zero are never taken.  Where several pixels tie at the value of the cut and do not
    all fit into the k, none of them is taken: which of them would be kept is arbitrary, and
    on the flat maps of sign attacks it would draw the scan order.

    Parameters
    ----------
    maps : numpy.ndarray
        (..., H, W), real: magnitudes of importance, or the damaging part of an effect.
    fraction : float
        Share of the pixels of a map, in (0, 1].

    Returns
    -------
    numpy.ndarray
        bool, the shape of `maps`.

    Raises
    ------
    InputError
        If the fraction is outside (0, 1] or a map holds NaN or infinity.
    """
    if not 0 < fraction <= 1:
        raise InputError(f"a top fraction lies above 0 and at most at 1, got {fraction}: 0.2 takes a fifth.")
    maps = _checked(maps)
    n_pixels = maps.shape[-1] * maps.shape[-2]
    k = int(np.floor(fraction * n_pixels + 0.5))
    if k == 0 or maps.size == 0:
        return np.zeros(maps.shape, bool)
    flat = maps.reshape(-1, n_pixels)
    cut = np.partition(flat, n_pixels - k, axis=1)[:, n_pixels - k, None]
    taken = flat >= cut
    crowded = taken.sum(1) > k  # more pixels reach the cut than fit: leave out all that tie at it
    taken[crowded] = flat[crowded] > cut[crowded]
    taken &= flat > 0
    return taken.reshape(maps.shape)


def otsu(maps: np.ndarray) -> np.ndarray:
    """Otsu's threshold of each map: the cut with the largest variance between its two sides.

    Parameters
    ----------
    maps : numpy.ndarray
        (..., H, W), real and finite.

    Returns
    -------
    numpy.ndarray
        float64 (...): a threshold for each map; the value itself for a constant map.  The
        values are those of `skimage.filters.threshold_otsu` with 256 bins.

    References
    ----------
    N. Otsu, *A threshold selection method from gray-level histograms*, IEEE Transactions
    on Systems, Man, and Cybernetics 9(1), 1979.
    """
    maps = _checked(maps)
    flat = maps.reshape(-1, maps.shape[-1] * maps.shape[-2]).astype(np.float64)
    low, high = flat.min(1, keepdims=True), flat.max(1, keepdims=True)
    span = np.where(high > low, high - low, 1.0)
    edges = low + span * np.linspace(0, 1, OTSU_BINS + 1)
    place = np.minimum(((flat - low) / span * OTSU_BINS).astype(np.int64), OTSU_BINS - 1)
    # The division may land a value one bin off its edges; the edges decide.
    place -= flat < np.take_along_axis(edges, place, 1)
    place += (flat >= np.take_along_axis(edges, place + 1, 1)) & (place < OTSU_BINS - 1)
    cells = (place + OTSU_BINS * np.arange(len(flat))[:, None]).ravel()
    counts = np.bincount(cells, minlength=len(flat) * OTSU_BINS).reshape(-1, OTSU_BINS)
    centres = (edges[:, 1:] + edges[:, :-1]) / 2
    sums = np.cumsum(counts * centres, 1)
    below = np.cumsum(counts, 1)[:, :-1]  # never 0: the minimum lies in the first bin
    above = flat.shape[1] - below  # never 0: the maximum lies in the last bin
    above = np.maximum(above, 1)  # except in a constant map, which is set aside below
    gap = sums[:, :-1] / below - (sums[:, -1:] - sums[:, :-1]) / above
    best = np.argmax(below * above * gap**2, 1)
    found = np.take_along_axis(centres, best[:, None], 1)[:, 0]
    return np.where(high[:, 0] > low[:, 0], found, low[:, 0]).reshape(maps.shape[:-2])


def threshold(maps: np.ndarray, rule: str | float) -> np.ndarray:
    """Masks of `maps` by a named rule.

    Parameters
    ----------
    maps : numpy.ndarray
        (..., H, W), real.
    rule : str or float
        ``"otsu"``, ``"top:0.2"``, or a number: a top fraction.

    Returns
    -------
    numpy.ndarray
        bool, the shape of `maps`; pixels above the threshold of their own map, and above zero.

    Raises
    ------
    InputError
        If the rule is neither of these.
    """
    found = threshold_rule(rule)
    if isinstance(found, float):
        return top_fraction(maps, found)
    return (maps > otsu(maps)[..., None, None]) & (np.asarray(maps) > 0)


def clean(masks: np.ndarray, min_area: int, connectivity: int = 1) -> np.ndarray:
    """`masks` without their connected components of fewer than `min_area` pixels.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W) or (H, W).
    min_area : int
        Pixels that a component must have to stay; 1 keeps everything.
    connectivity : {1, 2}
        Four or eight neighbours.
    """
    masks = np.asarray(masks, bool)
    if min_area <= 1 or masks.size == 0:
        return masks.copy()
    stack = masks.reshape(-1, *masks.shape[-2:])
    found = kernels.label(stack, connectivity=connectivity)
    sizes = np.bincount(found.regions.sample, minlength=len(stack))
    first = np.cumsum(sizes) - sizes  # the row of each mask's region 1; rows are ordered by mask, then label
    large = np.append(found.regions.area >= min_area, False)
    row = np.where(found.labels > 0, first[:, None, None] + found.labels - 1, -1)
    return large[row].reshape(masks.shape)


def _checked(maps: np.ndarray) -> np.ndarray:
    """`maps` as an array of at least two axes that holds finite numbers."""
    maps = np.asarray(maps)
    if maps.ndim < 2:
        raise InputError(f"maps must have shape (..., H, W), got {maps.shape}.")
    if maps.dtype.kind == "f" and not np.isfinite(maps).all():
        raise InputError(
            "maps must hold finite numbers, got NaN or infinity: check where the maps come from."
        )
    return maps
