"""The kernels of t_maps.cu on tiny inputs against NumPy."""

from __future__ import annotations

import numpy as np

from spatialstats.kernels.t_maps import prepare, t_maps

N, GRID = 7, (3, 89)  # two blocks of pixels, the second one short


def check() -> None:
    """Run every kernel once or more, and compare."""
    rng = np.random.default_rng(20261124)
    for kind in (np.float32, np.float64):
        maps = (rng.normal(size=(N, *GRID)) * 10.0 ** rng.integers(-30, 30, GRID)).astype(kind)
        maps[:, 1, 5] = 0
        maps[:, 1, 6] = kind(0.3)
        maps[0, 1, 7] = 1e-42  # subnormal in float32
        maps[1:, 1, 7] = 0
        signs = rng.choice(np.array([-1, 1], np.int8), (3, N))
        signs[0] = 1
        _check_quantised(maps)
        with np.errstate(all="ignore"):
            flipped = signs[:, :, None, None] * maps.astype(np.float64)
            expected = flipped.mean(axis=1) / (flipped.std(axis=1, ddof=1) / np.sqrt(N))
        got = t_maps(maps, signs)
        expected[:, 1, 5] = 0
        sane = np.ones(GRID, bool)
        sane[1, 6] = False
        np.testing.assert_allclose(got[:, sane], expected[:, sane], rtol=1e-9, atol=1e-9)
        assert np.abs(got[0, 1, 6]) > 1e6
        _check_pairs(maps[:, :, :12], rng)
        maps[3, 2, 88] = np.nan
        try:
            t_maps(maps, signs)
        except ValueError:
            continue
        raise AssertionError("a NaN went through")


def _check_quantised(maps: np.ndarray) -> None:
    """Integers below 2^bits whose totals and squares are theirs."""
    q, totals, squares = prepare(maps).held
    flat = maps.reshape(N, -1).astype(np.float64)
    exponent = np.frexp(np.abs(flat).max(axis=0))[1]
    expected = np.rint(np.ldexp(flat, np.minimum(50 - exponent, 1000)))
    assert (q == expected).all()
    assert (totals == expected.sum(axis=0)).all()
    np.testing.assert_allclose(squares, (expected**2).sum(axis=0), rtol=1e-15)


def _check_pairs(maps: np.ndarray, rng: np.random.Generator) -> None:
    """Two samples, pooled variance."""
    maps = maps[:, [0, 2]].astype(np.float64)
    maps = maps / np.abs(maps).max(axis=0) + 1
    # what is rounded are the maps less their pixel's mean, added up in the order of the maps
    middle = np.add.accumulate(maps, axis=0)[-1] / N
    exponent = np.frexp(np.abs(maps - middle).max(axis=0))[1]
    expected = np.rint(np.ldexp(maps - middle, 50 - exponent))
    assert (prepare(maps, "two-sample").held[0] == expected.reshape(N, -1)).all()
    signs = np.array([rng.permutation([1, 1, 1, -1, -1, -1, -1]) for _ in range(2)], np.int8)
    got = t_maps(maps, signs, design="two-sample")
    for row, t in zip(signs, got, strict=True):
        a, b = maps[row > 0], maps[row < 0]
        pooled = ((a - a.mean(axis=0)) ** 2).sum(axis=0) + ((b - b.mean(axis=0)) ** 2).sum(axis=0)
        expected = (a.mean(axis=0) - b.mean(axis=0)) / np.sqrt(pooled / 5 * (1 / 3 + 1 / 4))
        np.testing.assert_allclose(t, expected, rtol=1e-8, atol=1e-8)
