"""Smoke check of ``lattice_dbscan.cu``: both homes of the forest, all dtypes, against the oracle."""

from __future__ import annotations

import numpy as np
from emulation import emulated
from oracle_lattice_dbscan import clusters

from spatialstats.kernels.lattice_dbscan import stencil
from spatialstats.kernels.lattice_dbscan_gpu import clusters as launched


def agree(weights: np.ndarray, eps: float, least: float) -> None:
    """Hold the launcher to the oracle."""
    labels, fit = launched(weights, stencil(eps), least)
    assert fit
    for ours, image in zip(labels, weights, strict=True):
        assert (ours == clusters(image, eps, least)).all()


def check() -> None:
    rng = np.random.default_rng(5)
    weights = (rng.random((2, 9, 13)) < 0.7) * rng.integers(1, 9, (2, 9, 13)) / 4
    ring = np.zeros((1, 8, 17))
    ring[0, [0, -1]] = ring[0, :, [0, -1]] = 1  # one cluster that is found out late
    # single pixels: more clusters than a warp has lanes, in a block of several warps, up to the last row
    comb = np.zeros((1, 25, 32), np.uint8)
    comb[0, ::2, ::2] = 2
    sides = np.zeros((1, 5, 9), np.uint8)
    sides[0, :, [0, -1]] = 1  # two clusters that touch where rows wrap
    # in each of these clusters two threads want to move one root at once
    hooks = np.tile(np.array([[0, 0, 1, 0], [1, 1, 1, 0], [0, 0, 0, 0]], np.uint8), (1, 4, 8))
    for shared in (227 << 10, 1024):
        with emulated(shared_memory=shared):
            agree(weights, 1.5, 3.0)
            agree(weights, 3.0, 20.0)  # some pixels are cores, and more would be in a square
            agree(ring.astype(np.float32), 1.0, 2.0)
            agree(comb, 1.0, 2.0)
            agree(sides, 1.5, 2.0)
            agree(hooks, 1.0, 1.0)
            for value in (-1.0, np.nan, np.inf):
                bad = np.ones((2, 3, 12), np.float32)
                bad[-1, -1, -2:] = value  # seen by two threads
                assert not launched(bad, stencil(1.0), 1.0)[1]
