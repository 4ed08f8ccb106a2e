from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage
from skimage.filters import threshold_otsu
from skimage.measure import label as skimage_label
from skimage.measure import regionprops_table
from sklearn.cluster import DBSCAN

from spatialstats import regions
from spatialstats.errors import InputError


def taken_by_sorting(image: np.ndarray, fraction: float) -> np.ndarray:
    """Whole levels of equal values from the top down, as long as they fit."""
    left = int(np.floor(fraction * image.size + 0.5))
    taken = np.zeros(image.shape, bool)
    for value in sorted(set(image[image > 0].tolist()), reverse=True):
        level = image == value
        if level.sum() > left:
            break
        taken |= level
        left -= int(level.sum())
    return taken


@pytest.fixture
def blobs() -> np.ndarray:
    """Masks with regions of all sizes and shapes."""
    noise = np.random.default_rng(4).standard_normal((12, 20, 17))
    return ndimage.gaussian_filter(noise, (0, 1, 1)) > 0.12


@given(
    hnp.arrays(np.float32, (3, 4, 5), elements=st.sampled_from([-1.0, 0.0, 0.25, 0.5, 0.75, 1.0])),
    st.floats(0.01, 1.0),
)
def test_top_fraction_takes_whole_levels_while_they_fit(maps: np.ndarray, fraction: float) -> None:
    expected = np.stack([taken_by_sorting(image, fraction) for image in maps])
    np.testing.assert_array_equal(regions.top_fraction(maps, fraction), expected)


@pytest.mark.parametrize(("fraction", "n"), [(0.2, 205), (0.3, 307), (0.05, 51), (1.0, 1024)])
def test_top_fraction_of_distinct_values_takes_the_rounded_number_of_pixels(fraction: float, n: int) -> None:
    maps = np.random.default_rng(0).permutation(4 * 1024).reshape(4, 32, 32) + 1.0
    assert (regions.top_fraction(maps, fraction).sum((1, 2)) == n).all()


def test_top_fraction_leaves_a_flat_map_out_rather_than_following_the_scan_order() -> None:
    assert not regions.top_fraction(np.full((1, 32, 32), 8 / 255), 0.2).any()


def test_top_fraction_takes_one_map_or_many() -> None:
    maps = np.random.default_rng(1).random((2, 3, 8, 9), np.float32)
    together = regions.top_fraction(maps, 0.25)
    np.testing.assert_array_equal(together[1, 2], regions.top_fraction(maps[1, 2], 0.25))
    assert regions.top_fraction(maps[:0, 0], 0.25).shape == (0, 8, 9)


@pytest.mark.parametrize("fraction", [0.0, -0.1, 1.5, float("nan")])
def test_top_fraction_refuses_what_is_no_fraction(fraction: float) -> None:
    with pytest.raises(InputError, match="top fraction lies above 0"):
        regions.top_fraction(np.ones((1, 2, 2)), fraction)


def test_maps_with_nan_are_refused() -> None:
    with pytest.raises(InputError, match="got NaN or infinity"):
        regions.top_fraction(np.full((1, 2, 2), np.nan), 0.5)
    with pytest.raises(InputError, match=r"shape \(\.\.\., H, W\)"):
        regions.top_fraction(np.ones(4), 0.5)


@pytest.mark.parametrize("seed", range(4))
def test_otsu_has_the_thresholds_of_scikit_image(seed: int) -> None:
    rng = np.random.default_rng(seed)
    maps = np.concatenate([rng.gamma(0.7, size=(9, 16, 24)), rng.integers(0, 5, (4, 16, 24)) / 4.0])
    expected = [threshold_otsu(image) for image in maps]
    np.testing.assert_allclose(regions.otsu(maps), expected, rtol=1e-12)


def test_otsu_of_a_constant_map_is_its_value_and_selects_nothing() -> None:
    maps = np.full((2, 4, 4), 0.3)
    np.testing.assert_array_equal(regions.otsu(maps), [0.3, 0.3])
    assert not regions.threshold(maps, "otsu").any()


def test_threshold_rules_have_names() -> None:
    maps = np.random.default_rng(2).random((3, 8, 8))
    np.testing.assert_array_equal(regions.threshold(maps, "top:0.2"), regions.top_fraction(maps, 0.2))
    np.testing.assert_array_equal(regions.threshold(maps, 0.2), regions.top_fraction(maps, 0.2))
    np.testing.assert_array_equal(regions.threshold(maps, "otsu"), maps > regions.otsu(maps)[:, None, None])
    with pytest.raises(InputError, match=r"'otsu' or 'top:FRACTION'"):
        regions.threshold(maps, "best")


@pytest.mark.parametrize("connectivity", [1, 2])
@pytest.mark.parametrize("min_area", [1, 2, 5, 1000])
def test_clean_drops_components_below_the_area(blobs: np.ndarray, min_area: int, connectivity: int) -> None:
    expected = np.zeros_like(blobs)
    structure = ndimage.generate_binary_structure(2, connectivity)
    for row, mask in enumerate(blobs):
        labels, n = ndimage.label(mask, structure)
        for number in range(1, n + 1):
            if (labels == number).sum() >= min_area:
                expected[row] |= labels == number
    np.testing.assert_array_equal(regions.clean(blobs, min_area, connectivity), expected)
    np.testing.assert_array_equal(regions.clean(blobs[0], min_area, connectivity), expected[0])


def test_clean_of_empty_masks_is_empty() -> None:
    assert not regions.clean(np.zeros((3, 4, 4), bool), 5).any()


@pytest.mark.parametrize("connectivity", [1, 2])
def test_the_table_of_components_is_that_of_scikit_image(blobs: np.ndarray, connectivity: int) -> None:
    rng = np.random.default_rng(5)
    importance, attack = rng.random((2, *blobs.shape), np.float32)
    table = regions.table(blobs, importance, attack, connectivity=connectivity)
    for row, mask in enumerate(blobs):
        ours = table[table["sample"] == row]
        names = ("label", "area", "centroid", "bbox", "eccentricity", "intensity_mean", "intensity_max")
        theirs = regionprops_table(
            skimage_label(mask, connectivity=connectivity),
            np.stack([attack[row], importance[row]], -1),
            names,
        )
        for mine, reference in {
            **{"label": "label", "area": "area", "centroid_row": "centroid-0", "centroid_col": "centroid-1"},
            **{"min_row": "bbox-0", "min_col": "bbox-1", "max_row": "bbox-2", "max_col": "bbox-3"},
            **{
                "mean_attack": "intensity_mean-0",
                "mean_importance": "intensity_mean-1",
                "peak": "intensity_max-0",
            },
        }.items():
            np.testing.assert_allclose(ours[mine], theirs[reference], rtol=1e-5, err_msg=mine)
        np.testing.assert_allclose(ours["eccentricity"], theirs["eccentricity"], atol=1e-6)
        np.testing.assert_allclose(ours["mass"], theirs["area"] * theirs["intensity_mean-0"], rtol=1e-5)


def test_the_table_of_clusters_is_that_of_scikit_learn(blobs: np.ndarray) -> None:
    maps = np.ones(blobs.shape, np.float32)
    table = regions.table(blobs, maps, maps, method="dbscan", eps=1.5, min_samples=5)
    for row, mask in enumerate(blobs):
        points = np.argwhere(mask)
        labels = DBSCAN(eps=1.5, min_samples=5).fit_predict(points)
        ours = table[table["sample"] == row]
        found = range(labels.max() + 1)
        np.testing.assert_array_equal(ours["area"], [(labels == k).sum() for k in found])
        np.testing.assert_allclose(ours["centroid_row"], [points[labels == k, 0].mean() for k in found])
        np.testing.assert_array_equal(ours["max_col"], [points[labels == k, 1].max() + 1 for k in found])


def test_the_table_says_where_each_region_comes_from(blobs: np.ndarray) -> None:
    maps = np.ones(blobs.shape)
    labels = np.arange(12) % 3 - 1
    table = regions.table(
        blobs, maps, 2 * maps, samples=np.arange(100, 112), labels=labels, classes=("cat", "dog"), mask="roi",
        attack_name="pgd-linf", weights=3 * maps,
    )  # fmt: skip
    assert list(table.columns) == [
        *("sample", "class", "attack", "mask", "method", "label", "area", "centroid_row", "centroid_col"),
        *("min_row", "min_col", "max_row", "max_col", "eccentricity", "mass", "peak"),
        *("mean_importance", "mean_attack"),
    ]
    assert set(table["sample"]) == set(range(100, 112))
    assert (table["mask"] == "roi").all()
    assert (table["attack"] == "pgd-linf").all()
    assert (table["method"] == "components").all()
    for row in table.itertuples():
        name = {-1: None, 0: "cat", 1: "dog"}[labels[row.sample - 100]]
        assert table.loc[row.Index, "class"] == name or (name is None and not isinstance(row[2], str))
    np.testing.assert_allclose(table["mass"], 3 * table["area"])
    assert (table["mean_attack"] == 2).all()


def test_the_table_of_masks_without_regions_has_no_rows() -> None:
    empty = np.zeros((2, 4, 4), bool)
    for method in ("components", "dbscan"):
        assert len(regions.table(empty, empty, empty, method=method)) == 0  # type: ignore[arg-type]


def test_the_table_refuses_maps_of_other_images(blobs: np.ndarray) -> None:
    with pytest.raises(InputError, match="importance must have the masks' shape"):
        regions.table(blobs, np.ones((3, 3)), np.ones(blobs.shape))
    with pytest.raises(InputError, match="'components' or 'dbscan'"):
        regions.table(blobs, blobs, blobs, method="watershed")  # type: ignore[arg-type]
