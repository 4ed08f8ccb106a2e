"""McNemar's exact test against every way that the rows that differ could have fallen."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats import mcnemar_test

ROWS = st.lists(st.tuples(st.booleans(), st.booleans()), max_size=10)


def columns(rows: list[tuple[bool, bool]]) -> tuple[np.ndarray, np.ndarray]:
    first, second = (np.array([row[k] for row in rows], bool) for k in (0, 1))
    return first, second


@settings(deadline=None)
@given(ROWS)
def test_p_is_the_share_of_all_ways_to_swap_the_rows_that_differ(rows: list[tuple[bool, bool]]) -> None:
    observed = sum(a - b for a, b in rows)
    swapped = [
        sum(sign * (a - b) for sign, (a, b) in zip(signs, rows, strict=True))
        for signs in itertools.product((1, -1), repeat=len(rows))
    ]
    greater = np.mean([value >= observed for value in swapped])
    less = np.mean([value <= observed for value in swapped])
    first, second = columns(rows)
    expected = {"greater": greater, "less": less, "two-sided": min(1.0, 2 * min(greater, less))}
    for alternative, p in expected.items():
        found = mcnemar_test(first, second, alternative=alternative)
        assert found.p_value == pytest.approx(p, abs=1e-12)
        assert found.only_first == sum(a and not b for a, b in rows)
        assert found.only_second == sum(b and not a for a, b in rows)
        assert found.n == len(rows)


@given(st.integers(0, 400), st.integers(0, 400))
def test_it_is_the_binomial_test_of_scipy(one: int, other: int) -> None:
    first = np.arange(one + other + 1) < one
    second = (np.arange(one + other + 1) >= one) & (np.arange(one + other + 1) < one + other)
    expected = stats.binomtest(one, one + other, 0.5).pvalue if one + other else 1.0
    assert mcnemar_test(first, second).p_value == pytest.approx(expected, rel=1e-10)


def test_it_holds_its_level_under_the_null() -> None:
    rng = np.random.default_rng(0)
    answers = rng.random((4000, 2, 60)) < 0.7
    p = np.array([mcnemar_test(first, second).p_value for first, second in answers])
    # Exact, so at most 5 %; conservative, since the binomial is discrete, but not empty.
    assert 0.01 < np.mean(p <= 0.05) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / len(p))


def test_the_result_says_what_was_tested() -> None:
    found = mcnemar_test(np.array([True, True, True, False]), np.array([False, False, True, True]))
    assert found.sentence.startswith("Of 4 rows 2 are true of the first alone and 1 of the second alone")
    assert "conditional on the 3 that differ" in found.sentence
    assert found.to_dict()["p_value"] == found.p_value == 1.0
    assert found.to_frame().shape == (1, 5)


@pytest.mark.parametrize("other", [np.ones(3), np.ones(2, bool), np.ones((3, 1), bool)])
def test_rows_that_do_not_match_are_refused(other: np.ndarray) -> None:
    with pytest.raises(InputError, match="two boolean arrays"):
        mcnemar_test(np.ones(3, bool), other)
    with pytest.raises(InputError, match="alternative"):
        mcnemar_test(np.ones(3, bool), np.ones(3, bool), alternative="more")  # type: ignore[arg-type]
