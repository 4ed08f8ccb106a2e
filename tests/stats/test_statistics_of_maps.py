"""Values of the exploratory statistics against scikit-image, SciPy and esda."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from fields import N_PIXELS, SHAPE, packed, smooth, top
from scipy import stats
from skimage import filters, measure

from spatialstats.errors import InputError
from spatialstats.stats import map_statistics as of_maps
from spatialstats.stats.controls import edge_map
from spatialstats.stats.exploratory import MAP_STATISTICS, explore, map_pairs
from spatialstats.stats.mask_overlap import MASK_STATISTICS, MaskPairs, mask_statistics

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from esda import Moran_BV, Spatial_Pearson
    from libpysal.weights import lat2W


@pytest.fixture
def pair() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shared = smooth(rng, 5)
    return shared + smooth(rng, 5), shared + smooth(rng, 5)


def test_mask_statistics_equal_scikit_images(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = top(pair[0]), top(pair[1], 0.15)
    found = mask_statistics(*packed(a, b), N_PIXELS)
    for i in range(5):
        both, either = (a[i] & b[i]).sum(), (a[i] | b[i]).sum()
        expected = {
            "overlap lift": both * N_PIXELS / (a[i].sum() * b[i].sum()),
            "Dice": 2 * both / (a[i].sum() + b[i].sum()),
            "IoU": both / either,
            "overlap coefficient": both / min(a[i].sum(), b[i].sum()),
            "Manders M1": measure.intersection_coeff(a[i], b[i]),
            "Manders M2": measure.intersection_coeff(b[i], a[i]),
            "Manders overlap": measure.manders_overlap_coeff(a[i].astype(float), b[i].astype(float)),
            "phi": measure.pearson_corr_coeff(a[i].astype(float), b[i].astype(float))[0],
        }
        assert set(expected) == set(MASK_STATISTICS)
        for name, value in expected.items():
            assert found[name][i] == pytest.approx(value, abs=1e-10)


def test_map_statistics_equal_scikit_images_and_scipys(pair: tuple[np.ndarray, np.ndarray]) -> None:
    a, b = np.abs(pair[0]), np.abs(pair[1])
    a[0, :3] = a[0, 0, 0]  # ties
    mask = top(b)
    for i in range(5):
        assert of_maps.pearson(a, b)[i] == pytest.approx(measure.pearson_corr_coeff(a[i], b[i])[0], abs=1e-10)
        rho = stats.spearmanr(a[i].ravel(), b[i].ravel()).statistic
        assert of_maps.spearman(a, b)[i] == pytest.approx(rho, abs=1e-10)
        assert of_maps.manders(a, mask)[i] == pytest.approx(
            measure.manders_coloc_coeff(a[i], mask[i]), abs=1e-10
        )
        overlap = measure.manders_overlap_coeff(a[i], b[i])
        assert of_maps.manders_overlap(a, b)[i] == pytest.approx(overlap, abs=1e-10)
        jaccard = np.minimum(a[i], b[i]).sum() / np.maximum(a[i], b[i]).sum()
        assert of_maps.weighted_jaccard(a, b)[i] == pytest.approx(jaccard, abs=1e-10)


@pytest.mark.parametrize("contiguity", ["rook", "queen"])
def test_lattice_statistics_equal_esdas(pair: tuple[np.ndarray, np.ndarray], contiguity: str) -> None:
    weights = lat2W(*SHAPE, rook=contiguity == "rook")
    weights.transform = "r"
    a, b = pair
    for i in range(5):
        lee = Spatial_Pearson(weights.sparse, permutations=0).fit(a[i].reshape(-1, 1), b[i].reshape(-1, 1))
        assert of_maps.lees_l(a, b, contiguity)[i] == pytest.approx(lee.association_[0, 1], abs=1e-10)  # type: ignore[arg-type]
        moran = Moran_BV(a[i], b[i], weights, permutations=0).I
        assert of_maps.bivariate_moran(a, b, contiguity)[i] == pytest.approx(moran, abs=1e-10)  # type: ignore[arg-type]


def test_correlations_do_not_depend_on_units_or_on_the_layout_of_the_lattice(
    pair: tuple[np.ndarray, np.ndarray],
) -> None:
    a, b = pair
    for statistic in (of_maps.pearson, of_maps.spearman, of_maps.lees_l, of_maps.bivariate_moran):
        value = statistic(a, b)
        np.testing.assert_allclose(statistic(3 * a + 7, 0.5 * b - 2), value, atol=1e-12)
        np.testing.assert_allclose(statistic(a[:, ::-1], b[:, ::-1]), value, atol=1e-12)
        np.testing.assert_allclose(statistic(a.swapaxes(1, 2), b.swapaxes(1, 2)), value, atol=1e-12)


def test_what_is_undefined_is_nan() -> None:
    flat, varied = np.full((1, 4, 4), 0.1), np.random.default_rng(1).random((1, 4, 4))
    assert np.isnan(of_maps.pearson(flat, varied)[0])
    assert np.isnan(of_maps.weighted_jaccard(0 * flat, 0 * flat)[0])
    empty = np.zeros((1, 4, 4), bool)
    assert np.isnan(mask_statistics(*packed(empty, ~empty), 16)["overlap lift"][0])
    with pytest.raises(InputError, match="nowhere negative"):
        of_maps.manders_overlap(varied - 1, varied)
    with pytest.raises(InputError, match="finite"):
        of_maps.pearson(varied * np.nan, varied)


@pytest.mark.parametrize("name", list(MASK_STATISTICS))
def test_mask_statistics_of_all_pairs_are_those_of_each_pair(name: str) -> None:
    rng = np.random.default_rng(2)
    roi, roa = packed(top(smooth(rng, 9)), top(smooth(rng, 9), 0.1))
    pairs = MaskPairs(name, roi, roa, N_PIXELS)
    each = np.array(
        [mask_statistics(np.roll(roi, -s, 0), roa, N_PIXELS)[name] for s in range(9)]
    )  # [s, j]: RoI j + s with RoA j
    matrix = np.array([[each[(i - j) % 9, j] for j in range(9)] for i in range(9)])
    sums = pairs.sums()
    np.testing.assert_allclose(sums.row_means, matrix.mean(1), atol=1e-12)
    np.testing.assert_allclose(sums.column_means, matrix.mean(0), atol=1e-12)
    np.testing.assert_allclose(sums.diagonal, matrix.diagonal(), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "one"),
    [
        ("Pearson", of_maps.pearson),
        ("Spearman", of_maps.spearman),
        ("Lee's L", of_maps.lees_l),
        ("bivariate Moran", of_maps.bivariate_moran),
        ("Manders overlap of maps", of_maps.manders_overlap),
        ("weighted Jaccard", of_maps.weighted_jaccard),
    ],
)
def test_map_statistics_of_all_pairs_are_those_of_each_pair(name: str, one) -> None:  # type: ignore[no-untyped-def]
    assert len(MAP_STATISTICS) == 6
    rng = np.random.default_rng(3)
    a, b = rng.random((4, *SHAPE)), rng.random((4, *SHAPE))
    table = map_pairs(name, a, b).values
    for i in range(4):
        np.testing.assert_allclose(table[i], one(np.repeat(a[i : i + 1], 4, 0), b), atol=1e-12)


def test_exploration_says_which_statistic_is_primary_and_that_masks_agree_by_construction() -> None:
    rng = np.random.default_rng(4)
    shared = smooth(rng, 40)
    importance, attack = np.abs(shared + smooth(rng, 40)), np.abs(shared + smooth(rng, 40))
    found = explore(top(importance), top(attack), importance=importance, attack=attack, n_resamples=99)
    frame = found.to_frame()
    assert list(frame.test[frame.role == "primary"]) == ["overlap lift"]
    assert len(frame) == len(MASK_STATISTICS) + 1 + len(MAP_STATISTICS)
    assert "monotone" in found.sentence
    assert found.sentence.startswith("Exploratory")
    masks = frame[frame.test.isin(set(MASK_STATISTICS))]
    assert masks.p_value.nunique() == 1  # areas are constant here
    assert {row["role"] for row in found.to_dict()["rows"]} == {"primary", "exploratory"}
    assert (frame.p_adjusted >= frame.p_value).all()


def test_exploration_leaves_out_what_negative_maps_have_not() -> None:
    rng = np.random.default_rng(5)
    importance, attack = smooth(rng, 12), smooth(rng, 12)
    found = explore(top(importance), top(attack), importance=importance, attack=attack, n_resamples=9)
    assert "weighted Jaccard" not in set(found.to_frame().test)
    with pytest.raises(InputError, match="both the importance and the attack maps"):
        explore(top(importance), top(attack), importance=importance)


@pytest.mark.parametrize("dtype", [np.float32, np.uint8])
def test_the_edge_map_is_scikit_images_sobel(dtype: type) -> None:
    images = (np.random.default_rng(6).random((3, 3, 9, 11)) * 255).astype(dtype)
    expected = [filters.sobel(image.mean(0, dtype=np.float64)) for image in images]
    np.testing.assert_allclose(edge_map(images), expected, rtol=1e-5, atol=1e-5)
    assert edge_map(np.ones((1, 1, 4, 4), np.float32)).max() == 0
    with pytest.raises(InputError, match=r"\(N, C, H, W\)"):
        edge_map(images[0])
