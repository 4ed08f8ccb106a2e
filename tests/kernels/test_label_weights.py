"""Masses, peaks and centres of mass at the ends of the range of floats, and measuring by itself."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Place

from spatialstats.kernels import label, measure
from spatialstats.kernels.label_regions import Regions


def noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.random(shape) < rng.uniform(0, 1, (shape[0], 1, 1))


def test_without_weights_mass_is_the_area() -> None:
    regions = label(np.array([[[1, 1, 0, 1]]], np.uint8)).regions
    assert regions.mass.tolist() == [2, 1]
    assert regions.peak.tolist() == [1, 1]
    assert (regions.weighted_col == regions.centroid_col).all()


@pytest.mark.parametrize("value", [5e-324, -2.2e-308, 1e-45, 1.7e308, -1.7e308, 3e38, 1 / 3])
def test_a_single_pixel_has_its_weight_for_its_mass(place: Place, value: float) -> None:
    weights = np.full((1, 2, 3), value)
    regions = label(place.put(np.eye(2, 3, dtype=bool)[None]), place.put(weights)).regions
    assert place.get(regions.mass).tolist() == [value, value]
    assert place.get(regions.peak).tolist() == [value, value]
    assert place.get(regions.weighted_col).tolist() == [0, 1]


def test_a_mass_beyond_float64_is_infinite_and_its_centre_is_not(place: Place) -> None:
    masks, weights = np.ones((1, 4, 5), bool), np.full((1, 4, 5), -1e308)
    regions = label(place.put(masks), place.put(weights)).regions
    assert place.get(regions.mass).tolist() == [-np.inf]
    assert place.get(regions.weighted_row).tolist() == [1.5]


def test_a_region_without_mass_has_no_centre_of_mass(place: Place) -> None:
    weights = np.array([[[2.0, -2.0, 7.0, -0.0, 0.0]]])
    masks = np.array([[[1, 1, 0, 1, 1]]], bool)
    regions = label(place.put(masks), place.put(weights)).regions
    assert place.get(regions.mass).tolist() == [0, 0]
    assert np.isnan(place.get(regions.weighted_row)).all()
    assert not np.signbit(place.get(regions.peak)).any()


def test_the_mass_does_not_depend_on_the_order_of_pixels(rng: np.random.Generator) -> None:
    weights = rng.normal(size=(1, 1, 5000)) * 10.0 ** rng.integers(-20, 20, 5000)
    full = np.ones(weights.shape, bool)
    turned = label(full, weights[..., ::-1].copy()).regions
    folded = label(full.reshape(1, 50, 100), rng.permutation(weights.ravel()).reshape(1, 50, 100)).regions
    assert label(full, weights).regions.mass == turned.mass == folded.mass


def test_measure_repeats_the_properties(place: Place, rng: np.random.Generator) -> None:
    masks = noise(rng, (3, 10, 10))
    weights = rng.random(masks.shape)
    found = label(place.put(masks), place.put(weights))
    again = measure(found.labels, place.put(weights))
    for name in Regions.__annotations__:
        assert place.get(getattr(again, name)).tobytes() == place.get(getattr(found.regions, name)).tobytes()


def test_measure_keeps_a_row_for_numbers_without_pixels(place: Place) -> None:
    labels = np.array([[[3, 0, -1, 1]], [[-2, 0, 0, 0]]], np.int32)
    for weights in (None, np.ones(labels.shape)):
        regions = measure(place.put(labels), None if weights is None else place.put(weights))
        assert place.get(regions.label).tolist() == [1, 2, 3]
        assert place.get(regions.sample).tolist() == [0, 0, 0]
        assert place.get(regions.area).tolist() == [1, 0, 1]
        assert place.get(regions.max_col).tolist() == [4, 0, 1]
        assert place.get(regions.mass).tolist() == [1, 0, 1]
        assert np.isnan(place.get(regions.centroid_col)).tolist() == [False, True, False]


def test_weights_outside_of_the_mask_may_be_anything(place: Place) -> None:
    weights = np.array([[[1.0, np.nan, np.inf]]])
    found = label(place.put(np.array([[[1, 0, 0]]], bool)), place.put(weights))
    assert place.get(found.regions.mass).tolist() == [1]
