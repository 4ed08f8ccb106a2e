"""Labels and region properties on every kind of array, against scikit-image and exact fractions."""

from __future__ import annotations

import numpy as np
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from oracle_label import numbered, properties
from skimage.measure import label as reference_label
from skimage.measure import regionprops_table

from spatialstats.kernels import label, measure
from spatialstats.kernels.label import components
from spatialstats.kernels.label_regions import WHOLE, Regions

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 9)))
EXACT = {"area": "area", "min_row": "bbox-0", "min_col": "bbox-1", "max_row": "bbox-2", "max_col": "bbox-3"}
CLOSE = {
    "centroid_row": "centroid-0", "centroid_col": "centroid-1", "peak": "intensity_max",
    "weighted_row": "centroid_weighted-0", "weighted_col": "centroid_weighted-1",
}  # fmt: skip
ASKED = (
    *("label", "area", "bbox", "centroid", "intensity_max", "centroid_weighted"),
    *("eccentricity", "moments_central"),
)


def noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.random(shape) < rng.uniform(0, 1, (shape[0], 1, 1))


def spiral(side: int) -> np.ndarray:
    """One component that winds from a corner to the middle."""
    mask = np.zeros((side, side), bool)
    top, left, bottom, right = 0, 0, side, side
    while bottom > top and right > left:
        mask[top, max(left - 2, 0) : right] = True
        mask[top:bottom, right - 1] = True
        mask[bottom - 1, left:right] = True
        mask[top + 2 : bottom, left] = True
        top, left, bottom, right = top + 2, left + 2, bottom - 2, right - 2
    return mask


def comb(height: int, width: int) -> np.ndarray:
    """Teeth that only the last row joins."""
    mask = np.zeros((height, width), bool)
    mask[:, ::2] = True
    mask[-1] = True
    return mask


def same_bits(a: Regions, b: Regions) -> None:
    other = b.columns()
    for name, column in a.columns().items():
        assert column.dtype == other[name].dtype
        assert column.tobytes() == other[name].tobytes(), name


def near(found: Regions, expected: dict[str, np.ndarray], rtol: float = 1e-14) -> None:
    for name, column in expected.items():
        if name in WHOLE:
            assert (getattr(found, name) == column).all(), name
        else:
            np.testing.assert_allclose(getattr(found, name), column, rtol=rtol, atol=1e-14, err_msg=name)


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([1, 2]))
def test_labels_are_scikit_images(masks: np.ndarray, connectivity: int) -> None:
    ours = components(masks, connectivity=connectivity)
    assert ours.dtype == np.int32
    for mask, labels in zip(masks, ours, strict=True):
        assert (labels == reference_label(mask, connectivity=connectivity)).all()


@settings(max_examples=60, deadline=None)
@given(MASKS, st.integers(0, 2**32 - 1), st.sampled_from([np.float32, np.float64]), st.integers(-300, 290))
def test_properties_are_the_oracles(masks: np.ndarray, seed: int, dtype: type, exponent: int) -> None:
    rng = np.random.default_rng(seed)
    scale = np.float64(10) ** (exponent // 9 if dtype == np.float32 else exponent)
    weights = (rng.random(masks.shape) * scale).astype(dtype)
    found = label(masks, weights)
    expected = np.array([numbered(mask, 1) for mask in masks]).reshape(masks.shape)
    assert (found.labels == expected).all()
    near(found.regions, properties(expected, weights))


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_properties_are_scikit_images(rng: np.random.Generator, connectivity: int, dtype: type) -> None:
    masks = noise(rng, (40, 13, 31))
    weights = rng.uniform(0.1, 2, masks.shape).astype(dtype)
    found = label(masks, weights, connectivity=connectivity)
    columns = found.regions.columns()
    for i, labels in enumerate(found.labels):
        mine = {name: column[found.regions.sample == i] for name, column in columns.items()}
        theirs = regionprops_table(labels, weights[i].astype(np.float64), properties=ASKED)
        assert (mine["label"] == theirs["label"]).all()
        for ours, their in EXACT.items():
            assert (mine[ours] == theirs[their]).all()
        for ours, their in CLOSE.items():
            np.testing.assert_allclose(mine[ours], theirs[their], rtol=1e-12)
        np.testing.assert_allclose(mine["eccentricity"], theirs["eccentricity"], atol=1e-6)
        for ours, order in (("mu_rr", "2-0"), ("mu_cc", "0-2"), ("mu_rc", "1-1")):
            central = theirs[f"moments_central-{order}"] / theirs["area"]
            np.testing.assert_allclose(mine[ours], central, rtol=1e-10, atol=1e-11)
        mass = [weights[i][labels == k].astype(np.float64).sum() for k in theirs["label"]]
        np.testing.assert_allclose(mine["mass"], mass, rtol=1e-12)


@pytest.mark.parametrize("shape", [(0, 5, 5), (2, 0, 4), (3, 1, 1), (1, 1, 70), (1, 70, 1), (2, 9, 33)])
@pytest.mark.parametrize("fill", ["zeros", "ones", "noise"])
def test_every_kind_of_array(
    place: Place, rng: np.random.Generator, shape: tuple[int, int, int], fill: str
) -> None:
    masks = {"zeros": np.zeros(shape, bool), "ones": np.ones(shape, bool), "noise": noise(rng, shape)}[fill]
    weights = rng.normal(size=shape)
    found = label(place.put(masks), place.put(weights))
    expected = np.array([numbered(mask, 1) for mask in masks]).reshape(shape)
    assert (place.get(found.labels) == expected).all()
    assert (place.get(components(place.put(masks.view(np.uint8)), connectivity=1)) == expected).all()
    regions = Regions(**{name: place.get(getattr(found.regions, name)) for name in Regions.__annotations__})
    columns = properties(expected, weights)
    assert len(found.regions) == len(columns.get("label", ()))
    near(regions, columns, rtol=1e-12)  # weights of both signs: centroids may lie far out


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("dtype", [None, np.float32, np.float64])
def test_cpu_and_cuda_give_the_same_bits(
    rng: np.random.Generator, connectivity: int, dtype: type | None
) -> None:
    masks = np.stack([*noise(rng, (1, 17, 41)), spiral(41)[:17], comb(17, 41)])
    weights = None
    if dtype is not None:
        weights = (rng.normal(size=masks.shape) * 10.0 ** rng.integers(-40, 38, masks.shape)).astype(dtype)
    cpu = label(masks, weights, connectivity=connectivity)
    for order, seed in RUNS:
        for shared_memory in (227 << 10, 1200):  # the lesser holds neither forest nor all tables
            with emulated(order, seed, shared_memory=shared_memory):
                cuda = label(masks, weights, connectivity=connectivity)
            assert (cuda.labels == cpu.labels).all()
            same_bits(cuda.regions, cpu.regions)


@pytest.mark.parametrize(
    ("mask", "counts"),
    [
        (np.indices((7, 9)).sum(axis=0) % 2 == 0, (32, 1)),
        (np.ones((64, 64), bool), (1, 1)),
        (spiral(67), (1, 1)),
        (comb(40, 130), (1, 1)),
        (comb(40, 130)[:-1], (65, 65)),
        (np.eye(70, dtype=bool), (70, 1)),
    ],
)
def test_shapes_that_are_hard_to_join(mask: np.ndarray, counts: tuple[int, int]) -> None:
    for connectivity, count in zip((1, 2), counts, strict=True):
        for turned in (mask, mask[::-1], mask[:, ::-1], mask.T):
            found = label(turned[None], connectivity=connectivity)
            assert len(found.regions) == count
            assert (found.labels[0] == reference_label(turned, connectivity=connectivity)).all()


@pytest.mark.parametrize("connectivity", [1, 2])
def test_large_image(rng: np.random.Generator, connectivity: int) -> None:
    mask = rng.random((1024, 1024)) < 0.58
    weights = rng.random(mask.shape)
    found = label(mask[None], weights[None], connectivity=connectivity)
    labels, regions = found.labels[0], found.regions
    assert (labels == reference_label(mask, connectivity=connectivity)).all()
    rows = np.indices(mask.shape)[0]
    mass = np.bincount(labels.ravel(), weights.ravel())[1:]
    moment = np.bincount(labels.ravel(), (weights * rows).ravel())[1:]
    assert (regions.area == np.bincount(labels.ravel())[1:]).all()
    np.testing.assert_allclose(regions.mass, mass, rtol=1e-12)
    np.testing.assert_allclose(regions.weighted_row, moment / mass, rtol=1e-12)


def test_more_masks_than_16_bits_count(rng: np.random.Generator) -> None:
    masks = rng.random((40_000, 3, 5)) < 0.5
    regions = label(masks).regions
    assert regions.area.sum() == masks.sum()
    last = label(masks[-1:]).regions
    assert (regions.area[regions.sample == 39_999] == last.area).all()


def test_orientation_follows_the_major_axis() -> None:
    masks = np.zeros((4, 9, 9), bool)
    masks[0, 4, :] = True
    masks[1, :, 4] = True
    masks[2][np.eye(9, dtype=bool)] = True
    masks[3][np.eye(9, dtype=bool)[::-1]] = True
    regions = label(masks, connectivity=2).regions
    np.testing.assert_allclose(np.abs(regions.orientation), np.pi * np.array([0.5, 0, 0.25, 0.25]))
    assert (np.sign(regions.orientation[2:]) == [1, -1]).all()
    np.testing.assert_allclose(regions.eccentricity, 1)


def test_bad_input_is_refused(place: Place) -> None:
    put = place.put
    mask = np.ones((1, 2, 2), bool)
    with pytest.raises(ValueError, match=r"\{0, 1\}, got \[3, 3\]"):
        label(put(np.full((1, 2, 2), 3, np.uint8)))
    with pytest.raises(ValueError, match=r"\{0, 1\}, got \[0, 2\]"):
        components(put(np.arange(3, dtype=np.uint8)[None, None]))
    with pytest.raises(TypeError, match="bool or uint8, got float64"):
        label(put(np.ones((1, 2, 2))))
    with pytest.raises(ValueError, match="3 axes"):
        label(put(np.ones((2, 2), bool)))
    with pytest.raises(ValueError, match="connectivity must be 1"):
        label(put(mask), connectivity=8)
    for value in (np.nan, np.inf, -np.inf):
        for dtype in (np.float32, np.float64):
            with pytest.raises(ValueError, match="finite in every region"):
                label(put(mask), put(np.full((1, 2, 2), value, dtype)))
    with pytest.raises(ValueError, match="shape of the masks"):
        label(put(mask), put(np.ones((1, 2, 3))))
    with pytest.raises(TypeError, match="float32 or float64, got int64"):
        label(put(mask), put(np.ones((1, 2, 2), np.int64)))
    with pytest.raises(TypeError, match=r"int32 \(N, H, W\), got int64"):
        measure(put(np.ones((1, 2, 2), np.int64)))


def test_images_too_large_for_exact_sums_are_refused() -> None:
    with pytest.raises(ValueError, match="at most 67108864 pixels"):
        label(np.broadcast_to(np.False_, (1, 1, (1 << 18) + 1)))
    with pytest.raises(TypeError, match=r"must be a NumPy or CuPy array, got builtins\.list"):
        label([[[True]]])  # type: ignore[arg-type]
