"""Smoke check of ``pairs.cu`` against plain NumPy."""

from __future__ import annotations

import numpy as np

from spatialstats.kernels import pairs_gpu


def words(masks: np.ndarray) -> np.ndarray:
    """Packed masks (N, P) by NumPy."""
    held = np.zeros((len(masks), 8 * -(-masks.shape[1] // 64)), np.uint8)
    held[:, : -(-masks.shape[1] // 8)] = np.packbits(masks, axis=1, bitorder="little")
    return held.view(np.uint64)


def check() -> None:
    rng = np.random.default_rng(3)
    # the last tile of each side has one row or column; 18 words are more than lie in a tile at once
    for n, m, n_pixels in ((2, 65, 77), (65, 2, 1), (2, 3, 1090)):
        a, b = rng.random((n, n_pixels)) < 0.6, rng.random((m, n_pixels)) < 0.5
        assert (pairs_gpu.matrix(words(a), words(b)) == a.astype(int) @ b.T.astype(int)).all()
    for n, m, n_pixels in ((5, 3, 77), (1, 2, 2090)):
        a, b = rng.random((n, n_pixels)) < 0.6, rng.random((m, n_pixels)) < 0.5
        x, y = words(a), words(b)
        packed, fit = pairs_gpu.packed_rows(a.view(np.uint8))
        assert fit
        assert (packed == x).all()
        assert (pairs_gpu.unpacked_rows(x, n_pixels) == a).all()
        assert (pairs_gpu.areas(x) == a.sum(axis=1)).all()
        rows_a, rows_b = rng.integers(0, n, 5), rng.integers(0, m, 5)
        counts, fit = pairs_gpu.overlaps(x, y, rows_a, rows_b)
        assert fit
        assert (counts == (a[rows_a] & b[rows_b]).sum(axis=1)).all()
    for i, j in ((n, 0), (0, m), (-1, 0), (0, -1)):
        assert not pairs_gpu.overlaps(x, y, np.array([0, i]), np.array([0, j]))[1]
    bad = a.view(np.uint8).copy()
    bad[0, [0, -1]] = 2  # two warps find one each
    assert not pairs_gpu.packed_rows(bad)[1]
