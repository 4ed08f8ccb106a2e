"""The kernels of clusters.cu on tiny inputs against short NumPy oracles, in shared and global memory."""

from __future__ import annotations

from unittest import mock

import numpy as np
from kernel_oracles import cluster_steps, enhanced

from spatialstats.kernels import clusters_gpu, device, tfce_gpu
from spatialstats.kernels.clusters import cluster_maxima, clusters
from spatialstats.kernels.tfce import Enhancement, tfce, tfce_maxima

GRID = (10, 13)  # two warps


def check() -> None:
    """Run every kernel once or more, and compare."""
    rng = np.random.default_rng(20261124)
    t = rng.normal(size=(3, *GRID)) + 0.4
    t[2, :, 6:] -= 3
    t[0, 0, 0] = 0.1 + 2 * ((0.1 + 0.5) - 0.1)  # a height of `_check_scores`, which counts what lies above
    _check_forest(t)
    _check_maxima(t)
    _check_scores(t)
    for p in (20, 52, 84, 116):  # the upper half of every warp takes part in the block's maximum
        lone = np.zeros((1, *GRID))
        lone.ravel()[p] = 9
        assert cluster_maxima(lone, 0.3).extent[0] == 1
    # two blocks for three maps, each with its forest in global memory
    with (
        mock.patch.object(device, "shared_memory", return_value=1024),
        mock.patch.object(clusters_gpu, "BLOCKS", 2),
        mock.patch.object(tfce_gpu, "BLOCKS", 2),
    ):
        _check_maxima(t)
        _check_scores(t)


def _check_forest(t: np.ndarray) -> None:
    for connectivity in (1, 2):
        found = clusters(t, 0.3, connectivity=connectivity)
        at = 0
        for k, one in enumerate(t):
            labels = np.zeros(one.size, np.int32)
            for number, (_, sign, steps, pixels) in enumerate(cluster_steps(one, 0.3, connectivity), 1):
                labels[pixels] = number
                assert (found.sample[at], found.label[at], found.sign[at]) == (k, number, sign)
                assert (found.extent[at], found.mass[at]) == (len(pixels), steps / 2.0**32)
                at += 1
            assert (found.labels[k].ravel() == labels).all()
        assert len(found) == at


def _check_maxima(t: np.ndarray) -> None:
    threshold = 0.6  # in steps beyond 32 bits with a sign
    for alternative, signs in (("two-sided", (1, -1)), ("less", (-1,)), ("greater", (1,))):
        got = cluster_maxima(t, threshold, connectivity=2, alternative=alternative)
        level = round(threshold * 2**32)
        for k, one in enumerate(t):
            kept = [(m, len(p)) for _, sign, m, p in cluster_steps(one, threshold, 2) if sign in signs]
            assert got.extent[k] == max(n for _, n in kept)
            assert got.mass[k] == max(m for m, _ in kept) / 2.0**32
            assert got.excess[k] == max(m - n * level for m, n in kept) / 2.0**32
            assert got.t[k] == max((sign * one).max() for sign in signs)


def _check_scores(t: np.ndarray) -> None:
    for connectivity in (1, 2):
        heights = 0.1 + np.arange(20) * ((0.1 + 0.5) - 0.1)
        weights = heights**2 * np.abs(np.diff(heights, prepend=0.0))
        how = Enhancement(start=0.1, step=0.5, connectivity=connectivity)
        expected = np.array([enhanced(one, heights, weights, connectivity) for one in t])
        assert (tfce(t, how) == expected).all()
        assert (tfce_maxima(t, how) == np.abs(expected).max(axis=(1, 2))).all()
    how = Enhancement(n_steps=4, alternative="less")
    for one, scores in zip(t, tfce(t, how), strict=True):
        steps = np.arange(1, 5) * (np.abs(one).max() / 4)
        expected = enhanced(np.minimum(one, 0), steps, steps**2, 1, closed=True)
        np.testing.assert_allclose(scores, expected, rtol=1e-13)
    assert not tfce(np.zeros((1, 2, 2)), how).any()
