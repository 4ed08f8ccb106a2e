"""Tests of mean maps: t, p-values and tables against SciPy, MNE, nilearn, and by listing all draws."""

from __future__ import annotations

import itertools
import warnings

import numpy as np
import pytest
from fields import planted, smooth
from scipy import stats

from spatialstats.stats import group_test, paired_test, sign_flip_test
from spatialstats.stats.resampling import Alternative

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mne.stats import permutation_cluster_1samp_test, permutation_t_test
    from nilearn.mass_univariate import permuted_ols

TAILS = pytest.mark.parametrize(("tail", "alternative"), [(0, "two-sided"), (1, "greater"), (-1, "less")])


def test_t_is_scipys() -> None:
    a, b = smooth(np.random.default_rng(1), 15), smooth(np.random.default_rng(2), 15)
    found = paired_test(a, b, n_resamples=19)
    np.testing.assert_allclose(found.t, stats.ttest_rel(a, b).statistic, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(found.effect, (a - b).mean(0), atol=1e-14)
    groups = group_test(a, b[:9], n_resamples=19)
    np.testing.assert_allclose(groups.t, stats.ttest_ind(a, b[:9]).statistic, rtol=1e-10, atol=1e-11)
    assert (groups.n, groups.n_second) == (15, 9)


def test_t_is_nilearns() -> None:
    differences = planted()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = permuted_ols(
            np.ones((24, 1)), differences.reshape(24, -1), model_intercept=False, n_perm=0, output_type="dict"
        )
    found = sign_flip_test(differences, n_resamples=19)
    np.testing.assert_allclose(found.t.ravel(), theirs["t"][0], rtol=1e-9, atol=1e-10)


def test_listed_max_t_p_are_mnes() -> None:
    differences = planted(8, 0.7)
    # any number beyond 2^7 lists all; "all" draws at random.  One-sided, MNE takes the null of abs(t).
    _, p, _ = permutation_t_test(differences.reshape(8, -1), n_permutations=200, verbose="ERROR")
    found = sign_flip_test(differences, n_resamples=300)
    assert found.exact
    assert found.n_resamples == 255
    np.testing.assert_allclose(found.p.ravel(), p, atol=1e-10)


@pytest.mark.parametrize(("side", "alternative"), [(1, "greater"), (-1, "less")])
def test_listed_one_sided_max_t_p_count_all_flips(side: int, alternative: Alternative) -> None:
    differences = planted(7, 0.5)
    found = sign_flip_test(differences, n_resamples=127, alternative=alternative)
    flips = np.array(list(itertools.product([1, -1], repeat=7)))
    null = [side * stats.ttest_1samp(row[:, None, None] * differences, 0).statistic for row in flips]
    largest = np.array(null).max((1, 2))
    counts = (largest[:, None, None] >= side * found.t - 1e-9 * np.abs(found.t)).sum(0)
    np.testing.assert_allclose(found.p, counts / 128, atol=1e-12)


@TAILS
@pytest.mark.parametrize("statistic", ["cluster-mass", "tfce"])
def test_listed_cluster_and_tfce_p_are_mnes(statistic: str, tail: int, alternative: Alternative) -> None:
    differences = planted(9, 0.7)
    given, side = differences, tail
    if statistic == "tfce" and tail < 0:  # MNE compares positive scores with a negative null: turn the data
        given, side = -differences, 1
    how = (-2.0 if side < 0 else 2.0) if statistic == "cluster-mass" else {"start": 0, "step": 0.2}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        t, masks, p, _ = permutation_cluster_1samp_test(
            given, threshold=how, n_permutations=1000, tail=side, out_type="mask", verbose="ERROR"
        )
    found = sign_flip_test(
        differences, statistic=statistic, n_resamples=511, alternative=alternative,
        threshold=2.0 if statistic == "cluster-mass" else None,
    )  # fmt: skip
    # one-sided, MNE lists the observed signs twice and leaves out those that are all turned
    slack = 1 / 512 + 1e-10 if tail else 1e-10
    if statistic == "tfce":
        np.testing.assert_allclose(found.p.ravel(), p, atol=slack)
        return
    np.testing.assert_allclose(found.t, t, rtol=1e-9, atol=1e-10)
    assert len(found.clusters) == len(masks) > 0
    for mask, their_p in zip(masks, p, strict=True):
        row = found.clusters[found.labels[mask][0] - 1]
        assert (found.labels[mask] == row.label).all()
        assert row.extent == mask.sum()
        assert row.p_value == pytest.approx(their_p, abs=slack)
        assert row.mass == pytest.approx(np.abs(t[mask]).sum(), rel=1e-9)
        assert row.peak_t == found.t[row.peak_row, row.peak_column]
        assert abs(row.peak_t) == pytest.approx(np.abs(t[mask]).max())


def test_listed_relabellings_give_the_p_of_all_of_them() -> None:
    a, b = planted(5, 1.2), smooth(np.random.default_rng(3), 4)
    found = group_test(a, b, n_resamples=125)
    assert found.exact
    assert found.n_resamples == 125
    both = np.concatenate([a, b])
    null = []
    for first in itertools.combinations(range(9), 5):
        rest = [i for i in range(9) if i not in first]
        null.append(np.abs(stats.ttest_ind(both[list(first)], both[rest]).statistic).max())
    counts = (np.array(null)[:, None, None] >= np.abs(found.t) * (1 - 1e-9)).sum(0)
    np.testing.assert_allclose(found.p, counts / 126, atol=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_pixel_p_are_scipys_permutation_tests(alternative: Alternative) -> None:
    a, b = planted(6, 1.0)[:, 4:5, 4:5], smooth(np.random.default_rng(3), 5)[:, 4:5, 4:5]
    groups = group_test(a, b, statistic="fdr-bh", n_resamples=1000, alternative=alternative)

    def mean_difference(x: np.ndarray, y: np.ndarray) -> float:
        return float(x.mean() - y.mean())

    theirs = stats.permutation_test((a.ravel(), b.ravel()), mean_difference, alternative=alternative)
    assert groups.p.item() == pytest.approx(theirs.pvalue, abs=1e-12)
    flips = sign_flip_test(a - a.mean() + 0.4, statistic="fdr-by", n_resamples=63, alternative=alternative)
    theirs = stats.permutation_test(
        ((a - a.mean() + 0.4).ravel(),), np.mean, permutation_type="samples", alternative=alternative
    )
    assert flips.p.item() == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_tied_draws_count_as_scipys_do(alternative: Alternative) -> None:
    a, b = np.array([3.0, 1.0, 2.0, 3.0, 0.0]), np.array([1.0, 1.0, 2.0, 0.0])
    found = group_test(
        a[:, None, None], b[:, None, None], statistic="fdr-bh", n_resamples=125, alternative=alternative
    )
    theirs = stats.permutation_test((a, b), lambda x, y: x.mean() - y.mean(), alternative=alternative)
    assert found.p.item() == pytest.approx(theirs.pvalue, abs=1e-12)


@pytest.mark.parametrize(("statistic", "method"), [("fdr-bh", "bh"), ("fdr-by", "by")])
@pytest.mark.parametrize("alternative", ["two-sided", "greater", "less"])
def test_parametric_false_discovery_rates_are_scipys(
    statistic: str, method: str, alternative: Alternative
) -> None:
    differences = planted()
    differences[:, 0, 0] = 0.0
    found = sign_flip_test(differences, statistic=statistic, alternative=alternative, parametric=True)
    p = stats.ttest_1samp(differences.reshape(24, -1)[:, 1:], 0, alternative=alternative).pvalue
    np.testing.assert_allclose(
        found.p.ravel()[1:], stats.false_discovery_control(p, method=method), atol=1e-10
    )
    assert found.p[0, 0] == 1
    assert found.n_resamples == 0
    assert "Student's t, which needs differences near normal" in found.sentence
