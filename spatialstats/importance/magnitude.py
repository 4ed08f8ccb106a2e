"""From a signed attribution map to the magnitude that a region of importance is taken from."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError, unknown

__all__ = ["RULES", "magnitude"]

RULES = ("absolute", "positive")


def magnitude(maps: Any, rule: str = "positive", smoothing: int = 1) -> npt.NDArray[np.float32]:
    """How important each pixel is: never negative.

    The defaults, positive evidence averaged once, are what ``python analysis/choose_importance.py``
    found best by deletion and insertion on training images.

    Parameters
    ----------
    maps : array or tensor, (N, H, W)
        Attribution maps; those without negative values are only smoothed.
    rule : {'positive', 'absolute'}
        Keep evidence for the class only, or evidence for and against it.
    smoothing : int
        How many times to average with the neighbours, weights (1, 2, 1) / 4 along
        rows and columns; edges are repeated.

    Returns
    -------
    ndarray of float32, (N, H, W)
        Non-negative.

    Raises
    ------
    InputError
        If `rule` is unknown or `smoothing` negative.
    """
    if rule not in RULES:
        raise unknown("magnitude rule", rule, RULES)
    if smoothing < 0:
        raise InputError(f"smoothing must be 0 or more, got {smoothing}: give a number of passes")
    values = np.asarray(maps.detach().cpu() if hasattr(maps, "detach") else maps).astype(np.float32)
    out: npt.NDArray[np.float32] = np.abs(values) if rule == "absolute" else np.maximum(values, np.float32(0))
    for _ in range(smoothing):
        for axis in (1, 2):
            out = _average(out, axis)
    return out


def _average(maps: npt.NDArray[np.float32], axis: int) -> npt.NDArray[np.float32]:
    """One pass of (1, 2, 1) / 4 along an axis."""
    widths = [(1, 1) if k == axis else (0, 0) for k in range(3)]
    padded = np.pad(maps, widths, mode="edge")
    n = maps.shape[axis]
    before, here, after = (np.take(padded, range(k, k + n), axis=axis) for k in range(3))
    out: npt.NDArray[np.float32] = np.float32(0.25) * (before + np.float32(2) * here + after)
    return out
