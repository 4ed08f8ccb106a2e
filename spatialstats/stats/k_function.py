"""Cross-K function of two masks: how many pixels of one lie within a distance of those of the other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import fft

from spatialstats.errors import InputError, unknown

Edge = Literal["translation", "torus", "none"]
EDGES = ("translation", "torus", "none")
BLOCK_BYTES = 1 << 26


def cross_k(
    a: np.ndarray, b: np.ndarray, radii: Sequence[float], *, edge: Edge = "translation"
) -> np.ndarray:
    """Cross-K of two masks, over what independent masks of these areas have.

    With C(h) the number of pixels x where x is in `a` and x + h in `b`,
    ``K(r) = HW / (|a| |b|) * sum over |h| <= r of w(h) C(h)``, divided by the number of lattice
    steps h within r.  At r = 0 this is the overlap lift.

    Parameters
    ----------
    a, b : numpy.ndarray
        bool (N, H, W).
    radii : sequence of float
        Distances in pixels, each at most half of the shorter side.
    edge : {"translation", "torus", "none"}
        ``w(h) = HW / ((H - |dy|) (W - |dx|))``; or 1 with steps that wrap around; or 1 alone,
        which falls with the radius.

    Returns
    -------
    numpy.ndarray
        float64 (N, R): 1 is no association, NaN where a mask is empty.  Counts are exact.

    References
    ----------
    B. D. Ripley, *The second-order analysis of stationary point processes*, Journal of Applied
    Probability 13, 1976; J. Ohser, D. Stoyan, *On the second-order and orientation analysis of
    planar stationary point processes*, Biometrical Journal 23, 1981, for the translation weights.
    """
    if edge not in EDGES:
        raise unknown("edge correction", edge, EDGES)
    a, b = np.asarray(a, bool), np.asarray(b, bool)
    if a.ndim != 3 or a.shape != b.shape:
        raise InputError(f"cross-K needs two stacks of masks (N, H, W), got {a.shape} and {b.shape}.")
    n, height, width = a.shape
    if not len(radii) or min(radii) < 0 or max(radii) > min(height, width) / 2:
        raise InputError(
            f"radii must lie between 0 and {min(height, width) / 2}, half of the shorter side, got {radii}."
        )
    reach = int(max(radii))
    size = (height, width) if edge == "torus" else (height + reach, width + reach)
    steps = np.arange(-reach, reach + 1)
    down, right = np.meshgrid(steps, steps, indexing="ij")
    weight = np.ones(down.shape)
    if edge == "translation":
        weight = height * width / ((height - np.abs(down)) * (width - np.abs(right)))
    within = np.hypot(down, right) <= np.asarray(radii, np.float64)[:, None, None]
    per_step = (within * weight).reshape(len(radii), -1) / within.sum((1, 2))[:, None]
    areas = a.sum((1, 2)) * b.sum((1, 2), dtype=np.float64)
    found = np.empty((n, len(radii)))
    block = max(1, BLOCK_BYTES // (16 * size[0] * size[1]))
    for start in range(0, n, block):
        rows = slice(start, start + block)
        counts = np.rint(_correlation(a[rows], b[rows], size))
        near = counts[:, down % size[0], right % size[1]].reshape(len(counts), -1)
        found[rows] = near @ per_step.T
    scale = height * width / np.where(areas > 0, areas, np.nan)
    return np.asarray(found * scale[:, None])


def _correlation(a: np.ndarray, b: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Number of x with x in `a` and x + h in `b`, for every step h on a torus of this size."""
    first = fft.rfft2(a.astype(np.float64), size, workers=2)
    second = fft.rfft2(b.astype(np.float64), size, workers=2)
    return np.asarray(fft.irfft2(first.conj() * second, size, workers=2))
