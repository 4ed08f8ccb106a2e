"""Bivariate Moran's I: esda's values, exact moments under permutation, and what it is no test of."""

from __future__ import annotations

import math
from itertools import permutations
from typing import Any

import numpy as np
import pytest
from fields import smooth
from oracle_lattice import esda, matrix, pysal, quietly

from spatialstats.errors import InputError
from spatialstats.stats import bivariate_moran, bivariate_morans_i, morans_i


@pytest.mark.parametrize("lattice", ["rook", "queen", 2.3])
@pytest.mark.parametrize("missing", [False, True])
def test_values_equal_esdas_and_morans_i_of_a_map_with_itself(lattice: Any, missing: bool) -> None:
    rng = np.random.default_rng(0)
    x, y = smooth(rng, 3, 1, (9, 11)), smooth(rng, 3, 1, (9, 11))
    valid = rng.random((9, 11)) < 0.8 if missing else np.ones((9, 11), bool)
    found = bivariate_morans_i(x, y, lattice, mask=valid, n_resamples=0)
    for i in range(3):
        theirs: Any = quietly(esda.Moran_BV, x[i][valid], y[i][valid], pysal(valid, lattice), permutations=0)
        assert found.values[i] == pytest.approx(theirs.I, abs=1e-10)
    for weights in ("row", "binary"):
        own = bivariate_morans_i(x, x, lattice, weights=weights, mask=valid, n_resamples=0)  # type: ignore[arg-type]
        wanted = morans_i(x, lattice, weights=weights, mask=valid, n_resamples=0)  # type: ignore[arg-type]
        np.testing.assert_allclose(own.values, wanted.values, atol=1e-12)
    if not missing and lattice == "rook":
        np.testing.assert_allclose(found.values, bivariate_moran(x, y), atol=1e-12)


@pytest.mark.parametrize("weights", ["row", "binary"])
def test_moments_and_p_are_those_of_all_arrangements_of_y(weights: Any) -> None:
    rng = np.random.default_rng(3)
    valid = np.array([[True, True, True], [True, False, True], [True, False, False]])  # 6 sites
    x, y = rng.standard_normal((2, 3, 3))
    w = matrix(valid, "rook", row=weights == "row")
    a, b = x[valid] - x[valid].mean(), y[valid] - y[valid].mean()
    scale = len(a) / (w.sum() * math.sqrt((a @ a) * (b @ b)))
    every = np.array([scale * a @ w @ b[list(order)] for order in permutations(range(6))])
    found = bivariate_morans_i(x, y, weights=weights, mask=valid, n_resamples=4999, seed=1)
    assert found.values[0] == pytest.approx(scale * a @ w @ b, abs=1e-12)
    assert found.expected[0] == pytest.approx(every.mean(), abs=1e-12)
    assert found.variance_randomisation[0] == pytest.approx(every.var(), rel=1e-10)
    assert math.isnan(found.variance_normality[0])
    for alternative in ("greater", "less"):
        reached = (
            every >= found.values[0] - 1e-9 if alternative == "greater" else every <= found.values[0] + 1e-9
        )
        p = bivariate_morans_i(
            x, y, weights=weights, mask=valid, n_resamples=4999, seed=1, alternative=alternative
        ).p_values[0]  # fmt: skip
        assert p == pytest.approx(reached.mean(), abs=4 * math.sqrt(0.25 / 5000))


def test_p_does_not_depend_on_scale_nor_on_which_way_up_the_maps_came() -> None:
    rng = np.random.default_rng(5)
    x, y = smooth(rng, 2, 1), smooth(rng, 2, 1)
    first = bivariate_morans_i(x, y, n_resamples=199, seed=2)
    for ours, theirs in (
        (3 * x - 2, 0.25 * y + 7),
        (x[:, ::-1], y[:, ::-1]),
        (x.swapaxes(1, 2), y.swapaxes(1, 2)),
    ):
        found = bivariate_morans_i(ours, theirs, n_resamples=199, seed=2)
        np.testing.assert_allclose(found.values, first.values, atol=1e-12)
        np.testing.assert_array_equal(found.p_values, first.p_values)
    single = bivariate_morans_i(x[1], y[1], n_resamples=199, seed=2)
    assert single.p_values[0] == first.p_values[1]


def test_it_holds_for_exchangeable_pixels_only_and_says_so() -> None:
    rng = np.random.default_rng(7)
    x = smooth(rng, 200, 2)
    smooth_y, noise = smooth(rng, 200, 2), rng.standard_normal((200, *x.shape[1:]))
    sizes = [(bivariate_morans_i(x, y, n_resamples=99).p_values <= 0.05).mean() for y in (smooth_y, noise)]
    assert sizes[0] > 0.3
    assert sizes[1] <= 0.11  # .05 + 4 standard errors
    sentence = bivariate_morans_i(x[0], x[1], n_resamples=99).sentence
    assert "conditional on x as it lies" in sentence
    assert "A contrast more than a test" in sentence
    assert bivariate_morans_i(x[0], x[0], n_resamples=99, alternative="greater").p_values[0] == 0.01


def test_constant_maps_and_maps_of_other_shapes() -> None:
    flat = np.zeros((4, 5))
    found = bivariate_morans_i(np.arange(20.0).reshape(4, 5), flat, n_resamples=9)
    assert np.isnan(found.values[0])
    assert np.isnan(found.p_values[0])
    assert "nothing was tested" in found.sentence
    with pytest.raises(InputError, match="must have one shape"):
        bivariate_morans_i(flat, flat[:3])
