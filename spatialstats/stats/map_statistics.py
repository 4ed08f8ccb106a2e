"""Statistics of two maps of values: correlations, Manders' coefficients, weighted Jaccard."""

from __future__ import annotations

import numpy as np
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats.neighbours import Contiguity, neighbour_means

FLAT = 1e-13  # relative spread below which a map is constant but for rounding


def pearson(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Pearson's correlation over the pixels of each image.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is constant.
    """
    return _dot(standardised(a), standardised(b))


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation over the pixels of each image, ties by average ranks.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is constant.
    """
    return pearson(ranks(a), ranks(b))


def lees_l(a: np.ndarray, b: np.ndarray, contiguity: Contiguity = "rook") -> np.ndarray:
    """Lee's L: correlation of the neighbour means of two maps, scaled by the maps' own spread.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).
    contiguity : {"rook", "queen"}
        Whose row-standardised weights, without the pixel itself, are used.

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is constant.

    References
    ----------
    S.-I. Lee, *Developing a bivariate spatial association measure*, Journal of Geographical
    Systems 3, 2001, equation 18.
    """
    return _dot(neighbour_means(standardised(a), contiguity), neighbour_means(standardised(b), contiguity))


def bivariate_moran(a: np.ndarray, b: np.ndarray, contiguity: Contiguity = "rook") -> np.ndarray:
    """Bivariate Moran's I: the first map against the neighbour means of the second.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).
    contiguity : {"rook", "queen"}
        Whose row-standardised weights are used.

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is constant.

    References
    ----------
    D. Wartenberg, *Multivariate spatial correlation*, Geographical Analysis 17, 1985.
    """
    return _dot(standardised(a), neighbour_means(standardised(b), contiguity))


def manders_overlap(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Manders' overlap coefficient: the cosine of two non-negative maps.

    Parameters
    ----------
    a, b : numpy.ndarray
        Non-negative (N, H, W).

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is zero.

    References
    ----------
    E. M. M. Manders et al., Journal of Microscopy 169, 1993.
    """
    return _dot(unit(a), unit(b))


def manders(values: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """Manders' M1 (or M2): the share of a map's sum that lies in the other's mask.

    Parameters
    ----------
    values : numpy.ndarray
        Non-negative (N, H, W).
    masks : numpy.ndarray
        bool (N, H, W).

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where a map is zero.
    """
    values = non_negative(values)
    return _ratio((values * masks).sum((1, 2)), values.sum((1, 2)))


def weighted_jaccard(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Weighted Jaccard (Ruzicka) similarity: sum of minima over sum of maxima.

    Parameters
    ----------
    a, b : numpy.ndarray
        Non-negative (N, H, W).

    Returns
    -------
    numpy.ndarray
        float64 (N,); NaN where both maps are zero.
    """
    a, b = non_negative(a), non_negative(b)
    return _ratio(np.minimum(a, b).sum((1, 2)), np.maximum(a, b).sum((1, 2)))


def standardised(maps: np.ndarray) -> np.ndarray:
    """Maps less their means, scaled to sums of squares of 1; NaN where constant. float64 (N, H, W)."""
    maps = _stack(maps)
    centred = maps - maps.mean((1, 2), keepdims=True)
    size = np.abs(maps).max((1, 2), keepdims=True) * np.sqrt(maps[0].size)
    norm = np.sqrt((centred**2).sum((1, 2), keepdims=True))
    return np.asarray(centred / np.where(norm > FLAT * size, norm, np.nan))


def unit(maps: np.ndarray) -> np.ndarray:
    """Non-negative maps scaled to sums of squares of 1; NaN where zero. float64 (N, H, W)."""
    maps = non_negative(maps)
    norm = np.sqrt((maps**2).sum((1, 2), keepdims=True))
    return np.asarray(maps / np.where(norm > 0, norm, np.nan))


def ranks(maps: np.ndarray) -> np.ndarray:
    """Average ranks of the pixels within each image. float64 (N, H, W)."""
    maps = _stack(maps)
    found = stats.rankdata(maps.reshape(len(maps), -1), axis=1)
    return np.asarray(found, np.float64).reshape(maps.shape)


def non_negative(maps: np.ndarray) -> np.ndarray:
    """The maps as float64, refused where a value is below 0."""
    maps = _stack(maps)
    if maps.size and maps.min() < 0:
        raise InputError(
            f"this statistic needs maps that are nowhere negative, got a minimum of {maps.min():.4g}: "
            "pass positive parts or absolute values."
        )
    return maps


def _stack(maps: np.ndarray) -> np.ndarray:
    maps = np.asarray(maps, np.float64)
    if maps.ndim != 3 or not np.isfinite(maps).all() or maps[:1].size == 0:
        raise InputError(
            f"maps must be finite and of shape (N, H, W), N at least 1, got {maps.shape} or NaN."
        )
    return maps


def _dot(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if a.shape != b.shape:
        raise InputError(f"both stacks of maps must have one shape, got {a.shape} and {b.shape}.")
    return np.asarray(np.einsum("nij,nij->n", a, b))


def _ratio(top: np.ndarray, bottom: np.ndarray) -> np.ndarray:
    return np.asarray(top / np.where(bottom > 0, bottom, np.nan))
