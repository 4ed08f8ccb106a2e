"""Correlations of maps against NumPy's and scipy's."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Place
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import pearsonr

from spatialstats.kernels.pearson import pearson, pearson_matrix, pearson_tiles


def reference(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    x, y = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (a, b))
    return np.corrcoef(x, y)[: len(x), len(x) :]


@pytest.mark.parametrize("shape", [(3, 5, 7), (4, 2, 1), (2, 181, 182)])
@pytest.mark.parametrize("offset", [0.0, 1e4])
def test_correlations_are_numpys(
    place: Place, rng: np.random.Generator, shape: tuple[int, ...], offset: float
) -> None:
    a, b = rng.normal(size=shape) + offset, (rng.normal(size=(5, *shape[1:])) ** 5).astype(np.float32)
    found = place.get(pearson_matrix(place.put(a), place.put(b)))
    np.testing.assert_allclose(found, reference(a, b), atol=1e-10 * max(1.0, offset / 100))
    assert abs(found).max() <= 1
    paired = place.get(pearson(place.put(a), place.put(b[: len(a)])))
    assert (paired == np.diag(found[:, : len(a)])).all()


def test_peaked_maps_keep_their_digits(rng: np.random.Generator) -> None:
    # one pixel outweighs a thousand: half of the variance, and nearly all of the range
    a, b = rng.normal(size=(2, 6, 1024))
    a[:, 3] += 1000
    b[:, 3] -= 1000
    expected = [pearsonr(x, y).statistic for x, y in zip(a, b, strict=True)]
    np.testing.assert_allclose(pearson(a, b), expected, atol=1e-10)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32), st.integers(-60, 60), st.integers(-8, 8))
def test_powers_of_two_and_signs_change_nothing(seed: int, power: int, shift: int) -> None:
    rng = np.random.default_rng(seed)
    a, b = rng.integers(-99, 99, (2, 3, 20)).astype(np.float64)
    plain = pearson_matrix(a, b)
    assert (pearson_matrix(a * 2.0**power, b) == plain).all()
    assert (pearson_matrix(a, -b) == -plain).all()
    np.testing.assert_allclose(pearson_matrix(a + shift, b), plain, atol=1e-11)
    assert (pearson_matrix(b, a) == plain.T).all()


def test_sampled_pairs_and_tiles_have_the_matrixs_bits(place: Place, rng: np.random.Generator) -> None:
    a, b = rng.random((9, 50)).astype(np.float32), rng.random((7, 50))
    x, y = place.put(a), place.put(b)
    matrix = place.get(pearson_matrix(x, y))
    rows_a, rows_b = rng.integers(0, 9, 20), rng.integers(0, 7, 20)
    sampled = place.get(pearson(x, y, place.put(rows_b), rows_a=place.put(rows_a)))
    assert (sampled == matrix[rows_a, rows_b]).all()
    whole = np.zeros((9, 7))
    for rows, columns, block in pearson_tiles(x, y, tile=4):
        assert block.shape[0] <= 4 >= block.shape[1]
        whole[rows, columns] = place.get(block)
    assert (whole == matrix).all()


def test_pixels_in_another_order_give_the_same_bits(rng: np.random.Generator) -> None:
    a, b = rng.normal(size=(2, 20, 3000)).astype(np.float32)
    order = rng.permutation(3000)
    assert (pearson_matrix(a, b) == pearson_matrix(a[:, order], b[:, order])).all()


def test_the_smallest_floats_keep_their_digits(place: Place, rng: np.random.Generator) -> None:
    whole = rng.integers(0, 1 << 20, (4, 30)).astype(np.uint32)  # of 2^-149
    found = place.get(pearson(place.put(whole.view(np.float32)), place.put(whole[::-1].astype(np.float64))))
    assert (found == pearson(whole.astype(np.float64), whole[::-1].astype(np.float64))).all()


def test_constant_maps_have_no_correlation() -> None:
    a = np.array([[0.1, 0.1, 0.1], [0, 1, 3], [0, 0, 0]])
    assert np.isnan(pearson_matrix(a, a)).tolist() == [[True, True, True], [True, False, True], [True] * 3]
    assert np.isnan(pearson(a, a)).tolist() == [True, False, True]
    assert pearson(a[1:2], a[1:2]).tolist() == [1.0]
    assert pearson_matrix(a[:0], a).shape == (0, 3)


def test_bad_maps_are_refused(place: Place) -> None:
    ones = place.put(np.ones((2, 3)))
    with pytest.raises(ValueError, match="finite"):
        pearson(ones, place.put(np.array([[1, 2, np.nan], [1, 2, 3]])))
    with pytest.raises(ValueError, match="one shape"):
        pearson_matrix(ones, place.put(np.ones((2, 4))))
    with pytest.raises(TypeError, match="float32 or float64"):
        pearson_matrix(ones, place.put(np.ones((2, 3), int)))
    with pytest.raises(ValueError, match=r"rows_b must lie in \[0, 2\)"):
        pearson(ones, ones, place.put(np.array([0, 2])))
    with pytest.raises(ValueError, match="tile"):
        pearson_tiles(ones, ones, tile=0)
