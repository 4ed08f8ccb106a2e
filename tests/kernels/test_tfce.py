"""Threshold-free enhancement against MNE, nilearn, the tfce package and a flood fill."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from kernel_oracles import enhanced
from scipy.ndimage import gaussian_filter, generate_binary_structure

from spatialstats.kernels import tfce_gpu
from spatialstats.kernels.inference import tfce_test
from spatialstats.kernels.t_maps import t_maps
from spatialstats.kernels.tfce import Enhancement, tfce, tfce_maxima, tfce_null

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import tfce as package
    from mne.stats import permutation_cluster_1samp_test
    from mne.stats.cluster_level import _find_clusters, _get_1samp_orders
    from nilearn.mass_univariate._utils import calculate_tfce

EXACT = Enhancement(step=None)
T_MAPS = hnp.arrays(
    np.float64, st.tuples(st.integers(1, 2), st.integers(1, 6), st.integers(1, 9)),
    elements=st.floats(-4, 4, width=32) | st.sampled_from([0.0, 0.2, 0.4, -0.6, 2.0]),
)  # fmt: skip


@pytest.fixture
def t(rng: np.random.Generator) -> np.ndarray:
    """Five t maps of smooth noise, 19 x 23."""
    maps = gaussian_filter(rng.normal(size=(15, 19, 23)), (0, 1.2, 1.2))
    return t_maps(maps, rng.choice(np.array([-1, 1], np.int8), (5, 15)))


@pytest.mark.parametrize(("start", "step"), [(0.0, 0.2), (0.35, 0.15), (1.0, 0.5), (9.0, 1.0)])
def test_steps_are_mnes_to_the_bit(t: np.ndarray, start: float, step: float) -> None:
    ours = tfce(t, Enhancement(start=start, step=step))
    for one, scores in zip(t, ours, strict=True):
        theirs = _find_clusters(one, {"start": start, "step": step}, tail=0)[1].reshape(one.shape)
        assert (scores == theirs * np.sign(one)).all()


def test_null_and_p_are_mnes(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(12, 9, 14)), (0, 1, 1)) + 0.1
    scores, _, p, null = permutation_cluster_1samp_test(
        maps, threshold={"start": 0, "step": 0.2}, n_permutations=60, rng=np.random.default_rng(3),
        verbose="ERROR",
    )  # fmt: skip
    signs = (2 * np.array(_get_1samp_orders(12, 60, 0, np.random.default_rng(3))[0]) - 1).astype(np.int8)
    ours = tfce_test(maps, signs)
    np.testing.assert_allclose(ours.scores, scores, rtol=1e-10)
    np.testing.assert_allclose(ours.null, null[1:], rtol=1e-10)
    np.testing.assert_allclose(ours.p.ravel(), p, rtol=1e-12)


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize(("extent_power", "height_power"), [(0.5, 2), (1.0, 1.3)])
def test_own_steps_are_nilearns(
    t: np.ndarray, connectivity: int, extent_power: float, height_power: float
) -> None:
    theirs = calculate_tfce(
        np.moveaxis(t, 0, -1)[:, :, None],
        generate_binary_structure(3, connectivity),
        extent_power,
        height_power,
    )
    how = Enhancement(
        n_steps=100, connectivity=connectivity, extent_power=extent_power, height_power=height_power
    )
    np.testing.assert_allclose(tfce(t, how), np.moveaxis(theirs[:, :, 0], -1, 0), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("connectivity", "theirs"), [(1, 6), (2, 26)])
@pytest.mark.parametrize("powers", [(0.5, 2.0), (1.0, 1.0), (0.7, 1.5)])
def test_exact_scores_are_the_packages(
    t: np.ndarray, connectivity: int, theirs: int, powers: tuple[float, float]
) -> None:
    single = t.astype(np.float32)
    expected = package.tfce(
        np.moveaxis(single, 0, -1)[:, :, None], connectivity=theirs, E=powers[0], H=powers[1]
    )[:, :, 0]
    how = Enhancement(step=None, connectivity=connectivity, extent_power=powers[0], height_power=powers[1])
    np.testing.assert_allclose(tfce(single, how), np.moveaxis(expected, -1, 0), rtol=2e-6)


@settings(max_examples=30, deadline=None)
@given(T_MAPS, st.sampled_from([1, 2]), st.sampled_from([(0.5, 2.0), (1.5, 0.7)]))
def test_exact_scores_are_the_integral(t: np.ndarray, connectivity: int, powers: tuple[float, float]) -> None:
    extent_power, height_power = powers
    how = Enhancement(None, connectivity=connectivity, extent_power=extent_power, height_power=height_power)
    for one, scores in zip(t, tfce(t, how), strict=True):
        edges = np.unique(np.append(np.abs(one), 0.0))
        pieces = np.diff(edges ** (height_power + 1)) / (height_power + 1)
        expected = enhanced(one, edges[:-1], pieces, connectivity, power=extent_power)
        np.testing.assert_allclose(scores, expected, rtol=1e-10, atol=1e-13)


@settings(max_examples=30, deadline=None)
@given(T_MAPS, st.sampled_from([1, 2]), st.sampled_from([0.0, 0.3]))
def test_steps_are_the_oracles_bits(t: np.ndarray, connectivity: int, start: float) -> None:
    heights = start + np.arange(30) * ((start + 0.2) - start)
    weights = heights**2 * np.abs(np.diff(heights, prepend=0.0))
    ours = tfce(t, Enhancement(start=start, connectivity=connectivity))
    for one, scores in zip(t, ours, strict=True):
        assert (scores == enhanced(one, heights, weights, connectivity)).all()


def test_small_steps_come_to_the_integral(t: np.ndarray) -> None:
    exact = tfce(t, EXACT)
    np.testing.assert_allclose(tfce(t, Enhancement(step=1e-3)), exact, rtol=0.01, atol=0.01)


def test_nearly_equal_values_are_still_in_order(rng: np.random.Generator) -> None:
    t = 1 + rng.permutation(120).reshape(1, 6, 20) * 1e-9  # two values in float32
    edges = np.append(0.0, np.sort(t.ravel()))
    expected = enhanced(t[0], edges[:-1], np.diff(edges**3 / 3), 1)
    np.testing.assert_allclose(tfce(t, EXACT)[0], expected, rtol=1e-13)


@pytest.mark.parametrize(
    "how",
    [
        Enhancement(),
        Enhancement(start=0.5, alternative="less"),
        Enhancement(n_steps=5, connectivity=2),
        EXACT,
    ],
)
@pytest.mark.parametrize("shape", [(0, 3, 3), (2, 1, 1), (2, 5, 9), (1, 0, 4)])
def test_every_kind_of_array(
    rng: np.random.Generator, place: Place, how: Enhancement, shape: tuple[int, int, int]
) -> None:
    if how.exact and place.name in ("emulated", "cupy"):
        with pytest.raises(TypeError, match="exact TFCE"):
            tfce(place.put(np.zeros((1, 2, 2))), how)
        return
    t = rng.normal(size=shape)
    scores = place.get(tfce(place.put(t), how))
    assert scores.shape == shape
    assert (scores * t >= 0).all()
    if how.alternative == "less":
        assert (scores <= 0).all()
    largest = place.get(tfce_maxima(place.put(t), how))
    assert largest.tolist() == np.abs(scores).max(axis=(1, 2), initial=0).tolist()


@pytest.mark.parametrize("value", [0.0, 1.0, -1.0])
def test_flat_maps(place: Place, value: float) -> None:
    t = np.full((1, 4, 5), value)
    got = place.get(tfce(place.put(t), Enhancement(step=0.25)))
    expected = sum(h**2 * 0.25 for h in (0.25, 0.5, 0.75)) * np.sqrt(20) * value
    np.testing.assert_allclose(got, expected, rtol=1e-14)


@pytest.mark.parametrize(("order", "seed"), RUNS)
def test_cuda_gives_the_cpus_bits(
    rng: np.random.Generator, order: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tfce_gpu, "BLOCKS", 2)
    t = rng.normal(size=(3, 10, 13)) + 0.3
    t[1] = 0
    for how in (
        Enhancement(step=0.4, connectivity=2, extent_power=0.7),
        Enhancement(n_steps=6, height_power=1.5, alternative="greater"),
    ):
        here = tfce(t, how), tfce_maxima(t, how)
        for shared_memory in (227 << 10, 1 << 10):
            with emulated(order, seed, shared_memory):
                there = tfce(t, how), tfce_maxima(t, how)
            assert (here[0] == there[0]).all()
            assert (here[1] == there[1]).all()


@pytest.mark.parametrize("how", [None, EXACT])
def test_the_null_does_not_depend_on_the_batch(rng: np.random.Generator, how: Enhancement | None) -> None:
    maps, signs = rng.normal(size=(9, 8, 7)), rng.choice(np.array([-1, 1], np.int8), (20, 9))
    expected = tfce_maxima(t_maps(maps, signs), how)
    for batch in (None, 1, 6):
        assert tfce_null(maps, signs, how, batch=batch).tobytes() == expected.tobytes()


def test_an_effect_is_found(rng: np.random.Generator) -> None:
    maps = gaussian_filter(rng.normal(size=(20, 12, 12)), (0, 1, 1))
    maps[:, 3:8, 3:8] += 0.8
    result = tfce_test(maps, rng.choice(np.array([-1, 1], np.int8), (99, 20)))
    assert (result.p[4:7, 4:7] == 0.01).all()
    assert result.p[0, 11] > 0.05


def test_bad_input_is_refused(place: Place) -> None:
    t = np.ones((1, 2, 2))
    for value in (np.nan, np.inf):
        with pytest.raises(ValueError, match="t_maps must"):
            tfce(place.put(t * value))
    with pytest.raises(ValueError, match="choose a larger step"):
        tfce(place.put(t * 1e6))
    with pytest.raises(TypeError, match="float32 or float64"):
        tfce(place.put(t.astype(np.int32)))
    for options, message in (
        ({"step": 0.0}, "step must be positive"), ({"start": -1.0}, "start must be finite"),
        ({"n_steps": 0}, "n_steps must lie"), ({"extent_power": 0}, "extent_power must be positive"),
        ({"connectivity": 3}, "connectivity must be 1"), ({"alternative": "both"}, "alternative must be"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            Enhancement(**options)
