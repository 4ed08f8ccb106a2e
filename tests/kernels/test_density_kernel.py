"""Density: exact sums against Python integers, whatever the input's form and place."""

from __future__ import annotations

from typing import Any

import kernel_oracles as oracles
import numba
import numpy as np
import pytest
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatialstats.kernels import PixelMoments, density, density_pairs

SHAPES = st.tuples(st.integers(0, 9), st.integers(1, 5), st.integers(1, 7))


def home(moments: PixelMoments) -> PixelMoments:
    """Moments held by NumPy, wherever they were made."""
    return PixelMoments.from_arrays(moments.to_arrays())


def same(moments: PixelMoments, expected: dict, n_levels: int = 0) -> None:
    moments = home(moments)
    flat = (moments.n_groups, int(np.prod(moments.shape)))
    square = moments.square_high.astype(object) * 2**48 + moments.square_low
    assert ((moments.square_low >= 0) & (moments.square_low < 2**48)).all()
    assert (moments.count == expected["count"]).all()
    assert (moments.positive.reshape(flat) == expected["positive"]).all()
    assert (moments.negative.reshape(flat) == expected["negative"]).all()
    assert (square.reshape(flat) == expected["square"]).all()
    for name in ("minimum", "maximum"):
        ours = getattr(moments, name)
        assert ours.dtype == np.float32
        assert (ours.reshape(flat) == (expected[name] / moments.steps).astype(np.float32)).all()
    assert moments.exceeded.shape == (n_levels, moments.n_groups, *moments.shape)
    assert (moments.exceeded.ravel() == expected["exceeded"].ravel()).all()


@settings(max_examples=30, deadline=None)
@given(
    hnp.arrays(np.float32, SHAPES, elements=st.floats(-1, 1, width=32)),
    st.integers(1, 4),
    st.integers(0, 2**32),
)
def test_maps_equal_python_integers(maps: np.ndarray, n_groups: int, seed: int) -> None:
    groups = np.random.default_rng(seed).integers(0, n_groups, len(maps))
    levels = [-0.25, 0.0, 0.1]
    rows = oracles.rounded(maps).reshape(len(maps), 1, maps.shape[1] * maps.shape[2])
    cuts = oracles.rounded(np.array(levels, np.float32))
    same(density(maps, groups, n_groups, thresholds=levels),
         oracles.moments(rows, rows[:, 0], groups, n_groups, cuts), 3)  # fmt: skip


SIZES = [(300, 5, 7), (7, 1, 1), (9, 1, 1029), (70, 4, 4), (0, 4, 4), (5, 0, 4)]


@pytest.mark.parametrize("shape", SIZES)
def test_maps_of_any_size(place: Any, rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
    maps = rng.uniform(-1, 1, shape).astype(np.float32)
    groups = rng.integers(0, 3, len(maps))
    rows = oracles.rounded(maps).reshape(shape[0], 1, shape[1] * shape[2])
    moments = density(place.put(maps), place.put(groups), 4)
    assert place.get(moments.positive).shape == (4, *shape[1:])
    assert place.get(moments.mean()).dtype == np.float64
    same(moments, oracles.moments(rows, rows[:, 0], groups, 4, np.zeros(0)), 0)


@pytest.mark.parametrize("shape", [(4, 9, 4100), (300, 32, 33), (2, 1, 8192)])
def test_maps_of_several_tiles(rng: np.random.Generator, shape: tuple[int, int, int]) -> None:
    maps = rng.uniform(-1, 1, shape).astype(np.float32)
    groups = rng.integers(0, 3, len(maps))
    rows = oracles.rounded(maps).reshape(shape[0], 1, shape[1] * shape[2])
    cut = int(oracles.rounded(np.array([0.1], np.float32))[0])
    same(density(maps, groups, 3, thresholds=[0.1]), oracles.moments(rows, rows[:, 0], groups, 3, [cut]), 1)


@pytest.mark.parametrize("channels", ["pool", "keep"])
@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_pairs_equal_python_integers(
    place: Any, rng: np.random.Generator, dtype: type, channels: str
) -> None:
    clean = rng.integers(0, 256, (83, 3, 9, 7))
    adversarial = np.clip(clean + rng.integers(-255, 256, clean.shape), 0, 255)
    clean[0], adversarial[0], adversarial[1], clean[1] = 0, 255, 0, 255
    groups = rng.integers(0, 4, len(clean))
    if dtype == np.uint8:
        x, y = clean.astype(dtype), adversarial.astype(dtype)
        steps = adversarial - clean
        cut = 8
    else:
        x, y = (clean / 255).astype(dtype), (adversarial / 255).astype(dtype)
        steps = oracles.rounded(y.astype(np.float32) - x.astype(np.float32))
        cut = int(oracles.rounded(np.array([8 / 255], np.float32))[0])
    rows = steps.reshape((83, 3, 63) if channels == "pool" else (83, 1, 189))
    moments = density_pairs(
        place.put(x), place.put(y), place.put(groups), 5, thresholds=[8 / 255], channels=channels
    )
    assert place.get(moments.count).tolist() == np.bincount(groups, minlength=5).tolist()
    assert moments.shape == ((9, 7) if channels == "pool" else (3, 9, 7))
    same(moments, oracles.moments(rows, np.abs(rows).max(axis=1), groups, 5, [cut]), 1)
    observed = (steps / moments.steps)[groups == 0]
    if channels == "pool":
        np.testing.assert_allclose(
            home(moments).mean()[0], observed.mean(axis=(0, 1)), rtol=1e-12, atol=1e-15
        )
        np.testing.assert_allclose(place.get(moments.variance())[0], observed.var(axis=(0, 1)), rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8])
def test_masks_have_the_moments_of_the_same_floats(place: Any, rng: np.random.Generator, dtype: type) -> None:
    masks = rng.random((600, 5, 6)) < 0.4
    groups = rng.integers(0, 3, len(masks))
    levels = [-0.5, 0.0, 0.5, 1.0]
    ours, theirs = (
        density(place.put(masks.astype(kind)), place.put(groups), 4, thresholds=levels)
        for kind in (dtype, np.float32)
    )
    oracles.identical(ours, theirs)


def test_squares_are_carried_beyond_two_to_the_fifteen_samples() -> None:
    n = (1 << 15) + 5
    maps = np.ones((n, 1, 3), np.float32)
    maps[::2] = -1
    maps[:, 0, 2] = np.float32(2**-24)
    moments = density(maps, np.zeros(n, np.int64), 1)
    assert moments.square_high.tolist() == [[[n, n, 0]]]
    assert moments.square_low.tolist() == [[[0, 0, n]]]
    assert moments.merge(moments).square_high.tolist() == [[[2 * n, 2 * n, 0]]]


def test_byte_squares_beyond_two_to_the_fifteen_samples() -> None:
    n = (1 << 15) + 70
    clean = np.zeros((n, 1, 1, 2), np.uint8)
    moments = density_pairs(clean, clean + 255, np.zeros(n, np.int64), 1)
    assert moments.square_low.tolist() == [[[n * 255**2] * 2]]
    assert moments.positive.tolist() == [[[n * 255] * 2]]


def test_order_threads_layout_and_batching_change_no_bit(rng: np.random.Generator) -> None:
    maps = rng.uniform(-1, 1, (700, 12, 12)).astype(np.float32)
    groups = rng.integers(0, 5, len(maps))
    levels = (0.2, 0.6)
    whole = density(maps, groups, 6, thresholds=levels)
    order = rng.permutation(len(maps))
    oracles.identical(whole, density(maps[order], groups[order], 6, thresholds=levels))
    oracles.identical(whole, density(np.asfortranarray(maps), groups.astype(np.uint8), 6, thresholds=levels))
    maps.flags.writeable = False
    oracles.identical(whole, density(maps, groups, 6, thresholds=levels))
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        oracles.identical(whole, density(maps, groups, 6, thresholds=levels))
    finally:
        numba.set_num_threads(before)
    merged = PixelMoments.empty(6, (12, 12), thresholds=levels)
    for part in reversed(range(0, 700, 90)):
        batch = slice(part, part + 90)
        merged = density(maps[batch], groups[batch], 6, thresholds=levels).merge(merged)
    oracles.identical(whole, merged)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1.0000001, -1.5])
def test_maps_outside_of_the_range_are_refused(place: Any, value: float) -> None:
    maps = np.zeros((3, 4, 40), np.float32)
    maps[1, 3, 39] = value
    with pytest.raises(ValueError, match=r"maps must lie in \[-1, 1\], got .*: divide"):
        density(place.put(maps), place.put(np.zeros(3, int)), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("value", [np.nan, -0.1, 1.5])
@pytest.mark.parametrize("side", [0, 1])
def test_images_outside_of_the_range_are_refused(place: Any, value: float, side: int, dtype: type) -> None:
    images = [np.zeros((2, 3, 4, 5), dtype) for _ in range(2)]
    images[side][1, 2, 3, 4] = value
    with pytest.raises(ValueError, match=r"images must lie in \[0, 1\]"):
        density_pairs(*map(place.put, images), place.put(np.zeros(2, int)), 1)


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
def test_negative_zero_is_a_fine_pixel(place: Any, dtype: type) -> None:
    images = place.put(np.full((2, 1, 2, 2), -0.0, dtype))
    moments = density_pairs(images, images, place.put(np.zeros(2, int)), 1)
    assert home(moments).positive.sum() == home(moments).negative.sum() == 0


def test_uint8_masks_above_one_are_refused(place: Any) -> None:
    with pytest.raises(ValueError, match=r"masks must lie in \{0, 1\}, got \[0, 2\]"):
        density(place.put(np.array([[[0, 2]]], np.uint8)), place.put(np.zeros(1, int)), 1)


def test_every_float16_in_the_unit_interval_counts_exactly(place: Any) -> None:
    images = np.arange(0x3C01, dtype=np.uint16).view(np.float16).reshape(1, 1, 1, -1)  # with subnormals
    black = np.zeros_like(images)
    for clean, adversarial in ((black, images), (images, black), (images, images[..., ::-1])):
        held = density_pairs(place.put(clean), place.put(adversarial), place.put(np.zeros(1, int)), 1)
        moments = home(held)
        wanted = (adversarial.astype(np.float64) - clean.astype(np.float64)) * 2.0**24
        assert (moments.positive - moments.negative == wanted[0].astype(np.int64)).all()


@pytest.mark.parametrize("dtype", [np.uint8, np.float16, np.float32])
def test_the_ends_of_the_range(place: Any, dtype: type) -> None:
    black = np.zeros((70, 2, 3, 5), dtype)
    white = np.full_like(black, 255 if dtype == np.uint8 else 1)
    groups = np.arange(70) % 2
    clean, adversarial = np.where(groups[:, None, None, None], (white, black), (black, white)).astype(dtype)
    moments = home(
        density_pairs(place.put(clean), place.put(adversarial), place.put(groups), 3, thresholds=(0, 1))
    )
    most = moments.steps
    assert (moments.positive[0] == 70 * most).all()
    assert (moments.negative[1] == 70 * most).all()
    assert not moments.positive[1:].any()
    assert not moments.negative[[0, 2]].any()
    square = 70 * most**2
    assert (moments.square_high[:2] == square >> 48).all()
    assert (moments.square_low[:2] == square & (2**48 - 1)).all()
    assert moments.minimum[:, 0, 0].tolist() == [1, -1, np.inf]
    assert moments.maximum[:, 0, 0].tolist() == [1, -1, -np.inf]
    assert moments.exceeded[:, :, 0, 0].tolist() == [[35, 35, 0], [0, 0, 0]]


@pytest.mark.parametrize(("order", "seed"), RUNS)
def test_emulated_cuda_gives_the_bits_of_the_cpu(rng: np.random.Generator, order: str, seed: int) -> None:
    groups = rng.integers(0, 3, 70)
    # rows that are whole numbers of 16 bytes, of several blocks, and neither
    for shape in ((70, 3, 4, 4), (4, 1, 27, 48), (6, 2, 5, 7)):
        clean, adversarial = rng.integers(0, 256, (2, *shape), dtype=np.uint8)
        own = groups[: shape[0]]
        for dtype in (np.uint8, np.float16, np.float32):
            x, y = (images if dtype == np.uint8 else (images / 255).astype(dtype)
                    for images in (clean, adversarial))  # fmt: skip
            here = density_pairs(x, y, own, 4, thresholds=(8 / 255, 0.5))
            with emulated(order, seed):
                there = density_pairs(x, y, own, 4, thresholds=(8 / 255, 0.5))
                doubled = there.merge(there).pool(np.array([0, 1, 0, -1]))
            oracles.identical(here, there)
            oracles.identical(doubled, here.merge(here).pool(np.array([0, 1, 0, -1])))
        maps = (clean[:, 0] - np.float32(128)) / np.float32(128)
        for values in (maps, maps > 0):
            here = density(values, own, 4, thresholds=(-0.1, 0.3))
            with emulated(order, seed):
                there = density(values, own, 4, thresholds=(-0.1, 0.3))
            oracles.identical(here, there)


def test_more_levels_than_a_pass_counts(place: Any, rng: np.random.Generator) -> None:
    clean, adversarial = rng.integers(0, 256, (2, 9, 3, 4, 4), dtype=np.uint8)
    levels = np.arange(19) / 40
    moments = density_pairs(place.put(clean), place.put(adversarial), place.put(np.zeros(9, int)), 1,
                            thresholds=levels)  # fmt: skip
    size = np.abs(adversarial.astype(int) - clean).max(axis=1)
    assert (home(moments).exceeded[:, 0] == [(size > 255 * level).sum(axis=0) for level in levels]).all()


def test_bad_groups_dtypes_and_shapes_are_refused() -> None:
    maps = np.zeros((2, 3, 3), np.float32)
    with pytest.raises(ValueError, match=r"groups must lie in \[0, 1\], got \[0, 2\]"):
        density(maps, np.array([0, 2]), 2)
    with pytest.raises(ValueError, match="one a sample"):
        density(maps, np.array([0]), 2)
    with pytest.raises(TypeError, match="float64: cast them first"):
        density(maps.astype(float), np.zeros(2, int), 1)
    with pytest.raises(ValueError, match=r"maps must be \(N, H, W\)"):
        density(maps[0], np.zeros(3, int), 1)
    with pytest.raises(ValueError, match=r"got \(2, 1, 3, 3\) and \(2, 1, 3, 2\)"):
        density_pairs(maps[:, None], maps[:, None, :, :2], np.zeros(2, int), 1)
    with pytest.raises(TypeError, match="float32 and uint8"):
        density_pairs(maps[:, None], maps[:, None].astype(np.uint8), np.zeros(2, int), 1)


def test_values_at_a_threshold_do_not_exceed_it() -> None:
    maps = np.full((1, 1, 1), 0.1, np.float32)
    assert density(maps, np.zeros(1, int), 1, thresholds=[0.1]).exceeded.sum() == 0
    pixels = np.arange(256, dtype=np.uint8).reshape(1, 1, 1, 256)
    for level in (0, 1, 8, 100, 254):
        exact = density_pairs(np.zeros_like(pixels), pixels, np.zeros(1, int), 1, thresholds=[level / 255])
        assert exact.exceeded.sum() == 255 - level
        between = density_pairs(np.zeros_like(pixels), pixels, np.zeros(1, int), 1,
                                thresholds=[(level + 0.5) / 255])  # fmt: skip
        assert between.exceeded.sum() == 255 - level
