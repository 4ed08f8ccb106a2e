from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import binomtest, ttest_1samp

from spatialstats.errors import InputError
from spatialstats.stats import bootstrap
from spatialstats.stats.intervals import (
    Interval,
    bootstrap_mean,
    mean_interval,
    paired_difference,
    proportion,
    ratio_interval,
    resamples,
    wilson,
)


@pytest.mark.parametrize("confidence", [0.9, 0.95, 0.99])
@pytest.mark.parametrize(("k", "n"), [(0, 1), (1, 1), (0, 10), (10, 10), (3, 10), (471, 500), (1, 100_000)])
def test_wilson_has_the_ends_of_scipy(k: int, n: int, confidence: float) -> None:
    expected = binomtest(k, n).proportion_ci(confidence, method="wilson")
    found = wilson(k, n, confidence=confidence)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high], atol=1e-12)
    assert (found.value, found.n) == (k / n, n)


@given(st.integers(0, 10_000), st.integers(1, 10_000))
def test_wilson_holds_its_estimate_within_0_and_1(k: int, n: int) -> None:
    found = wilson(min(k, n), n)
    assert 0 <= found.low <= found.value <= found.high <= 1


def test_wilson_without_trials_knows_nothing() -> None:
    assert wilson(0, 0).to_dict() == {"value": None, "low": 0.0, "high": 1.0, "n": 0}


def test_wilson_refuses_more_successes_than_trials() -> None:
    with pytest.raises(InputError, match="between 0 and the 5 trials, got 6"):
        wilson(6, 5)
    with pytest.raises(InputError, match=r"use 0\.95 for 95 %"):
        wilson(1, 5, confidence=95)


def test_proportion_counts_booleans() -> None:
    assert proportion(np.array([True, False, True])) == wilson(2, 3)


def test_mean_interval_is_that_of_the_t_test() -> None:
    values = np.random.default_rng(0).normal(3, 2, 17)
    expected = ttest_1samp(values, 0).confidence_interval(0.95)
    found = mean_interval(values)
    np.testing.assert_allclose([found.low, found.high], [expected.low, expected.high])


def test_intervals_without_enough_values_have_no_ends() -> None:
    assert mean_interval(np.array([2.0])).to_dict() == {"value": 2.0, "low": None, "high": None, "n": 1}
    assert mean_interval(np.zeros(0)).to_dict()["value"] is None
    assert bootstrap_mean(np.zeros(0), 0).to_dict()["value"] is None


def test_values_that_are_not_numbers_are_refused() -> None:
    for values in (np.array([1.0, np.nan]), np.ones((2, 2))):
        with pytest.raises(InputError, match="one finite number for each image"):
            mean_interval(values)


def test_a_bootstrap_draw_depends_on_seed_and_number_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(resamples(7, 5, 40)))
    assert whole.min() >= 0
    assert whole.max() <= 6
    monkeypatch.setattr(bootstrap, "BLOCK", 21)
    np.testing.assert_array_equal(np.concatenate(list(resamples(7, 5, 40))), whole)
    np.testing.assert_array_equal(np.concatenate(list(resamples(7, 5, 11))), whole[:11])
    assert (np.concatenate(list(resamples(7, 6, 40))) != whole).any()


def test_the_bootstrap_interval_of_a_mean_approaches_the_normal_one() -> None:
    values = np.random.default_rng(1).gamma(2, size=3000)
    found = bootstrap_mean(values, seed=3, n_resamples=4000)
    half = 1.96 * values.std() / math.sqrt(3000)
    np.testing.assert_allclose(
        [found.low, found.high], values.mean() + half * np.array([-1, 1]), atol=half / 15
    )
    assert found.value == values.mean()


def test_the_interval_of_a_ratio_is_that_of_the_delta_method_for_many_images() -> None:
    rng = np.random.default_rng(2)
    drop = rng.gamma(3, size=2000)
    share = 0.3 * drop + rng.normal(0, 0.5, 2000)
    found = ratio_interval(share, drop, seed=1, n_resamples=4000)
    residual = share - found.value * drop
    half = 1.96 * residual.std() / math.sqrt(2000) / drop.mean()
    np.testing.assert_allclose(
        [found.low, found.high], found.value + half * np.array([-1, 1]), atol=half / 10
    )


def test_a_ratio_covers_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(3)
    covered = 0
    for trial in range(300):
        drop = rng.gamma(2, size=60)
        found = ratio_interval(drop * 0.4 + rng.normal(0, 0.7, 60), drop, seed=trial, n_resamples=400)
        covered += found.low <= 0.4 <= found.high
    assert 0.90 <= covered / 300 <= 0.98


def test_a_ratio_over_nothing_has_no_value() -> None:
    ones = np.ones(4)
    assert math.isnan(ratio_interval(ones, -ones).value)
    assert math.isnan(ratio_interval(np.zeros(0), np.zeros(0)).value)
    sometimes = ratio_interval(ones, np.array([5.0, -1.0, -1.0, -1.0]))
    assert sometimes.value == 2
    assert math.isnan(sometimes.low)
    with pytest.raises(InputError, match="as many numerators"):
        ratio_interval(ones, ones[:3])


def pairs(both: int, only_a: int, only_b: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    a = np.repeat([True, True, False, False], [both, only_a, only_b, neither])
    return a, np.repeat([True, False, True, False], [both, only_a, only_b, neither])


def test_paired_proportions_have_the_ends_of_newcombes_example() -> None:
    found = paired_difference(*pairs(36, 12, 2, 0))
    np.testing.assert_allclose([found.low, found.high], [0.0569, 0.3404], atol=5e-5)


def test_uncorrelated_pairs_have_the_ends_of_independent_proportions() -> None:
    found, first, second = paired_difference(*pairs(40, 40, 10, 10)), wilson(80, 100), wilson(50, 100)
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    np.testing.assert_allclose([found.low, found.high], [0.3 - below, 0.3 + above])


@given(st.tuples(*[st.integers(0, 40)] * 4).filter(lambda counts: sum(counts) > 0))
def test_paired_proportions_turn_their_sign_with_their_order(counts: tuple[int, int, int, int]) -> None:
    a, b = pairs(*counts)
    there, back = paired_difference(a, b), paired_difference(b, a)
    np.testing.assert_allclose(
        [there.low, there.value, there.high], [-back.high, -back.value, -back.low], atol=1e-12
    )
    assert -1 - 1e-12 <= there.low <= there.value <= there.high <= 1 + 1e-12


def test_paired_proportions_cover_the_truth_as_often_as_they_say() -> None:
    rng = np.random.default_rng(4)
    draws = rng.choice(4, size=(600, 80), p=[0.03, 0.12, 0.06, 0.79])
    hits = [paired_difference(*(np.isin(draw, [0, 1]), np.isin(draw, [0, 2]))) for draw in draws]
    covered = np.mean([found.low <= 0.06 <= found.high for found in hits])
    assert 0.93 <= covered <= 0.98


def test_paired_numbers_have_the_t_interval_of_their_differences() -> None:
    a, b = np.random.default_rng(5).normal(size=(2, 20))
    assert paired_difference(a, b) == mean_interval(a - b)


def test_pairs_of_different_length_are_refused() -> None:
    with pytest.raises(InputError, match="two values for each image"):
        paired_difference(np.ones(3, bool), np.ones(4, bool))
    assert paired_difference(np.ones(0, bool), np.ones(0, bool)).n == 0


def test_json_never_holds_nan() -> None:
    assert Interval(1.0, math.nan, math.inf, 3, "x").to_dict() == {
        "value": 1.0,
        "low": None,
        "high": None,
        "n": 3,
    }


@given(hnp.arrays(bool, st.integers(1, 50)))
def test_a_mask_against_itself_has_no_difference(hits: np.ndarray) -> None:
    found = paired_difference(hits, hits)
    assert found.value == 0
    assert found.low <= 0 <= found.high
