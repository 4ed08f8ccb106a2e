"""Correlogram and variogram against esda, matrices of distances and every pair of pixels."""

from __future__ import annotations

import itertools
import json
from typing import Any

import numpy as np
import pytest
from fields import smooth
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle_lattice import esda, libpysal, quietly

from spatialstats.errors import InputError
from spatialstats.kernels import Lattice
from spatialstats.stats import correlogram, gearys_c, morans_i, variogram

EDGES = (0.0, 1.0, 2.0, 3.5, 6.0)


def distances(valid: np.ndarray) -> np.ndarray:
    """Distance of every two valid pixels in raster order."""
    y, x = np.nonzero(valid)
    return np.asarray(np.hypot(y[:, None] - y, x[:, None] - x))


def by_pairs(image: np.ndarray, edges: tuple[float, ...]) -> list[tuple[int, float, float]]:
    """Number of pairs, mean distance and semivariance of each band, pair by pair."""
    valid = ~np.isnan(image)
    values, apart = image[valid], distances(valid)
    upper = np.triu_indices(values.size, 1)
    squares, lengths = (values[:, None] - values)[upper] ** 2, apart[upper]
    found = []
    for low, high in itertools.pairwise(edges):
        band = (lengths > low) & (lengths <= high)
        means = (lengths[band].mean(), squares[band].mean() / 2) if band.any() else (np.nan, np.nan)
        found.append((int(band.sum()), *means))
    return found


@pytest.mark.parametrize("weights", ["row", "binary"])
@pytest.mark.parametrize("missing", [False, True])
def test_correlogram_equals_esdas_moran_in_each_band(weights: Any, missing: bool) -> None:
    rng = np.random.default_rng(0)
    maps = smooth(rng, 2, 1.5, (9, 10))
    if missing:
        maps[:, rng.random((9, 10)) < 0.2] = np.nan
    found = correlogram(maps, EDGES, weights=weights, n_resamples=19)
    assert found.values.shape == (2, 4)
    for i, image in enumerate(maps):
        valid = ~np.isnan(image)
        apart = distances(valid)
        for b, (low, high) in enumerate(itertools.pairwise(EDGES)):
            near = ((apart > low) & (apart <= high)).astype(float)
            w = libpysal.weights.W(
                {j: np.flatnonzero(row).tolist() for j, row in enumerate(near)}, silence_warnings=True
            )
            moran: Any = quietly(esda.Moran, image[valid], w, weights[0], permutations=0)
            band = found.bands[b]
            got = [band.values[i], band.expected[i], band.variance_randomisation[i]]
            np.testing.assert_allclose(got, [moran.I, moran.EI, moran.VI_rand], rtol=0, atol=1e-10)
    assert (found.p_adjusted >= found.p_values).all()


def test_correlogram_by_default_falls_and_says_what_it_is() -> None:
    rng = np.random.default_rng(1)
    image = smooth(rng, 1, 2, (32, 32))[0]
    found = correlogram(image, n_resamples=99)
    assert found.edges == tuple(range(11))
    assert found.values[0, 0] > 0.8
    assert abs(found.values[0, -1]) < 0.4
    assert found.bands[0].p_values == morans_i(image, 1.0, n_resamples=99).p_values
    assert "adjusted by Holm" in found.sentence
    assert "neither where" in found.sentence
    frame = found.to_frame()
    assert len(frame) == 10
    assert list(frame["up_to"]) == list(range(1, 11))
    json.dumps(found.to_dict(), allow_nan=False)
    turned = correlogram(image.T[::-1], n_resamples=99)
    np.testing.assert_allclose(turned.values, found.values, atol=1e-12)
    np.testing.assert_array_equal(turned.p_adjusted, found.p_adjusted)


def test_correlogram_on_a_torus() -> None:
    image = np.random.default_rng(2).random((9, 9))
    found = correlogram(image, (0, 1, 2), torus=True, n_resamples=0)
    own = Lattice.distance_band((9, 9), 2, beyond=1, torus=True)
    assert found.values[0, 1] == morans_i(image, own, n_resamples=0).values[0]
    with pytest.raises(InputError, match="from 1 to 6 pixels"):
        correlogram(image, (1, 6), torus=True)


@settings(max_examples=40)
@given(
    st.integers(0, 2**32),
    st.tuples(st.integers(1, 8), st.integers(1, 8)),
    st.sampled_from([0.0, 0.3, 0.9]),
    st.sampled_from([EDGES, (0.0, 1.5), (2.0, 2.9, 20.0)]),
)
def test_variogram_equals_every_pair(
    seed: int, shape: tuple[int, int], missing: float, edges: tuple[float, ...]
) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.normal(3, 1, (2, *shape))
    maps[rng.random(maps.shape) < missing] = np.nan
    found = variogram(maps, edges)
    for i, image in enumerate(maps):
        for b, (pairs, distance, semivariance) in enumerate(by_pairs(image, edges)):
            assert found.n_pairs[i, b] == pairs
            np.testing.assert_allclose(found.distance[i, b], distance, rtol=1e-12)
            np.testing.assert_allclose(found.semivariance[i, b], semivariance, rtol=1e-10, atol=1e-12)
    turned = variogram(np.swapaxes(maps, 1, 2)[:, ::-1], edges)
    np.testing.assert_array_equal(turned.n_pairs, found.n_pairs)
    np.testing.assert_allclose(turned.semivariance, found.semivariance, rtol=1e-10, atol=1e-12)


def test_variogram_is_gearys_c_times_the_variance() -> None:
    image = smooth(np.random.default_rng(3), 1, 2)[0] + 40
    found = variogram(image, EDGES)
    for b, (low, high) in enumerate(itertools.pairwise(EDGES)):
        band = Lattice.distance_band(image.shape, high, beyond=low, row_standardised=False)
        c = gearys_c(image, band, n_resamples=0).values[0]
        assert found.semivariance[0, b] == pytest.approx(c * image.var(ddof=1), rel=1e-10)


def test_variogram_of_white_noise_is_flat_and_of_smooth_maps_rises() -> None:
    rng = np.random.default_rng(4)
    flat = variogram(rng.normal(size=(50, 20, 20))).semivariance.mean(0)
    np.testing.assert_allclose(flat, 1, atol=0.03)
    assert (np.diff(variogram(smooth(rng, 50, 2, (20, 20))).semivariance.mean(0)[:5]) > 0).all()


def test_variogram_says_what_it_is_and_handles_nothing() -> None:
    found = variogram(np.random.default_rng(5).random((3, 6, 7)))
    assert "Nothing was tested" in found.sentence
    assert "means of 3 maps" in found.sentence
    assert len(found.to_frame()) == 3 * (len(found.edges) - 1)
    json.dumps(found.to_dict(), allow_nan=False)
    assert (variogram(np.ones((5, 5))).semivariance == 0).all()
    for empty in (np.ones((1, 1)), np.full((4, 4), np.nan), np.zeros((0, 3, 3))):
        assert variogram(empty).sentence.startswith("Nothing was measured")
        assert "nothing was tested" in correlogram(empty).sentence
    mask = np.zeros((5, 5), bool)
    mask[0, :3] = True
    assert variogram(np.arange(25.0).reshape(5, 5), (0, 1, 2), mask=mask).semivariance.tolist() == [[0.5, 2]]


@pytest.mark.parametrize("edges", [(1,), (2, 1), (0, 0), (-1, 2), (0, np.inf), (0, np.nan)])
def test_edges_must_rise(edges: Any) -> None:
    for make in (correlogram, variogram):
        with pytest.raises(InputError, match="rising distances"):
            make(np.ones((4, 4)), edges)
    with pytest.raises(InputError, match="does not fit"):
        correlogram(np.ones((4, 4)), (0.2, 0.5))
