"""Intervals of differences of ratios and of unpaired proportions."""

from __future__ import annotations

import math

import numpy as np
import pytest

from spatialstats.errors import InputError
from spatialstats.stats import independent_difference, ratio_difference
from spatialstats.stats.intervals import ratio_interval, resamples


def test_published_values_of_newcombes_interval() -> None:
    # R. G. Newcombe, Statistics in Medicine 17, 1998, pages 873-890, table II, method 10
    for (hits, n), (low, high) in {
        ((56, 48), (70, 80)): (0.0524, 0.3339),
        ((9, 3), (10, 10)): (0.1705, 0.8090),
        ((10, 0), (10, 10)): (0.6075, 1.0),
        ((5, 0), (56, 29)): (-0.0381, 0.1926),
    }.items():
        found = independent_difference(hits, n)
        assert found.value == pytest.approx(hits[0] / n[0] - hits[1] / n[1])
        assert found.low == pytest.approx(low, abs=5e-5)
        assert found.high == pytest.approx(high, abs=5e-5)


def test_swapping_the_samples_turns_the_interval() -> None:
    one, other = independent_difference((7, 2), (30, 41)), independent_difference((2, 7), (41, 30))
    assert (one.low, one.high) == pytest.approx((-other.high, -other.low))


def pairs(n: int, seed: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    whole = rng.gamma(4, 1, n)
    return whole * rng.beta(4, 6, n), whole, 1.3 * whole * rng.beta(3, 6, n), 1.3 * whole


def test_the_bootstrap_is_that_of_whole_images() -> None:
    a, whole_a, b, whole_b = pairs(40, 0)
    found = ratio_difference((a, whole_a), (b, whole_b), seed=5, n_resamples=300)
    assert found.value == pytest.approx(a.sum() / whole_a.sum() - b.sum() / whole_b.sum())
    (rows,) = resamples(40, 5, 300)
    drawn = [a[r].sum() / whole_a[r].sum() - b[r].sum() / whole_b[r].sum() for r in rows]
    assert min(drawn) <= found.low < found.value < found.high <= max(drawn)
    # a condition with itself differs by nothing in every draw: the pairing is kept
    same = ratio_difference((a, whole_a), (a, whole_a))
    assert (same.value, same.low, same.high) == (0.0, 0.0, 0.0)


def test_against_a_constant_ratio_it_is_the_interval_of_the_other() -> None:
    a, whole, *_ = pairs(30, 1)
    one = ratio_interval(a, whole, seed=2)
    found = ratio_difference((a, whole), (np.full(30, 0.25), np.ones(30)), seed=2)
    assert (found.value, found.low, found.high) == pytest.approx(
        (one.value - 0.25, one.low - 0.25, one.high - 0.25), abs=1e-12
    )


def test_it_covers_the_population() -> None:
    covered = 0
    for seed in range(200):
        a, whole_a, b, whole_b = pairs(60, 1000 + seed)
        found = ratio_difference((a, whole_a), (b, whole_b), seed=seed, n_resamples=400)
        covered += found.low <= 0.4 - 1 / 3 <= found.high
    assert 0.88 <= covered / 200 <= 0.995  # 95 % +- 4.5 standard errors


def test_what_has_no_ratio_has_no_interval() -> None:
    ones, zeros = np.ones(5), np.zeros(5)
    assert math.isnan(ratio_difference((ones, zeros), (ones, ones)).value)
    one = ratio_difference((ones[:1], ones[:1]), (zeros[:1], ones[:1]))
    assert one.value == 1
    assert math.isnan(one.low)
    with pytest.raises(InputError, match="finite"):
        ratio_difference((np.array([np.nan]), ones[:1]), (ones[:1], ones[:1]))
