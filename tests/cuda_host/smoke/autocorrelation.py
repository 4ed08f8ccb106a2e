"""Smoke check of ``autocorrelation.cu`` against a matrix of weights."""

from __future__ import annotations

from unittest import mock

import kernel_oracles as oracles
import numpy as np
import oracle_autocorrelation as oracle

from spatialstats.kernels import autocorrelation_gpu, device, permute_gpu
from spatialstats.kernels.lattice import Lattice


def check() -> None:
    rng = np.random.default_rng(7)
    mask = rng.random((5, 7)) < 0.8
    for shared_memory, lattice in (
        (227 << 10, Lattice((5, 7), ((-1, 0), (0, -2), (0, 2), (1, 0)), mask=mask, torus=True)),
        (1 << 10, Lattice.distance_band((3, 258), 2, row_standardised=False)),
    ):
        values = rng.integers(-9, 10, (2, lattice.n)).astype(float)
        image = np.zeros((2, lattice.shape[0] * lattice.shape[1]))
        image[:, lattice.sites] = values[::-1]
        image = image.reshape(2, *lattice.shape)
        w = oracle.weights(lattice)
        with (
            mock.patch.object(device, "shared_memory", return_value=shared_memory),
            mock.patch.object(permute_gpu, "GRID", 2),
        ):
            orders = [oracles.shuffle(lattice.n, 4, 9 + k) for k in range(3)]
            squares = lattice.usual_margin * (values**2).sum(axis=1)
            sums = autocorrelation_gpu.observed(values, None, lattice)
            for v, (cross, excess), square in zip(values, sums, squares, strict=True):
                assert np.isclose(cross, v @ w @ v, rtol=1e-12, atol=1e-10)
                assert np.isclose(square + excess - 2 * cross, (w * (v[:, None] - v) ** 2).sum(), rtol=1e-12)
            products = autocorrelation_gpu.observed(values, image, lattice)
            assert (products[:, 0] == (values * values[::-1]).sum(axis=1)).all()
            null = np.array(
                [[(v[p] @ w @ v[p], (w * (v[p][:, None] - v[p]) ** 2).sum()) for p in orders] for v in values]
            )
            middle = np.median(null, axis=1)  # one draw each is on it
            bounds = np.stack([*np.repeat(middle.T, 2, axis=0), squares], axis=1)
            bounds[:, [0, 2]] -= 1e-6
            bounds[:, [1, 3]] += 1e-6
            kept = np.zeros((2, 3, 2))
            counts = autocorrelation_gpu.null(values, None, lattice, 4, 9, bounds, kept)
            assert np.allclose(kept, null, rtol=1e-12, atol=1e-10)
            assert (counts == 2).all()
            dots = np.array(
                [[(v[p] * v2).sum() for p in orders] for v, v2 in zip(values, values[::-1], strict=True)]
            )
            bounds = np.repeat(
                np.sort(dots, axis=1)[:, :1], 2, axis=1
            )  # the least: all reach it, one stays under
            kept = np.zeros((2, 3, 1))
            counts = autocorrelation_gpu.null(values, image, lattice, 4, 9, bounds, kept)
            assert (kept[:, :, 0] == dots).all()
            assert (counts == [3, 1]).all()
