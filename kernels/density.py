"""Per-pixel moments of many maps in one pass: where things happen, how often and how much."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np

from .checks import Array, frozen, group_index, refuse_values, require_numpy
from .dress import dressed, dressed_masks, levels_in_steps
from .moments import STEPS, PixelMoments
from .schedule import schedule

WIDENED = 1 << 24
"""Values of float16 that are widened to float32 at a time."""


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
        If the arrays are not NumPy's, or of another dtype.
    ValueError
        If a value is NaN or outside [-1, 1] (masks: not 0 or 1), or a group is out of range.
    """
    require_numpy(maps=maps, groups=groups)
    if maps.ndim != 3:
        raise ValueError(f"maps must be (N, H, W), got shape {maps.shape}.")
    index = group_index(groups, n_groups, len(maps))
    levels = _levels(thresholds)
    # A CuPy array will be sent to density_gpu here.
    from . import density_cpu
    from .jit import n_threads

    rows = frozen(maps).reshape(len(maps), maps.shape[1] * maps.shape[2])
    plan = schedule(index, n_groups, rows.shape[1], n_threads())
    if maps.dtype == np.float32:
        sums = density_cpu.sum_maps(rows, plan.order, plan.bounds, levels_in_steps(levels, STEPS))
        if sums.bad.any():
            raise refuse_values("maps", "[-1, 1]", maps, "divide each map by its largest absolute value")
        return dressed(sums, plan, index, n_groups, maps.shape[1:], levels, STEPS, 1)
    if maps.dtype == np.bool_ or maps.dtype == np.uint8:
        ones, fit = density_cpu.count_masks(rows.view(np.uint8), plan.order, plan.bounds)
        if not fit:
            raise refuse_values("masks", "{0, 1}", maps, "compare with a threshold first")
        return dressed_masks(ones, plan, index, n_groups, maps.shape[1:], levels)
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
        If the arrays are not NumPy's, or of another dtype.
    ValueError
        If shapes differ, a value is NaN or outside [0, 1], or a group is out of range.
    """
    require_numpy(clean=clean, adversarial=adversarial, groups=groups)
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
    # A CuPy array will be sent to density_gpu here.
    from . import density_cpu
    from .jit import n_threads

    n, n_channels, height, width = clean.shape
    shape = (height, width) if channels == "pool" else (n_channels, height, width)
    flat = (n, n_channels, height * width) if channels == "pool" else (n, 1, n_channels * height * width)
    steps = 255 if clean.dtype == np.uint8 else STEPS
    above = levels_in_steps(levels, steps)
    whole = PixelMoments.empty(n_groups, shape, thresholds=levels, steps=steps, observations=flat[1])
    # float16 is widened, without rounding, in blocks of bounded size
    size = max(1, WIDENED // max(1, flat[1] * flat[2])) if clean.dtype == np.float16 else max(1, n)
    for start in range(0, n, size):
        block = slice(start, start + size)
        x, y = (
            _readable(images[block]).reshape(len(images[block]), *flat[1:]) for images in (clean, adversarial)
        )
        plan = schedule(index[block], n_groups, flat[2], n_threads())
        sums = density_cpu.sum_pairs(x, y, plan.order, plan.bounds, above)
        if sums.bad.any():  # or there was a -0.0, which is fine
            for images in (x, y):
                if not bool(((images >= 0) & (images <= 1)).all()):
                    raise refuse_values("images", "[0, 1]", images, "pass unnormalised images")
        part = dressed(sums, plan, index[block], n_groups, shape, levels, steps, flat[1])
        whole = part if size >= n else whole.merge(part)
    return whole


def _readable(images: Array) -> Array:
    return frozen(images.astype(np.float32) if images.dtype == np.float16 else images)


def _levels(thresholds: Sequence[float]) -> list[float]:
    levels = [float(level) for level in thresholds]
    for level in levels:
        if not -1 <= level <= 1:
            raise ValueError(f"thresholds must lie in [-1, 1], got {level}.")
    return levels
