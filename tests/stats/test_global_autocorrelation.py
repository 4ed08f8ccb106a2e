"""Moran's I, Geary's C, Getis and Ord's G and join counts: esda's values, exact moments and tails."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from fields import smooth, top
from oracle_lattice import arrangements, esda, matrix, pysal, quietly

from spatialstats.kernels import Lattice, cross_sums
from spatialstats.stats import Autocorrelation, gearys_c, getis_ord_g, join_counts, morans_i

NEIGHBOURS: tuple[Any, ...] = ("rook", "queen", 2.3)
STATISTICS: dict[str, Callable[..., Autocorrelation]] = {"I": morans_i, "C": gearys_c, "G": getis_ord_g}


def holes(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A mask with missing pixels, one valid pixel without neighbours among them."""
    valid = rng.random(shape) < 0.75
    valid[:2, :2] = [[True, False], [False, False]]
    return valid


@pytest.mark.parametrize("lattice", NEIGHBOURS)
@pytest.mark.parametrize("weights", ["row", "binary"])
@pytest.mark.parametrize("missing", [False, True])
def test_values_and_moments_equal_esdas(lattice: Any, weights: Any, missing: bool) -> None:
    rng = np.random.default_rng(0)
    maps = np.exp(smooth(rng, 3, 1, (9, 11)))
    valid = holes(rng, (9, 11)) if missing else np.ones((9, 11), bool)
    given_maps = np.where(valid, maps, np.nan) if missing else maps
    options: dict[str, Any] = {"weights": weights, "n_resamples": 0}
    found = {name: make(given_maps, lattice, **options) for name, make in STATISTICS.items()}
    kind = "r" if weights == "row" else "b"
    for i in range(3):
        y, w = maps[i][valid], pysal(valid, lattice)
        moran: Any = quietly(esda.Moran, y, w, kind, permutations=0)
        geary: Any = quietly(esda.Geary, y, w, kind, permutations=0)
        pairs: list[tuple[str, Any, list[float]]] = [
            ("I", moran, [moran.I, moran.EI, moran.VI_norm, moran.VI_rand, moran.p_norm, moran.p_rand]),
            # esda's p of Geary's C is one-tailed
            ("C", geary, [geary.C, 1, geary.VC_norm, geary.VC_rand, 2 * geary.p_norm, 2 * geary.p_rand]),
        ]
        for name, _, expected in pairs:
            ours = found[name]
            got = (ours.values, ours.expected, ours.variance_normality, ours.variance_randomisation)
            got += (ours.p_normality, ours.p_randomisation)
            np.testing.assert_allclose([part[i] for part in got], expected, rtol=0, atol=1e-10)
        if weights == "binary":
            g: Any = quietly(esda.G, y, w, permutations=0)
            ours = found["G"]
            np.testing.assert_allclose([ours.values[i], ours.expected[i]], [g.G, g.EG], rtol=0, atol=1e-12)
            assert ours.variance_randomisation[i] == pytest.approx(g.VG, rel=1e-9)
            assert ours.p_randomisation[i] == pytest.approx(2 * g.p_norm, abs=1e-10)
            assert math.isnan(ours.variance_normality[i])


@pytest.mark.parametrize("lattice", ["rook", "queen"])
@pytest.mark.parametrize("missing", [False, True])
def test_join_counts_equal_esdas(lattice: Any, missing: bool) -> None:
    rng = np.random.default_rng(1)
    masks = top(smooth(rng, 3, 1, (9, 11)))
    valid = holes(rng, (9, 11)) if missing else np.ones((9, 11), bool)
    found = join_counts(masks, lattice, mask=valid, n_resamples=0)
    for i in range(3):
        theirs: Any = quietly(
            esda.Join_Counts, masks[i][valid].astype(int), pysal(valid, lattice), permutations=0
        )
        ours = [found.bb.values[i], found.bw.values[i], found.ww.values[i]]
        assert ours == [theirs.bb, theirs.bw, theirs.ww]
        assert sum(ours) == theirs.J
        assert found.bb.expected[i] + found.bw.expected[i] + found.ww.expected[i] == pytest.approx(theirs.J)


@pytest.mark.parametrize("weights", ["row", "binary"])
@pytest.mark.parametrize("lattice", ["rook", "queen"])
def test_moments_are_those_of_all_arrangements(lattice: Any, weights: Any) -> None:
    """Every one of the 5,040 arrangements of seven values on eight pixels, one of them missing."""
    rng = np.random.default_rng(2)
    valid = np.ones((2, 4), bool)
    valid[0, 3] = False
    values = rng.gamma(1.0, size=7)
    w = matrix(valid, lattice, weights == "row")
    z = values - values.mean()
    forms: dict[str, Callable[[np.ndarray], float]] = {
        "I": lambda y: 7 * ((y - y.mean()) @ w @ (y - y.mean())) / w.sum() / (z @ z),
        "C": lambda y: 6 * (w * (y[:, None] - y) ** 2).sum() / (2 * w.sum() * (z @ z)),
        "G": lambda y: (y @ w @ y) / (y.sum() ** 2 - y @ y),
    }
    image = np.full((2, 4), np.nan)
    image[valid] = values
    for name, form in forms.items():
        found = STATISTICS[name](image, lattice, weights=weights, n_resamples=0)
        null = arrangements(values, form)
        assert found.values[0] == pytest.approx(form(values), abs=1e-12)
        assert found.expected[0] == pytest.approx(null.mean(), abs=1e-12)
        assert found.variance_randomisation[0] == pytest.approx(null.var(), abs=1e-12)
    inside = values > np.median(values)
    binary = (w > 0).astype(float)
    counts = join_counts(np.where(valid, image > np.median(values), np.nan), lattice, n_resamples=0)
    joins: dict[str, Callable[[np.ndarray], float]] = {
        "bb": lambda y: y @ binary @ y / 2,
        "bw": lambda y: y @ binary @ (1 - y),
        "ww": lambda y: (1 - y) @ binary @ (1 - y) / 2,
    }
    for name, form in joins.items():
        null, part = arrangements(inside.astype(float), form), getattr(counts, name)
        assert part.values[0] == form(inside.astype(float))
        assert part.expected[0] == pytest.approx(null.mean(), abs=1e-12)
        assert part.variance_randomisation[0] == pytest.approx(null.var(), abs=1e-12)


@pytest.mark.parametrize("name", list(STATISTICS))
def test_permutation_p_counts_all_arrangements_of_a_small_map(name: str) -> None:
    image = np.random.default_rng(3).random((2, 3))
    w = matrix(np.ones((2, 3), bool), "queen", name != "G")
    form: Callable[[np.ndarray], float] = (
        (lambda y: (w * (y[:, None] - y) ** 2).sum()) if name == "C" else (lambda y: y @ w @ y)
    )
    values = image.ravel() if name == "G" else image.ravel() - image.mean()
    null = arrangements(values, form)
    tails = {
        "greater": (null >= form(values) - 1e-9).mean(),
        "less": (null <= form(values) + 1e-9).mean(),
    }
    tails["two-sided"] = min(1.0, 2 * min(tails.values()))
    for alternative, expected in tails.items():
        found = STATISTICS[name](image, "queen", n_resamples=9999, alternative=alternative)
        assert found.p_values[0] == pytest.approx(expected, abs=4 * math.sqrt(0.25 / 9999) * 2)
        up, down = (found.n_greater[0] + 1) / 10000, (found.n_less[0] + 1) / 10000
        assert found.p_values[0] == {"greater": up, "less": down}.get(
            alternative, min(1.0, 2 * min(up, down))
        )


def test_counts_are_the_kernels_on_the_map_in_its_own_orientation() -> None:
    image = np.random.default_rng(4).random((5, 7))
    ways = [image, image[::-1], image[:, ::-1], image[::-1, ::-1]]
    own = min(ways, key=lambda turned: turned.ravel().tolist())
    sums = cross_sums((own - own.mean())[None], Lattice.rook((5, 7)), 8, 99)
    found = morans_i(image, n_resamples=99, seed=8)
    assert (found.n_greater[0], found.n_less[0]) == (sums.cross.n_greater[0], sums.cross.n_less[0])
