"""Confidence sets: against loops over the papers' formulas, by coverage, and as a threshold rule."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from fields import smooth
from hypothesis import given
from hypothesis import strategies as st
from oracle_confidence import boundary_covered, deviations, neighbours
from scipy import stats

from spatialstats.errors import InputError
from spatialstats.stats import ConfidenceSet, confidence_difference, confidence_mask, confidence_set
from spatialstats.stats.confidence_boundary import (
    boundary_residuals,
    edges,
    field_of,
    largest_deviations,
    quantile_of,
)
from spatialstats.stats.intervals import resamples

Y, X = np.mgrid[:20, :20]
BUMP = 2 * np.exp(-((Y - 9.3) ** 2 + (X - 9.6) ** 2) / (2 * 4.0**2))
BESIDE = np.roll(BUMP, 4, 1)
RUNS = 200
LEAST = stats.binom.ppf(0.001, RUNS, 0.95) / RUNS
"""Coverage that sets of .95 stay below once in a thousand times: .895."""


def noisy(mean: np.ndarray, n: int, seed: int) -> np.ndarray:
    return mean + smooth(np.random.default_rng((seed, n)), n, 2.0, mean.shape)


def holds(found: ConfidenceSet, truth: np.ndarray) -> bool:
    return bool((found.certain <= truth).all() and (truth <= found.possible).all())


def test_the_set_is_that_of_the_formulas() -> None:
    maps = noisy(BUMP, 12, 1)
    found = confidence_set(maps, 1.0, n_resamples=99, seed=5, confidence=0.9)
    null = deviations([(maps, 1.0, 1)], next(resamples(12, 5, 99)))
    assert found.quantile == pytest.approx(np.sort(null)[89], rel=1e-10)
    distance = (maps.mean(0) - 1.0) / (maps.std(0, ddof=1) / math.sqrt(12))
    np.testing.assert_allclose(found.distance, distance, rtol=1e-10, atol=1e-12)
    np.testing.assert_array_equal(found.certain, distance >= found.quantile)
    np.testing.assert_array_equal(found.possible, distance >= -found.quantile)
    np.testing.assert_allclose(found.densities[0], maps.mean(0), atol=1e-14)
    assert found.n_boundary == len(neighbours(maps.mean(0) > 1))


@pytest.mark.parametrize(("other", "limit"), [(BESIDE, 1.1), (-BUMP, -0.8)])
def test_the_difference_is_that_of_the_formulas(other: np.ndarray, limit: float) -> None:
    # beside: parts of the boundary belong to one of the two; turned: nearly all of it to both at once
    attack, importance = noisy(BUMP, 11, 2), noisy(other, 11, 3) if limit > 0 else -noisy(BUMP, 11, 2)
    importance = importance + 0.01 * noisy(BUMP, 11, 7)
    found = confidence_difference(attack, importance, 0.8, limit, n_resamples=79, seed=3)
    stacks = [(attack, 0.8, 1), (importance, limit, -1)]
    null = deviations(stacks, next(resamples(11, 3, 79)))
    assert found.quantile == pytest.approx(np.sort(null)[75], rel=1e-10)
    inner, outer = np.ones((20, 20), bool), np.ones((20, 20), bool)
    for maps, c, side in stacks:
        distance = side * (maps.mean(0) - c) / (maps.std(0, ddof=1) / math.sqrt(11))
        inner &= distance >= found.quantile
        outer &= distance >= -found.quantile
    np.testing.assert_array_equal(found.certain, inner)
    np.testing.assert_array_equal(found.possible, outer)
    np.testing.assert_array_equal(found.estimated, (attack.mean(0) > 0.8) & (importance.mean(0) <= limit))


def test_over_the_map_the_quantile_is_that_of_a_simultaneous_band() -> None:
    maps = noisy(BUMP, 15, 4)
    found = confidence_set(maps, 1.0, n_resamples=99, seed=2, over="map")
    residuals = maps - maps.mean(0)
    null = [
        np.abs(stats.ttest_1samp(residuals[rows], 0).statistic).max() for rows in next(resamples(15, 2, 99))
    ]
    assert found.quantile == pytest.approx(np.sort(null)[94], rel=1e-9)
    boundary = confidence_set(maps, 1.0, n_resamples=99, seed=2)
    assert boundary.quantile < found.quantile
    assert (found.certain <= boundary.certain).all()
    assert (boundary.possible <= found.possible).all()
    whole = confidence_set(maps, -50.0, n_resamples=99, seed=2)
    assert (whole.over, whole.n_boundary, whole.quantile) == ("map", 0, found.quantile)
    assert whole.certain.all()


@pytest.mark.parametrize("n", [30, 60])
def test_sets_cover_the_truth_as_often_as_they_say(n: int) -> None:
    grid, boundary = 0, 0
    for run in range(RUNS):
        maps = noisy(BUMP, n, run)
        found = confidence_set(maps, 1.0, n_resamples=399, seed=run)
        right = holds(found, BUMP > 1)
        grid += right
        boundary += right and boundary_covered(maps, BUMP, 1.0, found.quantile)
    assert grid / RUNS >= LEAST
    # on the true boundary between the pixels the confidence is neither missed nor wasted
    assert LEAST <= boundary / RUNS <= stats.binom.isf(0.001, RUNS, 0.95) / RUNS


def test_skewed_maps_are_covered_by_resampled_images_and_not_by_signs() -> None:
    runs, missed, with_signs = 100, 0, 0
    truth = BUMP > 1
    for run in range(runs):
        maps = np.exp(noisy(BUMP, 36, run))
        found = confidence_set(maps, math.exp(1.5), n_resamples=199, seed=run)  # exp(1 + variance / 2)
        missed += not holds(found, truth)
        field = field_of(maps.reshape(36, -1), math.exp(1.5))
        signed = largest_deviations(*boundary_residuals((field,), truth.shape), run, 199, None, drawn="signs")
        q = quantile_of(signed, 0.95)
        right = ((found.distance >= q) <= truth).all() and (truth <= (found.distance >= -q)).all()
        with_signs += not right
    assert missed / runs <= stats.binom.isf(0.001, runs, 0.05) / runs
    assert with_signs > missed + 5


def test_differences_of_dependent_maps_cover_the_truth_as_often_as_they_say() -> None:
    truth = (BUMP > 1) & ~(BESIDE > 1)
    covered = 0
    for run in range(RUNS):
        attack = noisy(BUMP, 40, run)
        importance = BESIDE + 0.6 * (attack - BUMP) + 0.8 * (noisy(BUMP, 40, run + RUNS) - BUMP)
        covered += holds(confidence_difference(attack, importance, 1, 1, n_resamples=199, seed=run), truth)
    assert covered / RUNS >= LEAST


@pytest.mark.parametrize(("c", "n"), [(0.3, 60), (0.1, 100)])
def test_frequencies_of_masks_cover_the_truth_as_often_as_they_say(c: float, n: int) -> None:
    frequency = stats.norm.cdf(BUMP - 2)
    covered = 0
    for run in range(RUNS):
        masks = noisy(BUMP - 2, n, run) > 0
        covered += holds(confidence_set(masks, c, n_resamples=199, seed=run), frequency > c)
    assert covered / RUNS >= LEAST


def test_the_distance_of_a_frequency_is_that_of_its_exact_binomial_tail() -> None:
    masks = np.arange(21)[:, None, None] < np.arange(22)[None, None, :]
    found = confidence_set(masks, 0.3, n_resamples=19)
    for hits in range(7, 22):
        exact = stats.binomtest(hits, 21, 0.3, alternative="greater").pvalue
        assert stats.norm.sf(found.distance[0, hits]) == pytest.approx(min(exact, 0.5))
    for hits in range(7):
        exact = stats.binomtest(hits, 21, 0.3, alternative="less").pvalue
        assert stats.norm.cdf(found.distance[0, hits]) == pytest.approx(min(exact, 0.5))


def test_what_a_mask_never_does_is_not_certain_to_be_rare() -> None:
    masks = np.zeros((40, 6, 6), bool)
    masks[:20, 2:4, 2:4] = True
    found = confidence_set(masks, 0.02, n_resamples=99)
    assert found.possible.all()  # none of 40 does not exclude 2 %
    assert found.certain[2:4, 2:4].all()
    assert "fewer than 5 hits" in found.sentence
    common = confidence_set(masks, 0.3, n_resamples=99)
    assert not common.possible[0, 0]
    assert "fewer" not in common.sentence


def test_sets_shrink_towards_the_truth_with_images() -> None:
    sizes = []
    for n in (20, 80, 320):
        found = confidence_set(noisy(BUMP, n, 9), 1.0, n_resamples=199)
        assert (found.certain <= found.estimated).all()
        assert (found.estimated <= found.possible).all()
        sizes.append((found.possible & ~found.certain).sum())
    assert sizes[0] > sizes[1] > sizes[2]


def test_nothing_depends_on_the_batch_and_draws_are_a_function_of_the_seed() -> None:
    maps = noisy(BUMP, 14, 3)
    whole = confidence_set(maps, 1.0, n_resamples=120)
    assert confidence_set(maps, 1.0, n_resamples=120, batch=7).quantile == whole.quantile
    assert confidence_set(maps, 1.0, n_resamples=120, seed=1).quantile != whole.quantile


def test_sets_move_with_the_lattice_and_the_scale() -> None:
    maps = noisy(BUMP, 14, 3)
    found = confidence_set(maps, 1.0, n_resamples=120)
    turned = confidence_set(np.swapaxes(maps, 1, 2)[:, ::-1], 1.0, n_resamples=120)
    np.testing.assert_array_equal(turned.grades, found.grades.T[::-1])
    scaled = confidence_set(2 * maps - 4, -2.0, n_resamples=120)
    np.testing.assert_array_equal(scaled.grades, found.grades)
    assert scaled.quantile == pytest.approx(found.quantile, rel=1e-9)


def test_relative_sets_compare_with_each_maps_own_mean() -> None:
    level = np.random.default_rng(0).normal(0, 30, (14, 1, 1))
    maps = noisy(BUMP, 14, 3)
    found = confidence_set(maps + level, 0.0, relative=True, n_resamples=120)
    own = confidence_set(maps - maps.mean((1, 2), keepdims=True), 0.0, n_resamples=120)
    np.testing.assert_array_equal(found.grades, own.grades)
    assert "above its own mean" in found.sentence


def test_the_threshold_rule_is_the_inner_set() -> None:
    maps = noisy(BUMP, 60, 3).astype(np.float32)
    mask = confidence_mask(maps, 1.0, n_resamples=199, seed=4)
    assert mask.dtype == bool
    np.testing.assert_array_equal(mask, confidence_set(maps, 1.0, n_resamples=199, seed=4).certain)
    assert 0 < mask.sum() < (BUMP > 1).sum()


def test_pixels_without_variance_are_known() -> None:
    maps = noisy(BUMP, 14, 3)
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 0, 2] = 3.1, 0.1, 1.0
    found = confidence_set(maps, 1.0, n_resamples=99)
    assert found.grades[0, :3].tolist() == [2, 0, 1]


@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 2**30))
def test_edges_are_the_pairs_that_the_boundary_parts(height: int, width: int, seed: int) -> None:
    inside = np.random.default_rng(seed).random((height, width)) < 0.5
    inner, outer = edges(inside)
    expected = {(a[0] * width + a[1], b[0] * width + b[1]) for a, b in neighbours(inside)}
    assert set(zip(inner.tolist(), outer.tolist(), strict=True)) == expected
    assert len(inner) == len(expected)


def test_the_quantile_counts_the_sample_itself() -> None:
    draws = np.random.default_rng(0).permutation(np.arange(1.0, 100.0))
    assert quantile_of(draws, 0.95) == 95
    assert quantile_of(draws, 0.99) == 99
    assert quantile_of(draws, 0.999) == math.inf


def test_results_say_what_they_mean_and_fit_json_and_tables() -> None:
    maps = noisy(BUMP, 14, 3)
    found = confidence_set(maps, 1.0, n_resamples=99, name="attack density")
    for words in (
        "attack density > 1: certain at ",
        "With 95 % confidence",
        "99 draws that resample 14 images",
        "thresholds fixed before looking",
        "it does not say that a single image",
        "With 14 images the confidence is approximate",
    ):
        assert words in found.sentence
    assert json.loads(json.dumps(found.to_dict(), allow_nan=False))["n_certain"] == found.certain.sum()
    masks = confidence_set(maps > 1, 0.5, n_resamples=99)
    assert "99 draws of signs over 14 images" in masks.sentence
    assert (found.to_dict()["drawn"], masks.to_dict()["drawn"]) == ("images", "signs")
    frame = found.to_frame()
    assert frame["grade"].value_counts().get("certain", 0) == found.certain.sum()
    assert list(frame.columns) == ["row", "column", "density", "distance", "grade"]
    both = confidence_difference(maps, noisy(BESIDE, 14, 4), 1.0, 1.0, n_resamples=99)
    assert both.sentence.startswith("attack density > 1 and not importance > 1: certain at ")
    assert {"density_1", "density_2"} <= set(both.to_frame().columns)
    assert "thresholds fixed" not in confidence_set(maps, 1.0, n_resamples=9, over="map").sentence


def test_bad_input_is_refused_in_words() -> None:
    maps = noisy(BUMP, 14, 3)
    for wrong, message in (
        ((maps[:1], 1.0), "N at least 2"),
        ((maps[0], 1.0), r"maps \(N, H, W\)"),
        ((maps * np.nan, 1.0), "finite, got NaN"),
        ((maps, math.nan), "must be finite, got nan"),
        ((maps > 1, 1.0), "lie between 0 and 1 for masks, got 1.0"),
    ):
        with pytest.raises(InputError, match=message):
            confidence_set(*wrong)
    with pytest.raises(InputError, match="maps of the same images"):
        confidence_difference(maps, maps[:7], 1, 1)
    with pytest.raises(InputError, match=r"use 0\.95 for 95 %"):
        confidence_set(maps, 1.0, confidence=95)
    with pytest.raises(InputError, match="at least 1, got 0"):
        confidence_set(maps, 1.0, n_resamples=0)
    with pytest.raises(InputError, match="Valid names are boundary, map"):
        confidence_set(maps, 1.0, over="edge")  # type: ignore[arg-type]
