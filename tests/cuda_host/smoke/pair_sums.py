"""Smoke check of ``pair_sums.cu`` against plain NumPy."""

from __future__ import annotations

import numpy as np

from spatialstats.kernels import pair_sums_gpu


def check() -> None:
    rng = np.random.default_rng(4)
    for n, n_pixels, n_groups in ((140, 70, 3), (9, 130, 2)):
        masks = rng.random((n, n_pixels)) < 0.5
        held = np.zeros((n, 8 * -(-n_pixels // 64)), np.uint8)
        held[:, : -(-n_pixels // 8)] = np.packbits(masks, axis=1, bitorder="little")
        packed = held.view(np.uint64)
        limbs = rng.integers(-(1 << 45), 1 << 45, (2, n))
        # the middle group goes on in the second segment, and another one follows it there
        groups = rng.permutation(
            np.repeat(np.arange(3), (60, 75, 5)) if n == 140 else np.arange(n) % n_groups
        )
        sums = pair_sums_gpu.weighted(packed, limbs, groups, n_groups)
        wanted = np.zeros((n_groups, 2, 64 * packed.shape[1]), np.int64)
        for g in range(n_groups):
            wanted[g, :, :n_pixels] = limbs[:, groups == g] @ masks[groups == g].astype(np.int64)
        assert (sums == wanted).all()
        few = slice(0, 9)  # a warp each: more would only cost time
        collected = (wanted[groups[few], :, :n_pixels] * masks[few, None]).sum(axis=2)
        assert (pair_sums_gpu.collected(packed[few], sums, groups[few]) == collected).all()
