from __future__ import annotations

import math

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.colocation import p_value, swap_test

SHAPE = (12, 14)
N_PIXELS = 12 * 14


def smooth_masks(
    rng: np.random.Generator, n: int, *, bump: float = 0.0, shared: np.ndarray | None = None
) -> np.ndarray:
    """Blob masks, centre-biased by `bump`, drawn towards a field `shared` with other masks."""
    field = gaussian_filter(rng.standard_normal((n, *SHAPE)), (0, 2, 2))
    field /= field.std()
    rows, cols = np.mgrid[: SHAPE[0], : SHAPE[1]]
    field += bump * np.exp(-((rows - 6) ** 2 + (cols - 7) ** 2) / 18)
    if shared is not None:
        field += shared
    return field > np.quantile(field, rng.uniform(0.6, 0.9, n), axis=(1, 2)).diagonal()[:, None, None]


def all_pairs(roi: np.ndarray, roa: np.ndarray) -> np.ndarray:
    """The lift of every RoI with every RoA, by counting."""
    a, b = roi.reshape(len(roi), -1).astype(float), roa.reshape(len(roa), -1).astype(float)
    return N_PIXELS * (a @ b.T) / (a.sum(1)[:, None] * b.sum(1))


@pytest.fixture
def masks() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    shared = 0.6 * gaussian_filter(rng.standard_normal((60, *SHAPE)), (0, 2, 2)) / 0.14
    return smooth_masks(rng, 60, bump=2, shared=shared), smooth_masks(rng, 60, bump=2, shared=shared)


def packed(*stacks: np.ndarray) -> list[np.ndarray]:
    return [kernels.pack(masks) for masks in stacks]


def test_effects_equal_those_of_the_whole_matrix_of_pairs(masks: tuple[np.ndarray, np.ndarray]) -> None:
    lift = all_pairs(*masks)
    found = swap_test(*packed(*masks), N_PIXELS, n_resamples=200)
    centred = lift - lift.mean(1, keepdims=True) - lift.mean(0) + lift.mean()
    assert found.observed == pytest.approx(lift.diagonal().mean())
    assert found.swapped == pytest.approx(lift.mean())
    assert found.effect == pytest.approx(found.observed - found.swapped)
    np.testing.assert_allclose(found.per_image, centred.diagonal(), atol=1e-12)
    assert found.per_image.mean() == pytest.approx(found.effect)
    assert found.low < found.effect < found.high


def test_p_and_z_equal_those_of_permuting_the_matrix_of_pairs(masks: tuple[np.ndarray, np.ndarray]) -> None:
    roi, roa = masks[0][:12], masks[1][:12]
    lift = all_pairs(roi, roa)
    draws = [np.asarray(kernels.pairing(12, 9, k)) for k in range(500)]
    null = np.array([lift[np.arange(12), draw].mean() for draw in draws])
    found = swap_test(*packed(roi, roa), N_PIXELS, n_resamples=500, seed=9)
    assert found.n_greater == (null >= lift.diagonal().mean() - 1e-9).sum()
    assert found.n_less == (null <= lift.diagonal().mean() + 1e-9).sum()
    drawn = np.sqrt(((null - lift.mean()) ** 2).mean())
    assert found.drawn_spread == pytest.approx(found.z * drawn / found.effect)


def test_the_null_has_the_variance_of_hoeffdings_theorem(masks: tuple[np.ndarray, np.ndarray]) -> None:
    lift = all_pairs(*masks)
    n = len(lift)
    centred = lift - lift.mean(1, keepdims=True) - lift.mean(0) + lift.mean()
    analytic = math.sqrt((centred**2).sum() / (n - 1)) / n
    found = swap_test(*packed(*masks), N_PIXELS, n_resamples=9999)
    assert found.z == pytest.approx(found.effect / analytic)
    assert found.drawn_spread == pytest.approx(1, abs=0.03)


def test_shared_patterns_are_found_and_a_shared_centre_alone_is_not(
    masks: tuple[np.ndarray, np.ndarray],
) -> None:
    assert swap_test(*packed(*masks), N_PIXELS, n_resamples=999).p_value == 0.002
    rng = np.random.default_rng(8)
    centred = smooth_masks(rng, 80, bump=3), smooth_masks(rng, 80, bump=3)
    found = swap_test(*packed(*centred), N_PIXELS, n_resamples=999)
    assert found.observed > 1.5
    assert found.p_value > 0.05
    assert found.low < 0 < found.high


def test_size_and_coverage_hold_under_the_null() -> None:
    rng = np.random.default_rng(11)
    rejected = covered = 0
    n_trials = 200
    for trial in range(n_trials):
        roi, roa = smooth_masks(rng, 25, bump=2), smooth_masks(rng, 25, bump=2)
        found = swap_test(*packed(roi, roa), N_PIXELS, n_resamples=199, seed=trial)
        rejected += found.p_value <= 0.05
        covered += found.low <= 0 <= found.high
    assert 0.01 <= rejected / n_trials <= 0.10
    assert 0.90 <= covered / n_trials <= 0.99


def test_swapping_the_sides_of_the_alternative_swaps_the_p_values(
    masks: tuple[np.ndarray, np.ndarray],
) -> None:
    given = packed(*masks)
    greater = swap_test(*given, N_PIXELS, n_resamples=199, alternative="greater")
    less = swap_test(*given, N_PIXELS, n_resamples=199, alternative="less")
    both = swap_test(*given, N_PIXELS, n_resamples=199)
    assert greater.p_value == (greater.n_greater + 1) / 200
    assert less.p_value == (less.n_less + 1) / 200
    assert both.p_value == min(1, 2 * min(greater.p_value, less.p_value))


def test_ties_count_on_both_sides() -> None:
    same = np.zeros((6, *SHAPE), bool)
    same[:, 3:6, 3:7] = True
    found = swap_test(*packed(same, same), N_PIXELS, n_resamples=99)
    assert (found.n_greater, found.n_less, found.p_value) == (99, 99, 1.0)
    assert found.effect == pytest.approx(0, abs=1e-12)
    assert math.isnan(found.z)
    assert found.to_dict()["z"] is None


def test_images_without_a_region_are_left_out_and_counted(masks: tuple[np.ndarray, np.ndarray]) -> None:
    roi, roa = masks[0].copy(), masks[1].copy()
    roi[3], roa[10] = False, False
    kept = np.setdiff1d(np.arange(60), [3, 10])
    found = swap_test(*packed(roi, roa), N_PIXELS, n_resamples=99)
    expected = swap_test(*packed(roi[kept], roa[kept]), N_PIXELS, n_resamples=99)
    assert (found.n, found.n_empty) == (58, 2)
    np.testing.assert_array_equal(found.rows, kept)
    assert found.to_dict() == expected.to_dict() | {"n_empty": 2}


def test_one_image_cannot_be_swapped() -> None:
    one = np.ones((1, *SHAPE), bool)
    found = swap_test(*packed(one, one), N_PIXELS)
    assert found.n == 1
    assert found.to_dict()["p_value"] is None


def test_the_same_seed_gives_the_same_bits(masks: tuple[np.ndarray, np.ndarray]) -> None:
    given = packed(*masks)
    first, again = (swap_test(*given, N_PIXELS, n_resamples=99, seed=5) for _ in range(2))
    assert first.to_dict() == again.to_dict()
    assert swap_test(*given, N_PIXELS, n_resamples=99, seed=6).drawn_spread != first.drawn_spread


@pytest.mark.parametrize(("alternative", "expected"), [("greater", 0.04), ("less", 1.0), ("two-sided", 0.08)])
def test_p_values_count_the_observed_arrangement(alternative: str, expected: float) -> None:
    assert p_value(3, 99, 99, alternative) == pytest.approx(expected)  # type: ignore[arg-type]


def test_a_two_sided_p_value_never_exceeds_one() -> None:
    assert p_value(99, 99, 99) == 1


def test_bad_input_is_refused_in_a_sentence(masks: tuple[np.ndarray, np.ndarray]) -> None:
    roi, roa = packed(*masks)
    with pytest.raises(InputError, match="did you mean 'greater'"):
        swap_test(roi, roa, N_PIXELS, alternative="greater-than")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="packed masks of the same images"):
        swap_test(roi, roa[:5], N_PIXELS)
