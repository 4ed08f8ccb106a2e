"""Inner and outer confidence sets of {density > c} over images, and of attacked but unimportant pixels."""

from __future__ import annotations

import math

import numpy as np

from spatialstats.errors import InputError, unknown
from spatialstats.stats.confidence_boundary import (
    Field,
    boundary_residuals,
    field_of,
    largest_deviations,
    map_residuals,
    quantile_of,
)
from spatialstats.stats.confidence_result import ConfidenceSet, Drawn, Over
from spatialstats.stats.wording import number

FEW = 30  # images below which the bootstrap's approximation is not to be leant on
RARE = 5  # hits at the threshold, as their variance n c (1 - c), below which they are too coarse


def confidence_set(
    maps: np.ndarray,
    c: float,
    *,
    relative: bool = False,
    confidence: float = 0.95,
    n_resamples: int = 1999,
    seed: int = 0,
    over: Over = "boundary",
    batch: int | None = None,
    name: str = "density",
) -> ConfidenceSet:
    """Confidence sets of the pixels whose mean over the population of images is above c.

    With the sample's mean m and its standard error s, the inner set is {m >= c + q s} and the outer one
    {m >= c - q s}; q is the quantile of the largest abs(G) on the boundary of {m > c}, where G is a
    t-bootstrap of the residuals: of resampled images, or, of masks, with a random sign for each image.  The
    boundary lies between neighbouring pixels (4-neighbourhood), where the mean, drawn as a line, meets
    c; residuals are interpolated to it.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, H, W) maps, or masks (bool), whose mean is a frequency.  Images are the independent units.
    c : float
        Threshold, chosen before looking at these maps.
    relative : bool
        Subtract each map's own mean first: with c = 0 the set is where the density lies above the
        average of the map.
    confidence : float
        Wanted probability that the inner set lies in the true one and that one in the outer one.
    n_resamples, seed : int
        Draws; draw k is a pure function of (seed, k).
    over : {"boundary", "map"}
        Take the largest deviation on the estimated boundary, or over all pixels: wider sets, which
        hold for all thresholds at once, so that c may be chosen after looking.  A set without a
        boundary (no pixel or every pixel is above c) is treated as with "map".
    batch : int, optional
        Draws held at once; no result depends on it.
    name : str
        What the density is called.

    Returns
    -------
    ConfidenceSet

    Notes
    -----
    Of masks, the distance of a frequency from c is the normal score of its exact binomial tail at c, in
    place of (m - c) / s, which is far from normal for few hits and has no s without any.  On a grid the
    sets are somewhat wide, since few of the true boundary's points fall on pixels.

    The papers take random signs for numbers too.  These undo skewness, and attack maps are skewed: the
    calibration (docs/calibration.md) has how often either kind of draw misses the truth.

    References
    ----------
    M. Sommerfeld, S. Sain, A. Schwartzman, *Confidence regions for spatial excursion sets from repeated
    random field observations, with an application to climate*, JASA 113, 2018.  A. Bowring,
    F. J. E. Telschow, A. Schwartzman, T. E. Nichols, *Spatial confidence sets for raw effect size
    images*, NeuroImage 203, 2019, and *Confidence sets for Cohen's d effect size images*, NeuroImage
    226, 2021.  J. Ren, F. J. E. Telschow, A. Schwartzman, *Inverse set estimation and inversion of
    simultaneous confidence intervals*, arXiv 2210.03933: for "map".
    """
    field = _field(maps, c, name, relative=relative)
    what = f"{name} > {number(c)}{' above its own mean' if relative else ''}"
    return _sets((field,), np.shape(maps)[1:], what, confidence, n_resamples, seed, over, batch)


def confidence_difference(
    attack: np.ndarray,
    importance: np.ndarray,
    c_attack: float,
    c_importance: float,
    *,
    relative: bool = False,
    confidence: float = 0.95,
    n_resamples: int = 1999,
    seed: int = 0,
    over: Over = "boundary",
    batch: int | None = None,
    names: tuple[str, str] = ("attack density", "importance"),
) -> ConfidenceSet:
    """Confidence sets of RoA minus RoI: pixels that are attacked above, and important up to, a threshold.

    The set {attack > c_attack} and not {importance > c_importance} is an intersection of two excursion
    sets, the second with its sign turned.  A pixel's distance is the lesser of its two distances in
    standard errors; at a point of the boundary the deviation is that of the conditions which fail just
    outside, the least of them where both do.  Images may depend on each other across the two stacks:
    both are resampled, or multiplied by a sign, together.

    Parameters
    ----------
    attack, importance : numpy.ndarray
        (N, H, W) maps or masks of the same images in the same order.
    c_attack, c_importance : float
        Thresholds, chosen before looking at these maps.
    relative, confidence, n_resamples, seed, over, batch
        As for `confidence_set`.
    names : (str, str)
        What the two are called.

    Returns
    -------
    ConfidenceSet

    References
    ----------
    T. Maullin-Sapey, A. Schwartzman, T. E. Nichols, *Spatial confidence regions for combinations of
    excursion sets in image analysis*, Journal of the Royal Statistical Society B 86, 2024 (online 2023).
    """
    if np.shape(attack) != np.shape(importance):
        raise InputError(
            f"{names[0]} and {names[1]} must be maps of the same images, got shapes {np.shape(attack)} and "
            f"{np.shape(importance)}."
        )
    fields = (
        _field(attack, c_attack, names[0], relative=relative),
        _field(importance, c_importance, names[1], relative=relative, above=False),
    )
    what = f"{names[0]} > {number(c_attack)} and not {names[1]} > {number(c_importance)}"
    what += " above their own means" if relative else ""
    return _sets(fields, np.shape(attack)[1:], what, confidence, n_resamples, seed, over, batch)


def confidence_mask(
    maps: np.ndarray,
    c: float,
    *,
    relative: bool = False,
    confidence: float = 0.95,
    n_resamples: int = 1999,
    seed: int = 0,
    over: Over = "boundary",
) -> np.ndarray:
    """The threshold rule "confidence": the inner set of {density > c}, bool (H, W).

    Parameters
    ----------
    maps, c, relative, confidence, n_resamples, seed, over
        As for `confidence_set`.
    """
    return confidence_set(
        maps, c, relative=relative, confidence=confidence, n_resamples=n_resamples, seed=seed, over=over
    ).certain


def _field(maps: np.ndarray, c: float, name: str, *, relative: bool, above: bool = True) -> Field:
    maps = np.asarray(maps)
    if maps.ndim != 3 or len(maps) < 2 or maps.size == 0 or maps.dtype.kind not in "bfiu":
        raise InputError(
            f"{name} needs maps (N, H, W) of numbers or masks, N at least 2, got {maps.dtype} {maps.shape}."
        )
    if not np.isfinite(maps).all():
        raise InputError(f"{name} must be finite, got NaN or infinity: fill or leave those images out.")
    if not math.isfinite(c) or (maps.dtype == bool and not relative and not 0 < c < 1):
        inside = "lie between 0 and 1 for masks" if maps.dtype == bool else "be finite"
        raise InputError(f"the threshold of {name} must {inside}, got {c}.")
    if relative:
        maps = maps - maps.mean((1, 2), keepdims=True, dtype=np.float64)
    return field_of(maps.reshape(len(maps), -1), float(c), above=above)


def _doubts(fields: tuple[Field, ...]) -> str:
    """What makes the confidence approximate, or nothing."""
    n = len(fields[0].maps)
    if n < FEW:
        return f"With {n} images the confidence is approximate: the bootstrap is meant for {FEW} or more."
    for field in fields:
        if field.maps.dtype == bool and n * field.c * (1 - field.c) < RARE:
            return (
                f"With {n} images and a threshold of {number(field.c)} the confidence is approximate: it "
                "rests on fewer than 5 hits."
            )
    return ""


def _sets(
    fields: tuple[Field, ...],
    shape: tuple[int, ...],
    what: str,
    confidence: float,
    n_resamples: int,
    seed: int,
    over: Over,
    batch: int | None,
) -> ConfidenceSet:
    if not 0 < confidence < 1:
        raise InputError(f"confidence must lie between 0 and 1, got {confidence}: use 0.95 for 95 %.")
    if n_resamples < 1 or (batch is not None and batch < 1):
        raise InputError(f"n_resamples and batch must be at least 1, got {n_resamples} and {batch}.")
    if over not in ("boundary", "map"):
        raise unknown("place of the largest deviation", over, ("boundary", "map"))
    grid = (int(shape[0]), int(shape[1]))
    residuals, counts = boundary_residuals(fields, grid)
    n_boundary = counts.shape[1]
    if over == "map" or not n_boundary:
        over = "map"
        residuals, counts = map_residuals(fields)
    drawn: Drawn = "signs" if all(field.maps.dtype == bool for field in fields) else "images"
    draws = largest_deviations(
        residuals, counts, seed, n_resamples, batch, together=over == "boundary", drawn=drawn
    )
    quantile = quantile_of(draws, confidence)
    distance = np.minimum.reduce([field.distance for field in fields])
    estimated = np.logical_and.reduce([field.inside for field in fields])
    # the outer set holds the estimate, and the inner one lies in it, whatever the rounding
    certain = (distance >= quantile) & estimated
    possible = (distance >= -quantile) | estimated
    return ConfidenceSet(
        what=what,
        certain=certain.reshape(grid),
        possible=possible.reshape(grid),
        estimated=estimated.reshape(grid),
        densities=tuple(field.mean.reshape(grid) for field in fields),
        thresholds=tuple(field.c for field in fields),
        distance=distance.reshape(grid),
        quantile=quantile,
        confidence=confidence,
        over=over,
        drawn=drawn,
        n=len(fields[0].maps),
        n_resamples=n_resamples,
        n_boundary=n_boundary,
        note=_doubts(fields),
    )
