"""Smoke check of ``local_autocorrelation.cu`` against Python integers."""

from __future__ import annotations

from unittest import mock

import numpy as np
import oracle_autocorrelation as oracle

from spatialstats.kernels import device
from spatialstats.kernels import local_autocorrelation_gpu as gpu


def check() -> None:
    rng = np.random.default_rng(9)
    n, count, seed, first = 131, 130, 2**40 + 3, 2**32 - 2
    values = rng.integers(-2, 3, (2, n)).astype(float)  # sums tie often
    degree = rng.choice([0, 2, 5], n).astype(np.int32)
    low = rng.integers(-2, 2, (2, n)).astype(float)
    high = low + rng.integers(0, 2, (2, n))
    null = np.array(
        [
            [values[:, oracle.sample(size, n - 1, s, 3, s, seed, first + k)].sum(axis=1) for k in range(4)]
            for s, size in enumerate(degree.tolist())
        ]
    ).T
    for shared_memory, blocks, tall in ((227 << 10, 1, 1), (1 << 10, 1, 2), (1 << 10, 4, 2)):
        with (
            mock.patch.object(device, "shared_memory", return_value=shared_memory),
            mock.patch.object(gpu, "GRID", blocks),
            mock.patch.object(gpu, "TALL", tall),
        ):
            greater, less = gpu.independent(values, degree, low, high, seed, first, 4)
        assert (greater == (null >= low[:, None]).sum(axis=1)).all()
        assert (less == (null <= high[:, None]).sum(axis=1)).all()

    sites, most = 9, 6  # a site meets itself in most draws
    degree, values, low, high = degree[:sites], values[:, :sites].copy(), low[:, :sites], high[:, :sites]
    degree[:3] = 0, 2, 5
    draws = gpu.shared_draws(sites, most, seed, first, count)
    expected = [oracle.sample(most, sites, sites, 4, 0, seed, first + k) for k in range(count)]
    assert draws.tolist() == expected
    sizes = np.array([0, 2, 5], np.int32)
    sums = gpu.prefix_sums(values, draws, sizes)
    assert (sums == np.stack([values[:, draws[:, :s]].sum(axis=2) for s in sizes], axis=1)).all()
    greater, less = gpu.ranked(values, degree, low.copy(), high.copy(), draws, sizes, np.sort(sums, axis=2))
    for site, size in enumerate(degree.tolist()):
        own = [[draw[size] if j == site else j for j in draw[:size]] for draw in expected]
        null = values[:, np.array(own, int).reshape(count, size)].sum(axis=2)
        assert (greater[:, site] == (null >= low[:, site, None]).sum(axis=1)).all()
        assert (less[:, site] == (null <= high[:, site, None]).sum(axis=1)).all()
