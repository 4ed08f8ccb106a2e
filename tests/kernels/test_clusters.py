"""Clusters of t maps against a flood fill, MNE, nilearn and SciPy; CUDA's bits against the CPU's."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_oracles import cluster_steps
from scipy.ndimage import gaussian_filter, generate_binary_structure

from spatialstats.kernels import clusters_gpu
from spatialstats.kernels.clusters import (
    Alternative,
    ClusterMaxima,
    cluster_maxima,
    cluster_null,
    clusters,
)
from spatialstats.kernels.inference import cluster_test, p_values
from spatialstats.kernels.permute import sign_flips
from spatialstats.kernels.t_maps import t_maps

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from mne.stats import permutation_cluster_1samp_test
    from mne.stats.cluster_level import _get_1samp_orders
    from nilearn.mass_univariate._utils import calculate_cluster_measures

SIGNS = {"two-sided": (1, -1), "greater": (1,), "less": (-1,)}
T_MAPS = hnp.arrays(
    np.float64, st.tuples(st.integers(0, 3), st.integers(1, 8), st.integers(1, 70)),
    elements=st.sampled_from([0.0, 1.5, -1.5, 2.0, -2.25, 3.0, np.inf, -np.inf, 1e-3, 2.000001]),
)  # fmt: skip


def smooth(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    noise = gaussian_filter(rng.normal(size=shape), (0, 1.2, 1.2))
    return noise / noise.std()


def flipped(rng: np.random.Generator, k: int, n: int) -> np.ndarray:
    return rng.choice(np.array([-1, 1], np.int8), (k, n))


def same(a: ClusterMaxima, b: ClusterMaxima) -> None:
    for name in ("extent", "mass", "excess", "t"):
        left, right = getattr(a, name), getattr(b, name)
        assert left.dtype == right.dtype
        assert left.tolist() == right.tolist(), name


def check_maxima(t: np.ndarray, threshold: float, connectivity: int, alternative: Alternative) -> None:
    got = cluster_maxima(t, threshold, connectivity=connectivity, alternative=alternative)
    level = int(np.rint(threshold * 2**32))
    for k, one in enumerate(t):
        found = [c for c in cluster_steps(one, threshold, connectivity) if c[1] in SIGNS[alternative]]
        assert got.extent[k] == max((len(c[3]) for c in found), default=0)
        assert got.mass[k] == max((c[2] for c in found), default=0) / 2**32
        assert got.excess[k] == max((c[2] - len(c[3]) * level for c in found), default=0) / 2**32
        assert got.t[k] == max(0, *((sign * one).max(initial=0) for sign in SIGNS[alternative]))


@settings(max_examples=30, deadline=None)
@given(T_MAPS, st.sampled_from([0.0, 1.5, 2.0, 40.0]), st.sampled_from([1, 2]), st.sampled_from(list(SIGNS)))
def test_maxima_are_the_oracles(
    t: np.ndarray, threshold: float, connectivity: int, alternative: Alternative
) -> None:
    check_maxima(t, threshold, connectivity, alternative)


@settings(max_examples=40, deadline=None)
@given(T_MAPS, st.sampled_from([1, 2]))
def test_clusters_are_the_oracles(t: np.ndarray, connectivity: int) -> None:
    found = clusters(t, 1.5, connectivity=connectivity)
    at = 0
    for k, one in enumerate(t):
        labels = np.zeros(one.size, np.int32)
        for number, (_, sign, steps, pixels) in enumerate(cluster_steps(one, 1.5, connectivity), 1):
            labels[pixels] = number
            row = (found.sample[at], found.label[at], found.sign[at], found.extent[at], found.mass[at])
            assert row == (k, number, sign, len(pixels), steps / 2**32)
            assert found.excess[at] == (steps - len(pixels) * 1.5 * 2**32) / 2**32
            at += 1
        assert (found.labels[k].ravel() == labels).all()
    assert len(found) == at
    assert found.labels.dtype == np.int32


@pytest.mark.parametrize("shape", [(0, 4, 4), (2, 1, 1), (3, 7, 13), (2, 0, 5), (1, 1, 130), (2, 66, 3)])
def test_every_kind_of_array(rng: np.random.Generator, place: Place, shape: tuple[int, int, int]) -> None:
    t = rng.normal(size=shape) * 2
    got = cluster_maxima(place.put(t), 1.0, connectivity=2)
    found = clusters(place.put(t.astype(np.float32)), 1.0)
    assert place.get(found.labels).shape == shape
    for k, one in enumerate(t):
        expected = cluster_steps(one, 1.0, 2)
        assert place.get(got.mass)[k] == max((c[2] for c in expected), default=0) / 2**32
        assert place.get(got.extent)[k] == max((len(c[3]) for c in expected), default=0)
        assert place.get(found.labels)[k].max(initial=0) == len(cluster_steps(one.astype(np.float32), 1.0, 1))


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0, 1e9])
def test_flat_maps(place: Place, value: float) -> None:
    got = cluster_maxima(place.put(np.full((1, 5, 9), value)), 0.5)
    area = 45 if value else 0
    assert place.get(got.extent).tolist() == [area]
    assert place.get(got.mass).tolist() == [area * min(abs(value), 2.0**24)]
    assert place.get(got.t).tolist() == [abs(value)]


@pytest.mark.parametrize("design", ["one-sample", "two-sample"])
@pytest.mark.parametrize("alternative", list(SIGNS))
@pytest.mark.parametrize("threshold", [0.0, 1.7, 6.0])
def test_the_null_is_that_of_its_t_maps(
    rng: np.random.Generator, design: str, alternative: Alternative, threshold: float
) -> None:
    maps = smooth(rng, (21, 13, 37))
    maps[:, 3, 3] = 0
    maps[:, 4, 4] = 1
    signs = flipped(rng, 16, 21)
    if design == "two-sample":
        signs = rng.permuted(np.tile(np.repeat(np.array([1, -1], np.int8), [8, 13]), (16, 1)), axis=1)
    options = {"connectivity": 2, "alternative": alternative}
    expected = cluster_maxima(t_maps(maps, signs, design=design), threshold, **options)
    for batch in (None, 7):
        same(cluster_null(maps, signs, threshold, design=design, batch=batch, **options), expected)


@pytest.mark.parametrize(("order", "seed"), RUNS)
def test_cuda_gives_the_cpus_bits(
    rng: np.random.Generator, order: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    maps, signs = smooth(rng, (9, 11, 13)), flipped(rng, 5, 9)
    t = t_maps(maps, signs)
    here = cluster_null(maps, signs, 0.8, connectivity=2), clusters(t, 0.8)
    monkeypatch.setattr(clusters_gpu, "BLOCKS", 2)
    for shared_memory in (227 << 10, 1 << 10):  # forests in shared, in global memory
        with emulated(order, seed, shared_memory):
            there = cluster_null(maps, signs, 0.8, connectivity=2, batch=3), clusters(t, 0.8)
        same(here[0], there[0])
        for name in ("labels", "sample", "label", "sign", "extent", "mass", "excess"):
            left, right = getattr(here[1], name), getattr(there[1], name)
            assert left.dtype == right.dtype
            assert (left == right).all(), name


def test_a_large_image(rng: np.random.Generator) -> None:
    t = gaussian_filter(rng.normal(size=(1, 1024, 1024)), (0, 3, 3))
    t /= t.std()
    found = clusters(t, 1.0)
    assert found.extent.sum() == (np.abs(t) > 1).sum()
    np.testing.assert_allclose(found.mass.sum(), np.abs(t[np.abs(t) > 1]).sum(), rtol=1e-9)
    assert cluster_maxima(t, 1.0).extent[0] == found.extent.max()


@pytest.mark.parametrize(("tail", "alternative"), [(0, "two-sided"), (1, "greater"), (-1, "less")])
def test_statistics_null_and_p_are_mnes(
    rng: np.random.Generator, tail: int, alternative: Alternative
) -> None:
    maps = smooth(rng, (25, 17, 22)) + 0.3
    maps[:, :, :9] -= 0.5
    threshold = 2.0
    t, masks, p, null = permutation_cluster_1samp_test(
        maps, threshold=-threshold if tail < 0 else threshold, n_permutations=120, tail=tail,
        rng=np.random.default_rng(7), out_type="mask", verbose="ERROR",
    )  # fmt: skip
    orders = _get_1samp_orders(25, 120, tail, np.random.default_rng(7))[0]
    signs = (2 * np.array(orders) - 1).astype(np.int8)
    ours = cluster_test(maps, signs, threshold, alternative=alternative)
    np.testing.assert_allclose(ours.t, t, rtol=1e-10, atol=1e-10)
    np.testing.assert_allclose(ours.null.mass, np.abs(null[1:]), rtol=1e-9)
    assert len(ours.clusters) == len(masks)
    for mask, their_p in zip(masks, p, strict=True):
        number = ours.clusters.labels[0][mask]
        assert (number == number[0]).all()
        at = number[0] - 1
        assert ours.clusters.extent[at] == mask.sum()
        np.testing.assert_allclose(ours.clusters.mass[at], np.abs(t[mask]).sum(), rtol=1e-10)
        assert ours.p_mass[at] == pytest.approx(their_p, rel=1e-14)


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("two_sided", [True, False])
def test_extent_and_excess_are_nilearns(rng: np.random.Generator, connectivity: int, two_sided: bool) -> None:
    t = t_maps(smooth(rng, (12, 19, 23)), flipped(rng, 10, 12))
    sizes, masses = calculate_cluster_measures(
        np.moveaxis(t, 0, -1)[:, :, None], 1.8, generate_binary_structure(3, connectivity), two_sided
    )
    ours = cluster_maxima(
        t, 1.8, connectivity=connectivity, alternative="two-sided" if two_sided else "greater"
    )
    assert (ours.extent == sizes).all()
    np.testing.assert_allclose(ours.excess, masses, atol=3e-9)  # 2^-33 a pixel


def test_p_values_count_ties_and_the_observed() -> None:
    null = np.array([1.0, 2.0, 2.0, 3.0])
    observed = np.array([[0.5, 2.0], [2.0 * (1 + 1e-14), 9.0]])
    assert p_values(observed, null).tolist() == [[1.0, 0.8], [0.8, 0.2]]
    assert p_values(np.array([3]), np.empty(0)).tolist() == [1.0]


def test_p_is_uniform_under_the_null(rng: np.random.Generator) -> None:
    tests, draws = 120, 39
    p = np.empty((2, tests))
    signs = sign_flips(10, 3, 0, draws)
    for i in range(tests):
        result = cluster_test(rng.normal(size=(10, 8, 8)), signs, 1.0)
        p[:, i] = result.p_t.min(), result.p_mass.min()
    # each of 40 values is as likely; with ties a p-value may only be larger
    for level in (0.05, 0.25, 0.5, 0.75):
        expected, deviation = level * tests, np.sqrt(level * (1 - level) * tests)
        counts = (p <= level + 1e-9).sum(axis=1)
        assert (np.abs(counts - expected) < 3.5 * deviation).all()


def test_an_effect_is_found_and_two_samples_need_their_labels(rng: np.random.Generator) -> None:
    maps = smooth(rng, (30, 16, 16))
    maps[:12, 4:9, 4:9] += 4
    labels = np.where(np.arange(30) < 12, 1, -1).astype(np.int8)
    signs = rng.permuted(np.tile(labels, (99, 1)), axis=1)
    result = cluster_test(maps, signs, 3.0, observed=labels, design="two-sample")
    best = result.p_mass.argmin()
    assert (result.p_mass[best], result.clusters.sign[best], result.p_t.min()) == (0.01, 1, 0.01)
    assert (result.clusters.labels[0, 5:8, 5:8] == best + 1).all()
    with pytest.raises(ValueError, match="observed must be given"):
        cluster_test(maps, signs, 3.0, design="two-sample")


def test_bad_input_is_refused(place: Place) -> None:
    t = np.zeros((1, 2, 2))
    with pytest.raises(ValueError, match="must not hold NaN"):
        clusters(place.put(np.where(np.eye(2)[None] > 0, np.nan, t)), 1.0)
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        clusters(place.put(t.astype(np.int64)), 1.0)
    with pytest.raises(ValueError, match="3 axes"):
        clusters(place.put(t[0]), 1.0)
    for threshold in (-1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="threshold must be finite"):
            clusters(place.put(t), threshold)
    with pytest.raises(ValueError, match="connectivity must be 1"):
        clusters(place.put(t), 1.0, connectivity=4)
    with pytest.raises(ValueError, match="alternative must be"):
        clusters(place.put(t), 1.0, alternative="both")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at most 2\\^20 pixels"):
        clusters(place.put(np.zeros((1, 1025, 1024), np.float32)), 1.0)


def test_infinite_values_tie_with_infinite_draws() -> None:
    found = p_values(np.array([np.inf, 1.0, -np.inf]), np.array([np.inf, 2.0, 0.5]))
    assert found.tolist() == [0.5, 0.75, 1.0]
