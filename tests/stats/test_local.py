"""Local Moran, local Geary, Gi and Gi*: esda's values, exact moments, pseudo-p."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest
from fields import smooth
from oracle_lattice import esda, matrix, pysal, quietly

from spatialstats.stats import (
    LocalAutocorrelation,
    bivariate_local_morans_i,
    local_g,
    local_gearys_c,
    local_morans_i,
)

NEIGHBOURS: tuple[Any, ...] = ("rook", "queen", 2.3)


def pair(seed: int, shape: tuple[int, int] = (9, 11)) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Two correlated maps above 0, and valid pixels, all of which have neighbours."""
    rng = np.random.default_rng(seed)
    a, b = np.exp(smooth(rng, 2, 1, shape))
    valid = rng.random(shape) < 0.8
    valid &= matrix_degree(valid) > 0
    valid &= matrix_degree(valid) > 0
    return a, a + b, valid


def matrix_degree(valid: np.ndarray) -> np.ndarray:
    found = np.zeros(valid.shape)
    found[valid] = matrix(valid, "rook", row=False).sum(1)
    return found


@pytest.mark.parametrize("lattice", NEIGHBOURS)
@pytest.mark.parametrize("weights", ["row", "binary"])
@pytest.mark.parametrize("missing", [False, True])
def test_values_and_quadrants_equal_esdas(lattice: Any, weights: Any, missing: bool) -> None:
    x, y, valid = pair(0)
    valid = valid if missing else np.ones(valid.shape, bool)
    n = int(valid.sum())
    options: dict[str, Any] = {"weights": weights, "mask": valid, "n_resamples": 0}
    w = pysal(valid, lattice)
    moran: Any = quietly(esda.Moran_Local, y[valid], w, weights[0], permutations=0)
    found = local_morans_i(y, lattice, **options)
    assert found.quadrants is not None
    np.testing.assert_allclose(found.values[0][valid], moran.Is, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(found.quadrants[0][valid], moran.q)
    assert (found.quadrants[0][~valid] == 0).all()
    assert np.isnan(found.values[0][~valid]).all()
    # esda's moments are Sokal's, of the statistic without the factor (n - 1) / n
    factor = (n - 1) / n
    np.testing.assert_allclose(found.expected[0][valid], moran.EIc * factor, rtol=0, atol=1e-10)
    np.testing.assert_allclose(found.variance[0][valid], moran.VIc * factor**2, rtol=0, atol=1e-10)

    both: Any = quietly(esda.Moran_Local_BV, x[valid], y[valid], w, weights[0], permutations=0)
    found = bivariate_local_morans_i(x, y, lattice, **options)
    assert found.quadrants is not None
    np.testing.assert_allclose(found.values[0][valid], both.Is, rtol=0, atol=1e-10)
    np.testing.assert_array_equal(found.quadrants[0][valid], both.q)

    for star in (False, True):
        theirs: Any = quietly(esda.G_Local, y[valid], w, weights[0], permutations=0, star=star)
        found = local_g(y, lattice, star=star, **options)
        np.testing.assert_allclose(found.values[0][valid], theirs.Gs, rtol=0, atol=1e-10)
        if weights == "binary":  # with row weights esda's variance is that of one value, not of a mean
            np.testing.assert_allclose(found.expected[0][valid], theirs.EGs, rtol=0, atol=1e-10)
            np.testing.assert_allclose(found.variance[0][valid], theirs.VGs, rtol=1e-9, atol=0)
            np.testing.assert_allclose(found.z[0][valid], theirs.Zs, rtol=0, atol=1e-10)
        else:
            again = local_g(y, lattice, star=star, mask=valid, n_resamples=0)
            np.testing.assert_allclose(found.z[0][valid], again.z[0][valid], rtol=0, atol=1e-10)

    if weights == "row":
        geary: Any = quietly(lambda: esda.Geary_Local(w, permutations=0).fit(y[valid]))
        found = local_gearys_c(y, lattice, mask=valid, n_resamples=0)
        np.testing.assert_allclose(found.values[0][valid], geary.localG, rtol=0, atol=1e-10)
        assert np.isnan(found.pseudo_p).all()
        assert "no pseudo-p" in found.sentence


@pytest.mark.parametrize("weights", ["row", "binary"])
def test_moments_are_those_of_all_conditional_arrangements(weights: Any) -> None:
    image = np.random.default_rng(1).gamma(1.0, size=(2, 3))
    x = np.random.default_rng(2).normal(size=(2, 3)).ravel()
    y, n = image.ravel(), 6
    w = matrix(np.ones((2, 3), bool), "rook", weights == "row")
    closed = matrix(np.ones((2, 3), bool), "rook", row=False) + np.eye(6)
    closed = closed / closed.sum(1, keepdims=True) if weights == "row" else closed

    def z(values: np.ndarray) -> np.ndarray:
        return np.asarray((values - values.mean()) / values.std())

    forms: dict[str, Callable[[np.ndarray, int], float]] = {
        "I": lambda v, i: (n - 1) / n * z(v)[i] * (w @ z(v))[i],
        "BV": lambda v, i: (n - 1) / n * z(x)[i] * (w @ z(v))[i],
        "c": lambda v, i: w[i] @ (z(v)[i] - z(v)) ** 2,
        "G": lambda v, i: (w @ v)[i] / (v.sum() - v[i]),
        "G*": lambda v, i: (closed @ v)[i] / v.sum(),
    }
    options: dict[str, Any] = {"weights": weights, "n_resamples": 0}
    found: dict[str, LocalAutocorrelation] = {
        "I": local_morans_i(image, **options),
        "BV": bivariate_local_morans_i(x.reshape(2, 3), image, **options),
        "c": local_gearys_c(image, **options),
        "G": local_g(image, **options),
        "G*": local_g(image, star=True, **options),
    }
    for site in range(n):
        rest = np.delete(np.arange(n), site)
        held = [np.insert(y[list(order)], site, y[site]) for order in itertools.permutations(rest)]
        free = [y[list(order)] for order in itertools.permutations(range(n))]
        for name, form in forms.items():
            null = np.array([form(v, site) for v in (free if name == "G*" else held)])
            at = (0, *np.unravel_index(site, (2, 3)))
            assert found[name].values[at] == pytest.approx(form(y, site), abs=1e-12)
            assert found[name].expected[at] == pytest.approx(null.mean(), abs=1e-12)
            assert found[name].variance[at] == pytest.approx(null.var(), abs=1e-12)


@pytest.mark.parametrize("draws", ["independent", "shared"])
@pytest.mark.parametrize("lattice", ["rook", "queen"])
def test_pseudo_p_are_those_of_all_samples_of_other_pixels(draws: Any, lattice: Any) -> None:
    """Each pixel's exact tails, from every set of other pixels that can take its neighbours' places."""
    x, y, _ = pair(3, (4, 5))
    near, n_draws = matrix(np.ones((4, 5), bool), lattice, row=False), 1999
    greater, less = np.zeros(20), np.zeros(20)
    for site in range(20):
        others = np.delete(y.ravel(), site)
        sums = np.array([sum(some) for some in itertools.combinations(others, int(near[site].sum()))])
        observed = near[site] @ y.ravel()
        greater[site], less[site] = (sums >= observed - 1e-9).mean(), (sums <= observed + 1e-9).mean()
    options: dict[str, Any] = {"n_resamples": n_draws, "draws": draws, "seed": 2}
    cases: list[tuple[Callable[..., LocalAutocorrelation], tuple[np.ndarray, ...], np.ndarray]] = [
        (local_morans_i, (y,), y - y.mean()),
        (bivariate_local_morans_i, (x, y), x - x.mean()),
        (local_g, (y,), np.ones(y.shape)),
        (partial(local_g, star=True), (y,), np.ones(y.shape)),
    ]
    for make, maps, sign in cases:
        up, down = np.where(sign.ravel() > 0, (greater, less), (less, greater))
        tails = {"greater": up, "less": down, "two-sided": np.minimum(1, 2 * np.minimum(up, down))}
        for alternative, p in tails.items():
            found = make(*maps, lattice, alternative=alternative, **options)
            error = 2 * np.sqrt(np.maximum(p * (1 - p), 2e-3) / n_draws) + 1 / n_draws
            assert (np.abs(found.pseudo_p[0].ravel() - p) / error).max() < 4.5
