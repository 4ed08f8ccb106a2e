"""Smoke check of ``label.cu``: forest and tables in either memory, all kinds of weights, against NumPy."""

from __future__ import annotations

import numpy as np
from emulation import emulated
from oracle_label import numbered, properties

from spatialstats.kernels import label_gpu
from spatialstats.kernels.label_regions import REAL, WHOLE

HOMES = (227 << 10, 1200)
"""Shared memory of a block: enough for everything; a forest of 44 pixels, 18 regions (10 with weights)."""


def agree(masks: np.ndarray, weights: np.ndarray | None, connectivity: int) -> None:
    """Hold the launchers to the oracle: labels and integers exactly, floats to a few units of rounding."""
    found = label_gpu.components(masks, connectivity)
    assert found.valid
    expected = [numbered(mask, connectivity) for mask in masks]
    assert (found.labels == np.array(expected)).all()
    assert found.counts.tolist() == [labels.max(initial=0) for labels in expected]
    whole, real, valid = label_gpu.measured(found.labels, label_gpu.highest(found.labels), weights, None)
    assert valid
    columns = properties(found.labels, weights)
    for name, column in zip((*WHOLE, *REAL), (*whole, *real), strict=True):
        if name in WHOLE:
            assert (column == columns[name]).all(), name
        else:
            np.testing.assert_allclose(column, columns[name], rtol=1e-13, atol=1e-13, err_msg=name)


def check() -> None:
    rng = np.random.default_rng(3)
    noise = (rng.random((2, 11, 39)) < 0.55).astype(np.uint8)
    noise[0, 4] = 1  # a run longer than a warp is wide
    heavy = rng.normal(size=noise.shape) * 10.0 ** rng.integers(-2, 3, noise.shape)
    board = (np.indices((1, 8, 33)).sum(axis=0) % 2 == 0).astype(np.uint8)  # most regions; one, by corners
    spiral = np.ones((1, 9, 12), np.uint8)  # one region that is found out late
    spiral[0, 1::2, 1:] = spiral[0, 3::4, :] = 0
    spiral[0, 3::4, -1] = spiral[0, 1::4, 0] = 1
    teeth = np.arange(38).reshape(1, 1, 38).astype(np.uint8) % 2  # one region more than the small table has
    for shared in HOMES:
        with emulated(shared_memory=shared):
            agree(noise, heavy, 1)
            agree(noise, heavy.astype(np.float32), 2)
            agree(board, None, 1)
            agree(board, np.full(board.shape, 1e-40, np.float32), 2)
            agree(spiral, None, 1)
            agree(teeth, None, 1)
            assert not label_gpu.components(np.full((1, 2, 3), 2, np.uint8), 1).valid
            for value in (np.nan, -np.inf):
                bad = np.ones((1, 2, 40))
                bad[0, 1, 39] = value
                assert not label_gpu.measured(np.ones((1, 2, 40), np.int32), np.array([1]), bad, None)[2]
