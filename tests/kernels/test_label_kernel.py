"""Labels and region properties against scikit-image, clusters against scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from skimage.measure import label as reference_label
from skimage.measure import regionprops_table
from sklearn.cluster import DBSCAN

from spatialstats.kernels import label, lattice_dbscan, measure

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(0, 4), st.integers(1, 9), st.integers(1, 9)))
EXACT = {"area": "area", "min_row": "bbox-0", "min_col": "bbox-1", "max_row": "bbox-2", "max_col": "bbox-3"}
CLOSE = {"centroid_row": "centroid-0", "centroid_col": "centroid-1", "peak": "intensity_max"}


def noise(rng: np.random.Generator, shape: tuple[int, int, int]) -> np.ndarray:
    return rng.random(shape) < rng.uniform(0, 1, (shape[0], 1, 1))


@settings(max_examples=60, deadline=None)
@given(MASKS, st.sampled_from([1, 2]))
def test_labels_are_scikit_images(masks: np.ndarray, connectivity: int) -> None:
    ours = label(masks, connectivity=connectivity).labels
    assert ours.dtype == np.int32
    for mask, labels in zip(masks, ours, strict=True):
        assert (labels == reference_label(mask, connectivity=connectivity)).all()


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_properties_are_scikit_images(rng: np.random.Generator, connectivity: int, dtype: type) -> None:
    masks = noise(rng, (40, 13, 31))
    weights = rng.normal(size=masks.shape).astype(dtype)
    found = label(masks, weights, connectivity=connectivity)
    columns = found.regions.columns()
    for i, labels in enumerate(found.labels):
        mine = {name: column[found.regions.sample == i] for name, column in columns.items()}
        names = ("label", "area", "bbox", "centroid", "intensity_max", "eccentricity", "moments_central")
        theirs = regionprops_table(labels, weights[i], properties=names)
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
        np.testing.assert_allclose(mine["mass"], mass, rtol=1e-10, atol=1e-12)


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


def test_without_weights_mass_is_the_area() -> None:
    regions = label(np.array([[[1, 1, 0, 1]]], np.uint8)).regions
    assert regions.mass.tolist() == [2, 1]
    assert regions.peak.tolist() == [1, 1]


@pytest.mark.parametrize("shape", [(0, 5, 5), (3, 1, 1), (2, 0, 4), (1, 1, 70), (1, 70, 1)])
@pytest.mark.parametrize("full", [False, True])
def test_odd_shapes(shape: tuple[int, int, int], full: bool) -> None:
    found = label(np.full(shape, full))
    assert found.labels.shape == shape
    assert len(found.regions) == (shape[0] if full and shape[1] else 0)


def test_checkerboard_has_the_most_regions() -> None:
    board = np.indices((7, 9)).sum(axis=0)[None] % 2 == 0
    assert len(label(board).regions) == 32
    assert len(label(board, connectivity=2).regions) == 1


def test_layout_and_writability_do_not_matter(rng: np.random.Generator) -> None:
    masks = noise(rng, (5, 12, 10))
    plain = label(masks).labels
    turned = np.asfortranarray(masks)
    turned.flags.writeable = False
    assert (label(turned).labels == plain).all()


def test_measure_repeats_the_properties(rng: np.random.Generator) -> None:
    masks = noise(rng, (6, 10, 10))
    weights = rng.random(masks.shape)
    found = label(masks, weights)
    for name, column in measure(found.labels, weights).columns().items():
        assert np.array_equal(column, found.regions.columns()[name])


def test_bad_masks_and_weights_are_refused() -> None:
    mask = np.ones((1, 2, 2), bool)
    with pytest.raises(ValueError, match=r"\{0, 1\}, got \[3, 3\]"):
        label(np.full((1, 2, 2), 3, np.uint8))
    with pytest.raises(TypeError, match="bool or uint8, got float64"):
        label(np.ones((1, 2, 2)))
    with pytest.raises(ValueError, match="connectivity must be 1"):
        label(mask, connectivity=8)
    with pytest.raises(ValueError, match="finite in every region"):
        label(mask, np.full((1, 2, 2), np.nan))
    with pytest.raises(ValueError, match="shape of the masks"):
        label(mask, np.ones((1, 2, 3)))


@pytest.mark.parametrize("eps", [0.5, 1.0, 2**0.5, 1.5, 2.0, 3.0, 13**0.5, 4.3])
@pytest.mark.parametrize("weighted", [False, True])
def test_clusters_are_scikit_learns(rng: np.random.Generator, eps: float, weighted: bool) -> None:
    masks = noise(rng, (25, 11, 14))
    weights = masks * (rng.integers(1, 9, masks.shape) / 4 if weighted else 1.0)
    for least in (2, 4, 7):
        ours = lattice_dbscan(weights, eps=eps, min_samples=least)
        for weight, labels in zip(weights, ours, strict=True):
            there = weight > 0
            assert (labels[~there] == -2).all()
            if there.any():
                fit = DBSCAN(eps=eps, min_samples=least).fit(np.argwhere(there), sample_weight=weight[there])
                assert (labels[there] == fit.labels_).all()


@pytest.mark.parametrize("dtype", [np.bool_, np.uint8, np.float32])
def test_clusters_of_other_dtypes(rng: np.random.Generator, dtype: type) -> None:
    masks = noise(rng, (4, 9, 9))
    ours = lattice_dbscan(masks.astype(dtype))
    assert ours.dtype == np.int32
    assert (ours == lattice_dbscan(masks.astype(np.float64))).all()
    assert lattice_dbscan(masks[:0]).shape == (0, 9, 9)


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_bad_weights_are_refused(value: float) -> None:
    with pytest.raises(ValueError, match="finite and not negative"):
        lattice_dbscan(np.full((1, 2, 2), value))


def test_bad_parameters_are_refused() -> None:
    with pytest.raises(ValueError, match=r"eps must lie in \(0, 64\]"):
        lattice_dbscan(np.ones((1, 2, 2)), eps=0)
    with pytest.raises(ValueError, match="min_samples must be positive"):
        lattice_dbscan(np.ones((1, 2, 2)), min_samples=0)
