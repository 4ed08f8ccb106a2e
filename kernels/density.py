"""Per-pixel moments of many maps in one pass: where things happen, how often and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from . import device
from .checks import Array, group_index, on_device, refuse_values
from .dress import dressed, dressed_masks, levels_in_steps
from .fixed_point import STEPS
from .moments import PixelMoments


def density(maps: Array, groups: Array, n_groups: int, *, thresholds: Sequence[float] = ()) -> PixelMoments:
    """Sum maps per group and pixel, exactly.

    Values are rounded half-even to steps of 2^-24; all else is integer arithmetic.  The result has
    the same bits for any order of the samples, any batching followed by `PixelMoments.merge`, any
    number of threads, and on any device.

    Parameters
    ----------
    maps : (N, H, W) float32 in [-1, 1], or bool or uint8 masks of 0 and 1
        Read-only and non-contiguous arrays are taken (the latter are copied).
    groups : int (N,)
        Group of each sample, in [0, n_groups).
    n_groups : int
    thresholds : sequence of float
        Levels whose exceedance (value > level) is counted.  They are rounded to float32 and to steps
        as the values are, so that a value equal to a level never exceeds it.

    Returns
    -------
    PixelMoments
        With shape (H, W) a group and 2^24 steps in 1.0.

    Raises
    ------
    TypeError
        If the arrays are neither NumPy's nor CuPy's, not all of one library, or of another dtype.
    ValueError
        If a value is NaN or outside [-1, 1] (masks: not 0 or 1), or a group is out of range.
    """
    there = on_device(maps=maps, groups=groups)
    if maps.ndim != 3:
        raise ValueError(f"maps must be (N, H, W), got shape {maps.shape}.")
    index = group_index(groups, n_groups, len(maps))
    levels = _levels(thresholds)
    side = _side(there)
    xp = device.namespace() if there else np
    rows = maps.reshape(len(maps), maps.shape[1] * maps.shape[2])
    count = xp.bincount(index, minlength=n_groups).astype(np.int64)
    if maps.dtype == np.float32:
        sums = side.sum_maps(rows, index, n_groups, levels_in_steps(levels, STEPS), STEPS)
        if sums.bad:
            raise refuse_values("maps", "[-1, 1]", maps, "divide each map by its largest absolute value")
        return dressed(sums, count, maps.shape[1:], levels, STEPS, 1)
    if maps.dtype == np.bool_ or maps.dtype == np.uint8:
        ones, bad = side.count_masks(rows.view(np.uint8), index, n_groups)
        if bad:
            raise refuse_values("masks", "{0, 1}", maps, "compare with a threshold first")
        return dressed_masks(ones, count, maps.shape[1:], levels, xp)
    raise TypeError(f"maps must be float32, or bool or uint8 masks, got {maps.dtype}: cast them first.")


def density_pairs(
    clean: Array,
    adversarial: Array,
    groups: Array,
    n_groups: int,
    *,
    thresholds: Sequence[float] = (),
    channels: Literal["pool", "keep"] = "pool",
) -> PixelMoments:
    """Sum the perturbations ``adversarial - clean`` per group and pixel, exactly.

    uint8 differences are summed as they are, in steps of 1/255.  Float differences are formed in
    float32 and rounded half-even to steps of 2^-24.  Determinism is as in `density`.

    Parameters
    ----------
    clean, adversarial : (N, C, H, W) uint8, or float16 or float32 in [0, 1]
        Both of one dtype.
    groups : int (N,)
        Group of each sample, in [0, n_groups).
    n_groups : int
    thresholds : sequence of float
        Levels in [0, 1] pixel units whose exceedance (abs(delta) > level) is counted.
    channels : {"pool", "keep"}
        "pool": maps are (H, W), each channel is one observation of its pixel, so the mean is that of
        delta over samples and channels, the variance is about that mean, and a sample exceeds where
        the largest abs(delta) over its channels does.  "keep": maps are (C, H, W).

    Returns
    -------
    PixelMoments
        With 255 steps in 1.0 for uint8, 2^24 for floats, and C observations a sample if pooled.

    Raises
    ------
    TypeError
        If the arrays are neither NumPy's nor CuPy's, not all of one library, or of another dtype.
    ValueError
        If shapes differ, a value is NaN or outside [0, 1], or a group is out of range.
    """
    there = on_device(clean=clean, adversarial=adversarial, groups=groups)
    if channels not in ("pool", "keep"):
        raise ValueError(f"channels must be 'pool' or 'keep', got {channels!r}.")
    if clean.ndim != 4 or clean.shape != adversarial.shape:
        raise ValueError(
            f"clean and adversarial must both be (N, C, H, W), got {clean.shape} and {adversarial.shape}."
        )
    if clean.dtype != adversarial.dtype or clean.dtype not in (np.uint8, np.float16, np.float32):
        raise TypeError(
            "clean and adversarial must both be uint8, float16 or float32, "
            f"got {clean.dtype} and {adversarial.dtype}: cast them to one dtype first."
        )
    if clean.shape[1] == 0:
        raise ValueError(f"images must have at least one channel, got shape {clean.shape}.")
    index = group_index(groups, n_groups, len(clean))
    levels = _levels(thresholds)
    side = _side(there)
    n, n_channels, height, width = clean.shape
    shape = (height, width) if channels == "pool" else (n_channels, height, width)
    flat = (n, n_channels, height * width) if channels == "pool" else (n, 1, n_channels * height * width)
    steps = 255 if clean.dtype == np.uint8 else STEPS
    x, y = clean.reshape(flat), adversarial.reshape(flat)
    sums = side.sum_pairs(x, y, index, n_groups, levels_in_steps(levels, steps), steps)
    if sums.bad:  # or there was a -0.0, which is fine
        for images in (x, y):
            if not bool(((images >= 0) & (images <= 1)).all()):
                raise refuse_values("images", "[0, 1]", images, "pass unnormalised images")
    count = (device.namespace() if there else np).bincount(index, minlength=n_groups).astype(np.int64)
    return dressed(sums, count, shape, levels, steps, flat[1])


def _side(there: bool) -> Any:
    """The module that does the work."""
    if there:
        from . import density_gpu

        return density_gpu
    from . import density_cpu

    return density_cpu


def _levels(thresholds: Sequence[float]) -> list[float]:
    levels = [float(level) for level in thresholds]
    for level in levels:
        if not -1 <= level <= 1:
            raise ValueError(f"thresholds must lie in [-1, 1], got {level}.")
    return levels
