from __future__ import annotations

import json
import math

import numpy as np
import pytest
from fields import N_PIXELS, SHAPE, packed, smooth, top

from spatialstats.errors import InputError
from spatialstats.stats.k_function import cross_k
from spatialstats.stats.location import location_test, window_means
from spatialstats.stats.mask_overlap import mask_statistics


def counted_k(a: np.ndarray, b: np.ndarray, radius: float, edge: str) -> float:
    """Pair by pair."""
    height, width = a.shape
    total = 0.0
    for y, x in np.argwhere(a):
        for v, u in np.argwhere(b):
            down, right = v - y, u - x
            if edge == "torus":
                down, right = (
                    (down + height // 2) % height - height // 2,
                    (right + width // 2) % width - width // 2,
                )
            if math.hypot(down, right) <= radius:
                weight = height * width / ((height - abs(down)) * (width - abs(right)))
                total += weight if edge == "translation" else 1
    steps = sum(
        math.hypot(y, x) <= radius for y in range(-height, height + 1) for x in range(-width, width + 1)
    )
    return total * height * width / (a.sum() * b.sum() * steps)


@pytest.mark.parametrize("edge", ["translation", "torus", "none"])
def test_cross_k_equals_counting_pairs_of_pixels(edge: str) -> None:
    rng = np.random.default_rng(0)
    a, b = top(smooth(rng, 2)), top(smooth(rng, 2), 0.1)
    radii = [0, 1, 2.5, 5]
    found = cross_k(a, b, radii, edge=edge)  # type: ignore[arg-type]
    for i in range(2):
        expected = [counted_k(a[i], b[i], radius, edge) for radius in radii]
        np.testing.assert_allclose(found[i], expected, rtol=1e-12)


def test_cross_k_at_no_distance_is_the_overlap_lift_and_near_one_without_association() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.random((300, *SHAPE)) < 0.3, rng.random((300, *SHAPE)) < 0.2
    found = cross_k(a, b, [0, 3])
    np.testing.assert_allclose(found[:, 0], mask_statistics(*packed(a, b), N_PIXELS)["overlap lift"])
    assert np.abs(found.mean(0) - 1).max() < 0.06  # over three standard errors


def test_cross_k_of_nothing_is_unknown_and_wide_radii_are_refused() -> None:
    empty = np.zeros((1, *SHAPE), bool)
    assert np.isnan(cross_k(empty, ~empty, [1])).all()
    with pytest.raises(InputError, match="half of the shorter side"):
        cross_k(empty, empty, [7])
    with pytest.raises(InputError, match="did you mean 'torus'"):
        cross_k(empty, empty, [1], edge="tours")  # type: ignore[arg-type]


def test_the_location_test_has_its_exact_moments_and_effect() -> None:
    rng = np.random.default_rng(2)
    values, chosen = rng.random((30, 7)), rng.integers(0, 7, 30)
    values[3, 4:] = np.nan
    chosen[3] = 1
    found = location_test(values, chosen, n_resamples=999)
    at = values[np.arange(30), chosen]
    others = [(np.nansum(row) - x) / (np.isfinite(row).sum() - 1) for row, x in zip(values, at, strict=True)]
    assert found.effect == pytest.approx((at - others).mean())
    assert found.expected == pytest.approx(np.nanmean(values, 1).mean())
    sd = math.sqrt(np.nanvar(values, 1).sum()) / 30
    assert found.z == pytest.approx((at.mean() - np.nanmean(values, 1).mean()) / sd)


def test_a_search_that_prefers_large_values_is_found_and_a_blind_one_at_its_rate() -> None:
    rng = np.random.default_rng(3)
    wrong = 0
    for trial in range(300):
        values = rng.gamma(1.0, size=(15, 9)) + 3 * rng.random((15, 1))
        wrong += location_test(values, rng.integers(0, 9, 15), n_resamples=99, seed=trial).p_value <= 0.05
    assert wrong / 300 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 300)
    best = np.argmax(values + 0.5 * rng.normal(size=values.shape), 1)
    found = location_test(values, best, n_resamples=999, alternative="greater")
    assert found.p_value == 0.001
    assert found.low > 0
    assert "among the candidates of each image, 999 draws" in found.sentence
    assert json.dumps(found.to_dict(), allow_nan=False)
    assert len(found.to_frame()) == 1


def test_images_with_one_candidate_say_nothing() -> None:
    found = location_test(np.array([[1.0, np.nan]]), np.array([0]))
    assert (found.n, found.n_left_out) == (0, 1)
    assert found.sentence.startswith("Nothing was tested")
    same = location_test(np.ones((5, 4)), np.zeros(5, int), n_resamples=99)
    assert same.p_value == 1
    assert math.isnan(same.z)


def test_locations_that_are_no_candidates_are_refused() -> None:
    values = np.array([[1.0, np.nan], [1, 2]])
    with pytest.raises(InputError, match="has no value"):
        location_test(values, np.array([1, 0]))
    with pytest.raises(InputError, match=r"must lie in \[0, 1\]"):
        location_test(values, np.array([0, 2]))


def test_window_means_are_means_of_windows() -> None:
    maps = np.random.default_rng(4).random((2, 5, 6))
    found = window_means(maps, 2, 3)
    expected = [maps[1, y : y + 2, x : x + 3].mean() for y in range(4) for x in range(4)]
    np.testing.assert_allclose(found[1], expected, atol=1e-12)
    with pytest.raises(InputError, match="does not fit"):
        window_means(maps, 6, 1)
