"""Controls of co-location: edges as importance, and the swap excess where nothing is looked at."""

from __future__ import annotations

import math

import numpy as np
from scipy import ndimage

from spatialstats.errors import InputError
from spatialstats.stats.bootstrap import BOOTSTRAP, bootstrap_columns
from spatialstats.stats.controls_result import (
    EDGES,
    NOISE,
    REAL,
    TITLES,
    UNTRAINED,
    ControlRow,
    Controls,
)
from spatialstats.stats.interval import Interval
from spatialstats.stats.lift import Lift

STEP, SMOOTH = np.array([-1.0, 0, 1]), np.array([0.25, 0.5, 0.25])


def edge_map(images: np.ndarray) -> np.ndarray:
    """Gradient magnitude of each image, by Sobel's filter: an "importance" map without a model.

    Thresholded as importance is, it gives the RoI of a control.  Its overlap with an attack is
    shown as an effect size beside the real one: it need not vanish, as attacks meet edges.

    Parameters
    ----------
    images : numpy.ndarray
        float or uint8 (N, C, H, W); channels are averaged first.

    Returns
    -------
    numpy.ndarray
        float32 (N, H, W), non-negative, as scikit-image's `sobel` of the mean channel.

    References
    ----------
    J. Adebayo et al., *Sanity checks for saliency maps*, NeurIPS 2018: edge detectors as a
    baseline.
    """
    images = np.asarray(images)
    if images.ndim != 4 or images.dtype.kind not in "fu":
        raise InputError(f"images must be float or uint8 (N, C, H, W), got {images.dtype} {images.shape}.")
    grey = images.mean(1, dtype=np.float64)
    # ndimage.sobel would smooth across the images too.
    down = ndimage.correlate1d(ndimage.correlate1d(grey, STEP, 1), SMOOTH, 2)
    right = ndimage.correlate1d(ndimage.correlate1d(grey, STEP, 2), SMOOTH, 1)
    return np.asarray(np.hypot(down, right) / np.sqrt(2), np.float32)


def control_effects(
    roi: np.ndarray,
    roa: np.ndarray,
    n_pixels: int,
    *,
    edges: np.ndarray | None = None,
    untrained: np.ndarray | None = None,
    noise: np.ndarray | None = None,
    seed: int = 0,
    confidence: float = 0.95,
) -> Controls:
    """The swap excess of the overlap lift beside that of controls in which nothing is looked at.

    Parameters
    ----------
    roi, roa : numpy.ndarray
        uint64 (N, ceil(HW / 64)) from `kernels.pack`: this model's RoI, the attack's RoA.
    n_pixels : int
        HW.
    edges : numpy.ndarray, optional
        RoI taken from `edge_map` by the rule of `roi`.
    untrained : numpy.ndarray, optional
        RoI of a model of the same architecture with random weights
        (`spatialstats.models.random_weights`), by the same method and rule.
    noise : numpy.ndarray, optional
        RoA of noise of the attack's budget, clipped to the image's range, by the rule of `roa`.
    seed : int
        Of the bootstrap, which draws images for all rows at once.
    confidence : float
        Of every interval.

    Returns
    -------
    Controls
        Images with an empty mask anywhere are left out of all rows.

    References
    ----------
    J. Adebayo et al., *Sanity checks for saliency maps*, NeurIPS 2018: edge detectors and
    randomised weights as baselines.
    """
    lifts = {REAL: Lift((roi,), roa, n_pixels)}
    for key, masks in ((EDGES, edges), (UNTRAINED, untrained)):
        if masks is not None:
            lifts[key] = Lift((masks,), roa, n_pixels)
    if noise is not None:
        lifts[NOISE] = Lift((roi,), noise, n_pixels)
    there = np.flatnonzero(np.all([lift.exists for lift in lifts.values()], axis=0))
    n, keys = len(there), tuple(lifts)
    observed, columns = [], np.full((n, len(keys)), math.nan)
    if n > 1:
        for at, lift in enumerate(lifts.values()):
            sums = lift.at(there).sums(squares=False)
            observed.append(sums.observed)
            columns[:, at] = sums.own_minus_others
        found = bootstrap_columns(
            np.concatenate([columns, columns[:, :1] - columns], 1), seed, confidence=confidence
        )
    else:
        observed = [math.nan] * len(keys)
        found = (Interval(math.nan, math.nan, math.nan, n, BOOTSTRAP),) * (2 * len(keys))
    rows = tuple(
        ControlRow(
            key=key,
            title=TITLES[key],
            observed=lift,
            swapped=lift - effect.value,
            effect=effect.value,
            low=effect.low,
            high=effect.high,
            real_less=less.value,
            real_less_low=less.low,
            real_less_high=less.high,
            n=n,
        )
        for key, lift, effect, less in zip(
            keys, observed, found[: len(keys)], found[len(keys) :], strict=True
        )
    )
    return Controls(rows, n, len(roi) - n, confidence)
