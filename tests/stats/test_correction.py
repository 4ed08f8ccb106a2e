from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats.correction import benjamini_hochberg, benjamini_yekutieli, holm, max_t

P_VALUES = st.lists(st.floats(0, 1), min_size=1, max_size=20).map(np.array)


@given(P_VALUES)
def test_false_discovery_rates_equal_scipys(p: np.ndarray) -> None:
    np.testing.assert_allclose(benjamini_hochberg(p), stats.false_discovery_control(p), atol=1e-12)
    np.testing.assert_allclose(
        benjamini_yekutieli(p), stats.false_discovery_control(p, method="by"), atol=1e-12
    )


@given(P_VALUES)
def test_holm_multiplies_by_the_hypotheses_left(p: np.ndarray) -> None:
    order, expected, largest = np.argsort(p), np.empty(p.size), 0.0
    for rank, at in enumerate(order):
        largest = max(largest, min(1, p[at] * (p.size - rank)))
        expected[at] = largest
    np.testing.assert_allclose(holm(p), expected, atol=1e-12)
    assert (holm(p) >= p).all()


@pytest.mark.parametrize("adjust", [benjamini_hochberg, benjamini_yekutieli, holm])
def test_tests_that_were_not_made_do_not_count(adjust) -> None:  # type: ignore[no-untyped-def]
    p = np.array([0.01, np.nan, 0.04, 0.03])
    found = adjust(p)
    np.testing.assert_array_equal(found[[0, 2, 3]], adjust(p[[0, 2, 3]]))
    assert math.isnan(found[1])


def test_step_down_max_t_compares_with_the_maximum_over_what_is_left() -> None:
    rng = np.random.default_rng(0)
    observed, draws = rng.normal(size=6) * 2, rng.normal(size=(99, 6))
    order = np.argsort(-np.abs(observed))
    expected, largest = np.empty(6), 0.0
    for place, test in enumerate(order):
        maxima = np.abs(draws[:, order[place:]]).max(1)
        largest = max(largest, ((maxima >= abs(observed[test])).sum() + 1) / 100)
        expected[test] = largest
    np.testing.assert_allclose(max_t(observed, draws), expected)


def test_one_sided_max_t_looks_at_one_side() -> None:
    draws = np.random.default_rng(1).normal(size=(199, 2))
    up = max_t(np.array([5.0, -5.0]), draws, "greater")
    down = max_t(np.array([-5.0, 5.0]), draws, "less")
    np.testing.assert_array_equal(up, down)
    assert up[0] == 1 / 200
    assert up[1] == 1


def test_tests_without_a_statistic_stay_unknown() -> None:
    draws = np.random.default_rng(2).normal(size=(99, 3))
    found = max_t(np.array([1.0, np.nan, 2.0]), draws)
    assert math.isnan(found[1])
    np.testing.assert_array_equal(found[[0, 2]], max_t(np.array([1.0, 2.0]), draws[:, [0, 2]]))


def test_familywise_error_holds_for_dependent_tests_with_one_false_null() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for _ in range(400):
        common = rng.normal(size=(100, 1))
        z = 0.7 * common + 0.7 * rng.normal(size=(100, 5))
        wrong += (max_t(z[0] + np.array([4, 0, 0, 0, 0]), z[1:])[1:] <= 0.05).any()
    assert wrong / 400 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 400)


def test_bad_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"numbers in \[0, 1\]"):
        holm(np.array([0.5, 1.5]))
    with pytest.raises(InputError, match="max-T needs"):
        max_t(np.zeros(3), np.zeros((9, 2)))
