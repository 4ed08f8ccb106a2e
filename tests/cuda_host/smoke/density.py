"""Smoke check of ``density.cu`` against plain NumPy: every format, aligned rows and not, many segments."""

from __future__ import annotations

from unittest import mock

import numpy as np

from spatialstats.kernels import density_gpu
from spatialstats.kernels.fixed_point import STEPS


def agree(steps: np.ndarray, sums: density_gpu.Sums, groups: np.ndarray, size: np.ndarray, unit: int) -> None:
    """Hold sums by group to integer steps (N, C, P) and what is compared with the levels, (N, P)."""
    assert not sums.bad
    for g in range(len(sums.positive)):
        own, sizes = steps[groups == g].astype(object), size[groups == g]
        rows = own.reshape(-1, steps.shape[2])
        assert (sums.positive[g] == np.maximum(rows, 0).sum(axis=0)).all()
        assert (sums.negative[g] == np.maximum(-rows, 0).sum(axis=0)).all()
        assert (
            sums.square_high[g].astype(object) * 2**48 + sums.square_low[g] == (rows * rows).sum(axis=0)
        ).all()
        assert (sums.square_low[g] < 2**48).all()
        ends = (rows.min(axis=0), rows.max(axis=0)) if len(rows) else (np.inf, -np.inf)
        for ours, end in zip((sums.minimum[g], sums.maximum[g]), ends, strict=True):
            assert (ours == np.float32(np.asarray(end, np.float64) / unit)).all()
        for t, level in enumerate(LEVELS):
            assert (sums.exceeded[t, g] == (sizes > int(level * unit)).sum(axis=0)).all()


LEVELS = (-0.25, 0.0, 0.5)


def check() -> None:
    # small blocks: fewer idle threads to emulate, and several blocks a row of pixels
    with mock.patch.multiple(density_gpu, BLOCK=4, FINISH=32):
        small()


def small() -> None:
    """The check itself."""
    rng = np.random.default_rng(2)
    # the first is longer than a segment, the third is empty; their samples lie mixed
    groups = rng.permutation(np.array([0] * 128 + [1] * 3 + [3]))
    for channels, pixels in ((2, 32), (1, 21)):
        shape = (len(groups), channels, pixels)
        clean, other = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
        clean[:2], other[:2] = np.array([0, 255]).reshape(2, 1, 1), np.array([255, 0]).reshape(2, 1, 1)
        clean[-1], other[-1] = 0, 255
        clean[:, :, 1], other[:, :, 1] = 0, 255  # sums beyond 32 bits
        for dtype in (np.uint8, np.float16, np.float32):
            x, y = (a if dtype == np.uint8 else (a / 255).astype(dtype) for a in (clean, other))
            unit = 255 if dtype == np.uint8 else STEPS
            if dtype == np.uint8:
                steps = y.astype(int) - x
            else:
                steps = np.rint((y.astype(np.float32) - x.astype(np.float32)) * np.float64(STEPS)).astype(int)
            levels = np.array([int(level * unit) for level in LEVELS])
            sums = density_gpu.sum_pairs(x, y, groups, 4, levels, unit)
            agree(steps, sums, groups, np.abs(steps).max(axis=1), unit)
            if dtype != np.uint8 and channels == 1:
                for value in (np.nan, -0.5):
                    bad = y.copy()
                    bad[:, -1, -1] = value
                    assert density_gpu.sum_pairs(x, bad, groups, 4, levels, unit).bad
                    assert density_gpu.sum_pairs(bad, x, groups, 4, levels, unit).bad
        maps = ((clean[:, 0] - np.float32(128)) / np.float32(128)).astype(np.float32)
        steps = np.rint(maps * np.float64(STEPS)).astype(int)
        sums = density_gpu.sum_maps(maps, groups, 4, np.array([int(v * STEPS) for v in LEVELS]), STEPS)
        agree(steps[:, None], sums, groups, steps, STEPS)
        maps[:, -1] = -1.5
        assert density_gpu.sum_maps(maps, groups, 4, np.zeros(0), STEPS).bad
        masks = (clean[:, 0] < 128).astype(np.uint8)
        masks[:, 0] = 1
        ones, bad = density_gpu.count_masks(masks, groups, 4)
        assert not bad
        assert (ones == [masks[groups == g].sum(axis=0) for g in range(4)]).all()
        masks[:, -1] = 2
        assert density_gpu.count_masks(masks, groups, 4)[1]
    # several blocks of a row, the last of them almost empty; more samples than a byte counts
    wide = rng.integers(0, 2, (2, 144), dtype=np.uint8)
    assert (density_gpu.count_masks(wide, np.zeros(2, int), 1)[0] == wide.sum(axis=0)).all()
    plan = density_gpu._plan
    try:
        density_gpu._plan = lambda groups, n, tiles, channels: density_gpu.segments(groups, n, 600)
        many = np.ones((520, 3), np.uint8)
        assert (density_gpu.count_masks(many, np.zeros(520, int), 1)[0] == 520).all()
    finally:
        density_gpu._plan = plan
