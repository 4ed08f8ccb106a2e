"""Smooth random fields and masks for the tests of statistics."""

from __future__ import annotations

import numpy as np
from scipy.ndimage import gaussian_filter

from spatialstats import kernels

SHAPE = (12, 14)
N_PIXELS = 12 * 14


def smooth(
    rng: np.random.Generator, n: int, sigma: float = 2.0, shape: tuple[int, int] = SHAPE
) -> np.ndarray:
    """Windows (n, H, W) of stationary Gaussian fields with variance near 1."""
    edge = int(4 * sigma)
    noise = rng.standard_normal((n, shape[0] + 2 * edge, shape[1] + 2 * edge))
    field = gaussian_filter(noise, (0, sigma, sigma))[:, edge : edge + shape[0], edge : edge + shape[1]]
    return field * (2 * np.sqrt(np.pi) * sigma)


def top(fields: np.ndarray, share: float = 0.25) -> np.ndarray:
    """Mask of the largest values of each field."""
    return fields > np.quantile(fields, 1 - share, axis=(1, 2), keepdims=True)


def packed(*stacks: np.ndarray) -> list[np.ndarray]:
    return [kernels.pack(masks) for masks in stacks]


def lifts(roi: np.ndarray, roa: np.ndarray) -> np.ndarray:
    """The lift of every RoI with every RoA, by counting."""
    a, b = roi.reshape(len(roi), -1).astype(float), roa.reshape(len(roa), -1).astype(float)
    return roi[0].size * (a @ b.T) / (a.sum(1)[:, None] * b.sum(1))


def centred(matrix: np.ndarray) -> np.ndarray:
    """Doubly centred matrix."""
    return matrix - matrix.mean(1, keepdims=True) - matrix.mean(0) + matrix.mean()


def planted(n: int = 24, shift: float = 1.0, seed: int = 0) -> np.ndarray:
    """Smooth symmetric differences with an effect in rows 3-7, columns 2-6."""
    differences = smooth(np.random.default_rng(seed), n)
    differences[:, 3:8, 2:7] += shift
    return differences
