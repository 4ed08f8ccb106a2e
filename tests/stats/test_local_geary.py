"""Pseudo p-values of local Geary's c: exact tails, the same samples as local Moran's, and words."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from fields import smooth
from oracle_lattice import matrix

from spatialstats.kernels.local_autocorrelation_cpu import shared_draws
from spatialstats.stats import local_gearys_c
from spatialstats.stats.local_geary import _drawn


@pytest.mark.parametrize("lattice", ["rook", "queen"])
@pytest.mark.parametrize("missing", [False, True])
def test_pseudo_p_are_those_of_all_samples_of_other_pixels(lattice: Any, missing: bool) -> None:
    rng = np.random.default_rng(4)
    y, valid = rng.gamma(1.0, size=(4, 4)), np.ones((4, 4), bool)
    valid[1, 2] = not missing
    z = (y[valid] - y[valid].mean()) / y[valid].std()
    near = matrix(valid, lattice, row=False)
    greater, less = np.zeros(z.size), np.zeros(z.size)
    for site in range(z.size):
        squares = np.delete((z[site] - z) ** 2, site)
        sums = np.array([sum(some) for some in itertools.combinations(squares, int(near[site].sum()))])
        observed = near[site] @ (z[site] - z) ** 2
        greater[site], less[site] = (sums >= observed - 1e-9).mean(), (sums <= observed + 1e-9).mean()
    tails = {"greater": greater, "less": less, "two-sided": np.minimum(1, 2 * np.minimum(greater, less))}
    for alternative, p in tails.items():
        how: Any = {"n_resamples": 1999, "seed": 2, "alternative": alternative}
        found = local_gearys_c(y, lattice, mask=valid, **how).pseudo_p[0][valid]
        # two-sided p are twice a tail: their errors are too
        np.testing.assert_allclose(found, p, atol=0.09 if alternative == "two-sided" else 0.045)


def test_a_site_that_meets_itself_takes_the_next_pick() -> None:
    rng = np.random.default_rng(5)
    z, degree = rng.standard_normal((2, 9)), rng.integers(0, 5, 9)
    for picks in shared_draws(9, 5, 3, 0, 40):
        wanted = np.zeros(z.shape)
        for site in range(9):
            others = [at for at in picks if at != site][: degree[site]]
            wanted[:, site] = ((z[:, [site]] - z[:, others]) ** 2).sum(1)
        np.testing.assert_allclose(_drawn(z, degree, picks), wanted, atol=1e-12)


def test_alike_pixels_have_small_c_and_the_words_claim_nothing_of_the_map() -> None:
    maps = smooth(np.random.default_rng(6), 1, 2.0, (24, 24))
    found = local_gearys_c(maps, n_resamples=199, seed=1, alternative="less")
    p = found.pseudo_p[0]
    assert (p <= 0.05).mean() > 0.2
    assert "says nothing of the whole map nor of other images" in found.sentence
    assert "no rule for a threshold" in found.sentence
    assert "one sample for all" in found.sentence
    assert found.to_frame()["pseudo_p"].between(0, 1).all()
    again = local_gearys_c(np.concatenate([maps, maps[:, ::-1]]), n_resamples=199, seed=1, alternative="less")
    np.testing.assert_array_equal(again.pseudo_p[0], p)
    np.testing.assert_array_equal(again.pseudo_p[1][::-1], p)


def test_integers_tie_with_themselves() -> None:
    image = np.array([[0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    found = local_gearys_c(image, n_resamples=99)
    assert found.n_greater is not None
    # zeros beside zeros: no draw is smaller
    assert found.n_greater[0, 0, 3] == 99
    assert found.pseudo_p[0, 1, 1] == 1.0  # every neighbour of the one is a zero, whichever it is
