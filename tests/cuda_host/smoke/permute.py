"""Smoke check of ``permute.cu`` against Python integers."""

from __future__ import annotations

from unittest import mock

import kernel_oracles as oracles
import numpy as np
import oracle_autocorrelation as sums

from spatialstats.kernels import device, permute_gpu


def check() -> None:
    rng = np.random.default_rng(5)
    seed, first = 2**63 + 9, 2**40 + 7
    for shared_memory in (227 << 10, 1 << 10):
        with (
            mock.patch.object(device, "shared_memory", return_value=shared_memory),
            mock.patch.object(permute_gpu, "GRID", 2),
        ):
            for n in (1, 2, 1200):  # of 896 words to a tile
                orders = permute_gpu.permutations(n, seed, first, 3)
                assert orders.tolist() == [oracles.shuffle(n, seed, first + k) for k in range(3)]
            a, b = rng.integers(0, 2**64, (2, 259, 2), np.uint64)
            weights = rng.random((2, 259))
            draws = permute_gpu.swaps(a, b, *weights, seed, 3)
            for k, draw in enumerate(draws.tolist()):
                order = oracles.shuffle(259, seed, k)
                shared = np.bitwise_count(a & b[order]).sum(axis=1).astype(float)
                assert draw == sums.lanes(weights[0] * weights[1][order] * shared, 256) / 259
    low = 0xFFFFFFFF
    signs = permute_gpu.sign_flips(301, seed, first, 90)
    for k in (0, 89):
        counters = [(block, 1, (first + k) & low, (first + k) >> 32) for block in range(3)]
        words = [w for c in counters for w in oracles.philox(c, (seed & low, seed >> 32))]
        assert signs[k].tolist() == [1 - 2 * (words[i // 32] >> i % 32 & 1) for i in range(301)]
    offsets = permute_gpu.shifts(
        7, 3 << 29, seed, first, 257
    )  # a quarter of the columns' words is passed over
    for k in range(257):
        counters = [(block, 2, (first + k) & low, (first + k) >> 32) for block in range(6)]
        words = [w for c in counters for w in oracles.philox(c, (seed & low, seed >> 32))]
        for axis, size in enumerate((7, 3 << 29)):
            while (words[0] * size) & low < (1 << 32) % size:
                words.pop(0)
            assert offsets[k, axis] == words.pop(0) * size >> 32
