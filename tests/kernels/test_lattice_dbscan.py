"""Clusters against scikit-learn and a short oracle, on the CPU and in emulated CUDA."""

from __future__ import annotations

import emulation
import numpy as np
import pytest
from conftest import Place
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle_lattice_dbscan import clusters, disc_sum
from sklearn.cluster import DBSCAN

from spatialstats.kernels import lattice_dbscan

EPS = [0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0, 13**0.5, 4.3]
LATTICES = st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 11))
QUARTERS = hnp.arrays(np.float32, LATTICES, elements=st.integers(0, 8).map(lambda k: k / 4))


def noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.random(shape) < rng.uniform(0, 1, (shape[0], 1, 1))


def reference(weights: np.ndarray, eps: float, least: float) -> np.ndarray:
    """scikit-learn's labels in raster order, -2 where there is no point."""
    labels = np.full(weights.shape, -2)
    for weight, found in zip(weights.astype(np.float64), labels, strict=True):
        there = weight > 0
        if there.any():
            fit = DBSCAN(eps=eps, min_samples=least).fit(np.argwhere(there), sample_weight=weight[there])
            found[there] = fit.labels_
    return labels


@pytest.mark.parametrize("eps", EPS)
@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_are_scikit_learns(rng: np.random.Generator, eps: float, weighted: bool) -> None:
    masks = noise(rng, (12, 11, 14))
    weights = masks * (rng.integers(1, 9, masks.shape) / 4 if weighted else 1.0)
    for least in (2, 4, 7):
        ours = lattice_dbscan(weights, eps=eps, min_samples=least)
        assert ours.dtype == np.int32
        assert (ours == reference(weights, eps, least)).all()


def test_borders_of_several_clusters_take_the_lowest() -> None:
    # two columns whose middle pixels are cores, and a light pixel between them
    weights = np.array([[[0, 3, 0, 3], [0, 3, 1, 3], [0, 3, 0, 3]]], np.float64)
    found = lattice_dbscan(weights, eps=1, min_samples=9)
    assert found.tolist() == [[[-2, 0, -2, 1], [-2, 0, 0, 1], [-2, 0, -2, 1]]]


def test_a_large_lattice_is_scikit_learns(rng: np.random.Generator) -> None:
    # more than 2^15 points of one image
    weights = (rng.random((1, 224, 230)) < 0.7) * rng.integers(1, 9, (1, 224, 230)) / 4
    for eps, least in ((1.5, 8), (3.0, 25)):
        ours = lattice_dbscan(weights, eps=eps, min_samples=least)
        assert (ours == reference(weights, eps, least)).all()


@settings(max_examples=60, deadline=None)
@given(QUARTERS, st.sampled_from(EPS), st.sampled_from([0.25, 2.0, 5.5]))
def test_clusters_are_the_oracles(weights: np.ndarray, eps: float, least: float) -> None:
    for ours, image in zip(lattice_dbscan(weights, eps=eps, min_samples=least), weights, strict=True):
        assert (ours == clusters(image, eps, least)).all()


def test_a_disc_is_added_in_its_stated_order(rng: np.random.Generator) -> None:
    # every sum rounds, and each image's threshold is the sum of one of its own discs
    weights = (10.0 ** rng.uniform(-9, 0, (12, 9, 10))).astype(np.float64)
    for image in weights:
        for eps in (1.5, 3.0):
            least = disc_sum(image, 4, 5, eps)
            ours = lattice_dbscan(image[None], eps=eps, min_samples=least)[0]
            assert (ours == clusters(image, eps, least)).all()
            with emulation.emulated():
                assert (lattice_dbscan(image[None], eps=eps, min_samples=least)[0] == ours).all()


def test_turning_the_image_turns_the_partition(rng: np.random.Generator) -> None:
    # numbers follow the raster, the cores' partition does not
    weights = noise(rng, (20, 9, 12)).astype(np.float64)
    cores = lattice_dbscan(weights, eps=1.5, min_samples=1)
    turned = lattice_dbscan(weights[:, ::-1], eps=1.5, min_samples=1)[:, ::-1]
    for a, b in zip(cores, turned, strict=True):
        pairs = set(zip(a.ravel().tolist(), b.ravel().tolist(), strict=True))
        assert len(pairs) == len({p[0] for p in pairs}) == len({p[1] for p in pairs})


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32, np.float64])
@pytest.mark.parametrize("eps", [0.5, 1.5, 3.0])
def test_every_place_gives_the_same_labels(
    place: Place, rng: np.random.Generator, dtype: type, eps: float
) -> None:
    weights = (noise(rng, (4, 9, 11)) * rng.integers(1, 5, (4, 9, 11))).astype(dtype)
    found = place.get(lattice_dbscan(place.put(weights), eps=eps, min_samples=3))
    assert found.dtype == np.int32
    for ours, image in zip(found, weights, strict=True):
        assert (ours == clusters(image, eps, 3.0)).all()


@pytest.mark.parametrize(
    "shape", [(0, 5, 5), (3, 1, 1), (2, 0, 4), (2, 4, 0), (1, 1, 70), (2, 70, 1), (1, 13, 37)]
)
@pytest.mark.parametrize("value", [0.0, 1.0, 1e308])
def test_odd_shapes_and_extremes(place: Place, shape: tuple[int, int, int], value: float) -> None:
    found = place.get(lattice_dbscan(place.put(np.full(shape, value)), eps=1.5, min_samples=1))
    assert found.shape == shape
    assert (found == (0 if value else -2)).all()


def test_the_smallest_floats_are_weights(place: Place) -> None:
    weights = np.zeros((1, 3, 5), np.float32)
    weights[0, 1] = 1e-40, 0, 1e-45, 1e-45, 0
    found = place.get(lattice_dbscan(place.put(weights), eps=1.5, min_samples=2e-45))
    assert found[0, 1].tolist() == [0, -2, 1, 1, -2]


@pytest.mark.parametrize(("order", "seed"), emulation.RUNS)
@pytest.mark.parametrize("shared_memory", [227 << 10, 1024])
def test_every_order_of_threads_gives_the_cpus_bits(
    rng: np.random.Generator, order: str, seed: int, shared_memory: int
) -> None:
    weights = (noise(rng, (3, 17, 19)) * rng.random((3, 17, 19))).astype(np.float32)
    for eps, least in ((1.0, 0.7), (1.5, 1.5), (3.6, 6.0)):
        wanted = lattice_dbscan(weights, eps=eps, min_samples=least)
        with emulation.emulated(order, seed, shared_memory=shared_memory):
            assert (lattice_dbscan(weights, eps=eps, min_samples=least) == wanted).all()


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_bad_weights_are_refused(place: Place, value: float) -> None:
    weights = np.ones((2, 2, 3), np.float32)
    weights[1, 1, 2] = value
    with pytest.raises(ValueError, match="finite and not negative"):
        lattice_dbscan(place.put(weights))


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"eps must lie in \(0, 64\]"):
        lattice_dbscan(np.ones((1, 2, 2)), eps=0)
    with pytest.raises(ValueError, match="min_samples must be positive"):
        lattice_dbscan(np.ones((1, 2, 2)), min_samples=0)
    with pytest.raises(ValueError, match=r"weights must be \(N, H, W\)"):
        lattice_dbscan(np.ones((2, 2)))
    with pytest.raises(TypeError, match="got int64"):
        lattice_dbscan(np.ones((1, 2, 2), np.int64))
