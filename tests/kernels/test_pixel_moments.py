"""PixelMoments: merge laws, pooling, and what is derived from the sums."""

from __future__ import annotations

import io

import kernel_oracles as oracles
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats.kernels import PixelMoments, density, density_pairs

SEEDS = st.integers(0, 2**32)


def some(seed: int) -> PixelMoments:
    rng = np.random.default_rng(seed)
    n = int(rng.integers(0, 12))
    maps = rng.uniform(-1, 1, (n, 2, 3)).astype(np.float32)
    return density(maps, rng.integers(0, 4, n), 4, thresholds=(0.0, 0.5))


@settings(max_examples=40, deadline=None)
@given(SEEDS, SEEDS, SEEDS)
def test_merge_is_associative_and_commutative_with_a_neutral_element(i: int, j: int, k: int) -> None:
    a, b, c = some(i), some(j), some(k)
    oracles.identical(a.merge(b).merge(c), a.merge(b.merge(c)))
    oracles.identical(a.merge(b), b.merge(a))
    oracles.identical(a, a.merge(PixelMoments.empty(4, (2, 3), thresholds=(0.0, 0.5))))


@pytest.mark.parametrize("levels", [(), (0.1, 0.2)])
@pytest.mark.parametrize("shape", [(0, 3), (1, 1), (3, 70, 30)])
def test_pooled_groups_of_any_shape(shape: tuple[int, ...], levels: tuple[float, ...]) -> None:
    bright = np.ones((5, 3, *shape[-2:]), np.uint8)
    fine = density_pairs(bright, bright * 255, np.arange(5), 5, thresholds=levels, channels="keep")
    pooled = fine.pool(np.array([1, 1, -1, 1, 0]), 3)
    assert pooled.count.tolist() == [1, 3, 0]
    assert (pooled.positive == np.reshape([254, 762, 0], (3, 1, 1, 1))).all()
    assert pooled.exceeded.shape == (len(levels), 3, *fine.shape)
    assert (pooled.exceeded == np.reshape([1, 3, 0], (3, 1, 1, 1))).all()
    assert (pooled.maximum[2] == -np.inf).all()


@settings(max_examples=40, deadline=None)
@given(SEEDS)
def test_pooled_groups_are_those_of_the_coarser_groups(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = rng.uniform(-1, 1, (20, 2, 3)).astype(np.float32)
    groups, coarse = rng.integers(0, 6, 20), np.array([0, 1, 0, 1, 2, 2])
    fine = density(maps, groups, 6, thresholds=[0.3])
    oracles.identical(fine.pool(coarse), density(maps, coarse[groups], 3, thresholds=[0.3]))
    kept = coarse[groups] != 2
    oracles.identical(fine.pool(np.array([0, 1, 0, 1, -1, -1])),
              density(maps[kept], coarse[groups][kept], 2, thresholds=[0.3]))  # fmt: skip
    assert fine.pool(np.zeros(6, int), 3).n_groups == 3


@settings(max_examples=60, deadline=None)
@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=20), st.integers(0, 25), st.booleans())
def test_variance_is_exact_and_never_negative(values: list[float], shrink: int, near: bool) -> None:
    maps = np.array(values, np.float32) * np.float32(2.0**-shrink)
    if near:  # tiny deviations about a large mean, where sums of squares cancel
        maps = np.float32(0.75) + maps / 8
    moments = density(maps[:, None, None], np.zeros(len(maps), int), 1)
    ours = moments.variance().item()
    assert ours >= 0
    assert ours * 2.0**48 == pytest.approx(oracles.variance(oracles.rounded(maps)), rel=1e-14)


def test_variance_holds_for_many_samples() -> None:
    moments = density(np.array([[[0.5]], [[0.5 + 2**-24]]], np.float32), np.array([0, 0]), 1)
    for _ in range(35):
        moments = moments.merge(moments)
    assert moments.count[0] == 2**36
    assert moments.variance().item() == 2.0**-50
    with pytest.raises(ValueError, match=r"at most 2\^37 observations a group"):
        moments.merge(moments).merge(moments)


def test_means_and_exceedance(rng: np.random.Generator) -> None:
    maps = rng.uniform(-1, 1, (50, 3, 4)).astype(np.float32)
    moments = density(maps, np.zeros(50, int), 2, thresholds=[0.25])
    exact = oracles.rounded(maps) / 2.0**24
    for ours, theirs in (
        (moments.mean(), exact), (moments.abs_mean(), np.abs(exact)),
        (moments.positive_mean(), np.maximum(exact, 0)), (moments.negative_mean(), np.maximum(-exact, 0)),
        (moments.exceedance()[0], maps > 0.25),
    ):  # fmt: skip
        assert ours.dtype == np.float64
        np.testing.assert_allclose(ours[0], theirs.mean(axis=0), rtol=1e-13)
        assert np.isnan(ours[1]).all()
    assert np.isnan(moments.variance()[1]).all()
    assert np.isinf(moments.minimum[1]).all()


def test_arrays_survive_npz(rng: np.random.Generator) -> None:
    clean = rng.integers(0, 256, (9, 3, 4, 4), dtype=np.uint8)
    moments = density_pairs(clean, clean[::-1], np.arange(9) % 2, 2, thresholds=[8 / 255])
    held = io.BytesIO()
    np.savez(held, **moments.to_arrays())
    held.seek(0)
    with np.load(held, allow_pickle=False) as stored:
        back = PixelMoments.from_arrays(stored)
    oracles.identical(moments, back)
    assert (back.steps, back.observations) == (255, 3)
    with pytest.raises(ValueError, match="missing: count"):
        PixelMoments.from_arrays({k: v for k, v in moments.to_arrays().items() if k != "count"})


@pytest.mark.parametrize(
    ("other", "name"),
    [
        (PixelMoments.empty(2, (2, 3), thresholds=(0.0, 0.5)), "n_groups"),
        (PixelMoments.empty(4, (3, 2), thresholds=(0.0, 0.5)), "shape"),
        (PixelMoments.empty(4, (2, 3), thresholds=(0.0, 0.4)), "thresholds"),
        (PixelMoments.empty(4, (2, 3), thresholds=(0.0, 0.5), steps=255), "steps"),
        (PixelMoments.empty(4, (2, 3), thresholds=(0.0, 0.5), observations=3), "observations"),
    ],
)
def test_moments_of_different_kinds_do_not_merge(other: PixelMoments, name: str) -> None:
    with pytest.raises(ValueError, match=f"must agree in {name}"):
        some(1).merge(other)
