"""Two groups with variances of their own: Welch's t against SciPy, and what it does to the error rate."""

from __future__ import annotations

import numpy as np
import pytest
from fields import smooth
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats import group_test
from spatialstats.stats.relabelling import relabellings_of
from spatialstats.stats.welch import welch_freedom, welch_t


@given(st.integers(2, 9), st.integers(2, 9), st.integers(0, 1000))
def test_t_and_degrees_of_freedom_are_scipys(n: int, m: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = 1e3 + rng.standard_normal((n + m, 3, 4)) * rng.uniform(0.1, 5, (3, 4))
    signs = next(relabellings_of(n, m, seed, 5).blocks())
    for row, found in zip(signs, welch_t(maps, signs), strict=True):
        wanted = stats.ttest_ind(maps[row > 0], maps[row < 0], equal_var=False)
        np.testing.assert_allclose(found, wanted.statistic, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(welch_freedom(maps[row > 0], maps[row < 0]), wanted.df, rtol=1e-9)


def test_pixels_without_variance_have_no_t_or_an_infinite_one() -> None:
    maps = np.random.default_rng(0).standard_normal((7, 1, 4))
    maps[:, 0, 1], maps[:, 0, 2] = 0.1, [1.1, 1.1, 1.1, 0.1, 0.1, 0.1, 0.1]
    maps[:, 0, 3] = [2.0, 2.0, 2.0, 0.0, 1.0, 0.0, 0.5]  # one group varies
    t = welch_t(maps, np.array([[1, 1, 1, -1, -1, -1, -1]], np.int8))[0, 0]
    assert np.isfinite(t[0])
    assert t[1] == 0
    assert t[2] == np.inf
    one_varies = maps[3:, 0, 3]
    assert t[3] == pytest.approx((2 - one_varies.mean()) / (one_varies.std(ddof=1) / 2))
    assert np.isnan(welch_freedom(maps[:3], maps[3:])[0, 1])


@pytest.mark.parametrize("statistic", ["max-t", "cluster-extent", "cluster-mass", "tfce", "fdr-bh"])
def test_every_statistic_is_that_of_its_t_maps(statistic: str) -> None:
    rng = np.random.default_rng(1)
    a, b = smooth(rng, 6), smooth(rng, 9)
    a[:, 3:8, 2:7] += 2.5
    how = {"statistic": statistic, "n_resamples": 299, "seed": 4, "parametric": statistic == "fdr-bh"}
    found = group_test(a, b, variances="unequal", **how)
    np.testing.assert_allclose(
        found.t, stats.ttest_ind(a, b, equal_var=False).statistic, rtol=1e-10, atol=1e-10
    )
    assert found.min_p <= 0.05
    assert found.significant[3:8, 2:7].any()
    assert "Welch's" in found.sentence
    assert group_test(a, b, variances="unequal", batch=7, **how).to_dict() == found.to_dict()
    if statistic == "fdr-bh":
        p = stats.ttest_ind(a, b, equal_var=False).pvalue
        wanted = stats.false_discovery_control(p.ravel()).reshape(p.shape)
        np.testing.assert_allclose(found.p, wanted, rtol=1e-8)
    if statistic == "max-t":
        draws = relabellings_of(6, 9, 4, 299)
        maxima = np.concatenate(
            [np.abs(welch_t(np.concatenate([a, b]), signs)).max((1, 2)) for signs in draws.blocks()]
        )
        wanted = (1 + (maxima[:, None, None] >= np.abs(found.t) - 1e-9).sum(0)) / 300
        np.testing.assert_allclose(found.p, wanted)


def test_unequal_spread_and_size_break_the_pooled_t_far_more_than_welchs() -> None:
    rejected, runs = np.zeros(2), 200
    for run in range(runs):
        rng = np.random.default_rng(run)
        # the smaller group varies more
        a, b = 3 * smooth(rng, 20), smooth(rng, 60)
        rejected += [
            group_test(a, b, n_resamples=99, seed=run, variances=way).min_p <= 0.05
            for way in ("pooled", "unequal")
        ]
    pooled, welch = rejected / runs
    assert pooled > 0.4
    assert welch < 0.16  # .11 by 300 runs: the largest of 168 t with 20 images has heavier tails


def test_bad_variances_are_refused_in_words() -> None:
    maps = smooth(np.random.default_rng(0), 6)
    with pytest.raises(InputError, match="unknown variances 'equal'"):
        group_test(maps[:3], maps[3:], variances="equal")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="N at least 2"):
        group_test(maps[:1], maps[1:], variances="unequal")
