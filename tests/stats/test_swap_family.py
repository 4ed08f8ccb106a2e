from __future__ import annotations

import itertools
import json
import math

import numpy as np
import pytest
from fields import N_PIXELS, centred, lifts, packed, smooth, top
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.colocation import swap_test
from spatialstats.stats.lift import Lift
from spatialstats.stats.pair_table import Table
from spatialstats.stats.strata import strata
from spatialstats.stats.swap import swap_family


def related(seed: int, n: int, strength: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    shared = strength * smooth(rng, n)
    return top(shared + smooth(rng, n)), top(shared + smooth(rng, n), 0.2)


def test_hoeffdings_mean_and_deviation_are_those_of_all_permutations() -> None:
    matrix = np.random.default_rng(0).gamma(2.0, size=(6, 6))
    every = [matrix[np.arange(6), list(order)].mean() for order in itertools.permutations(range(6))]
    sums = Table(matrix).sums()
    assert sums.mean == pytest.approx(np.mean(every))
    assert sums.sd == pytest.approx(np.std(every))


def test_margins_without_pairs_equal_those_from_all_pairs() -> None:
    roi, roa = related(1, 40)
    other = related(2, 40)[0]
    lift = Lift(tuple(packed(roi, other)), *packed(roa), N_PIXELS)
    whole, margins = lift.sums(), lift.sums(squares=False)
    matrix = (lifts(roi, roa) + lifts(other, roa)) / 2
    np.testing.assert_allclose(whole.diagonal, matrix.diagonal(), rtol=1e-12)
    np.testing.assert_allclose(whole.row_means, matrix.mean(1), rtol=1e-12)
    np.testing.assert_allclose(whole.column_means, matrix.mean(0), rtol=1e-12)
    np.testing.assert_allclose(margins.centred, whole.centred, atol=1e-12)
    assert whole.mean_square == pytest.approx((matrix**2).mean())
    assert math.isnan(margins.sd)


def test_one_test_over_all_images_is_the_image_swap_test() -> None:
    roi, roa = packed(*related(3, 50))
    row = swap_family({"pgd": (roi, roa)}, N_PIXELS, n_resamples=300, seed=4).row("pgd")
    single = swap_test(roi, roa, N_PIXELS, n_resamples=300, seed=4)
    assert (row.p_value, row.z, row.observed) == pytest.approx(
        (single.p_value, single.z, single.observed), rel=1e-12
    )
    assert row.effect == pytest.approx(single.effect * 50 / 49)


def test_effects_within_classes_compare_with_other_images_of_the_class() -> None:
    roi, roa = related(5, 60)
    classes = np.repeat([7, 3, 5], [30, 29, 1])
    found = swap_family({"a": tuple(packed(roi, roa))}, N_PIXELS, classes=classes, n_resamples=99)  # type: ignore[dict-item]
    matrix = lifts(roi, roa)
    effects = {}
    for label in (7, 3):
        own = np.flatnonzero(classes == label)
        block = matrix[np.ix_(own, own)]
        n = len(own)
        off = (block.sum() - block.trace()) / (n * (n - 1))
        row = found.row("a", str(label))
        assert row.effect == pytest.approx(block.diagonal().mean() - off)
        assert row.swapped == pytest.approx(off)
        assert math.isfinite(row.p_value) == (n >= 30)
        effects[label] = row.effect
        assert row.z == pytest.approx(
            (block.diagonal().mean() - block.mean()) * n / math.sqrt((centred(block) ** 2).sum() / (n - 1))
        )
    pooled = found.row("a", "within classes")
    assert pooled.effect == pytest.approx((30 * effects[7] + 29 * effects[3]) / 59)
    assert found.per_image["a"].mean() == pytest.approx(pooled.effect)
    assert (found.n, found.n_alone, found.n_empty) == (59, 1, 0)
    np.testing.assert_array_equal(found.images, np.arange(59))


def test_p_values_within_classes_equal_those_of_permuting_the_matrix() -> None:
    roi, roa = related(6, 70, 0.2)
    classes = np.arange(70) % 2
    matrix = lifts(roi, roa)
    of = strata(70, classes, 11)
    null = np.zeros(199)
    for stratum in of:
        block = matrix[np.ix_(stratum.rows, stratum.rows)]
        for k in range(199):
            order = kernels.pairing(stratum.n, stratum.seed, k)
            null[k] += block[np.arange(stratum.n), order].mean() / 2
    observed = matrix.diagonal().mean()
    found = swap_family({"a": tuple(packed(roi, roa))}, N_PIXELS, classes=classes, n_resamples=199, seed=11)  # type: ignore[dict-item]
    up, down = (null >= observed - 1e-9).sum() + 1, (null <= observed + 1e-9).sum() + 1
    assert found.row("a", "within classes").p_value == pytest.approx(min(1, 2 * min(up, down) / 200))


def test_what_classes_share_is_found_over_all_images_and_not_within_classes() -> None:
    rng = np.random.default_rng(7)
    of_class = 2 * smooth(rng, 4)
    classes = np.arange(160) % 4
    masks = tuple(packed(*(top(of_class[classes] + smooth(rng, 160)) for _ in range(2))))
    over_all = swap_family({"a": masks}, N_PIXELS, n_resamples=199)  # type: ignore[dict-item]
    within = swap_family({"a": masks}, N_PIXELS, classes=classes, n_resamples=199)  # type: ignore[dict-item]
    assert over_all.rows[0].p_value == 0.01
    assert within.rows[0].p_adjusted > 0.05


def test_familywise_error_and_power_hold_over_attacks_and_classes() -> None:
    rng = np.random.default_rng(8)
    n_trials, wrong, right = 80, 0, 0
    for trial in range(n_trials):
        roi = top(smooth(rng, 60))
        (first,) = packed(roi)
        unrelated = smooth(rng, 60)
        tests = {f"null {k}": (first, *packed(top(unrelated + smooth(rng, 60)))) for k in range(3)}
        tests["planted"] = (first, *packed(top(smooth(rng, 60) + 0.8 * roi)))
        found = swap_family(tests, N_PIXELS, classes=np.arange(60) % 2, n_resamples=99, seed=trial)  # type: ignore[arg-type]
        frame = found.to_frame()
        clear = frame[frame.p_adjusted <= 0.05].test
        wrong += clear.str.startswith("null").any()
        right += (clear == "planted").any()
    assert wrong / n_trials <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / n_trials)
    assert right / n_trials > 0.8


def test_adjusted_p_values_are_never_smaller() -> None:
    roi, roa = packed(*related(9, 64, 0.3))
    tests = {"a": (roi, roa), "b": (roi, roa[::-1].copy()), "same as a": (roi, roa)}
    found = swap_family(tests, N_PIXELS, classes=np.arange(64) % 2, n_resamples=99).to_frame()
    assert (found.p_adjusted >= found.p_value).all()
    twins = [found[found.test == name].p_adjusted.to_numpy() for name in ("a", "same as a")]
    np.testing.assert_array_equal(*twins)


@settings(max_examples=25)
@given(st.integers(0, 2**32), st.sampled_from(["flip", "mirror", "transpose"]))
def test_results_do_not_depend_on_how_the_lattice_is_laid(seed: int, how: str) -> None:
    turn = {"flip": lambda m: m[:, ::-1], "mirror": lambda m: m[:, :, ::-1], "transpose": np.swapaxes}[how]
    axes = (1, 2) if how == "transpose" else ()
    masks = related(seed, 12)
    found = [
        swap_family({"a": tuple(packed(*stacks))}, N_PIXELS, n_resamples=20).rows  # type: ignore[dict-item]
        for stacks in (masks, [np.ascontiguousarray(turn(mask, *axes)) for mask in masks])
    ]
    assert found[0][0].p_value == found[1][0].p_value
    assert found[0][0].effect == pytest.approx(found[1][0].effect, abs=1e-12)
    assert 0 < found[0][0].p_value <= 1


def test_a_stronger_planted_effect_is_found_stronger() -> None:
    effects = [
        swap_family({"a": tuple(packed(*related(10, 80, strength)))}, N_PIXELS, n_resamples=0).rows[0].effect  # type: ignore[dict-item]
        for strength in (0, 0.5, 1, 2)
    ]
    assert effects == sorted(effects)


def test_images_with_an_empty_mask_in_one_test_are_left_out_of_all() -> None:
    roi, roa = related(11, 40)
    hole = roa.copy()
    hole[4] = False
    tests = {"a": tuple(packed(roi, roa)), "b": tuple(packed(roi, hole))}
    found = swap_family(tests, N_PIXELS, n_resamples=9)  # type: ignore[arg-type]
    assert (found.n, found.n_empty) == (39, 1)
    assert 4 not in found.images
    assert found.rows[0].effect == pytest.approx(found.rows[1].effect)


def test_masks_that_are_all_the_same_leave_nothing_to_find() -> None:
    same = np.zeros((40, 12, 14), bool)
    same[:, 3:6, 3:7] = True
    row = swap_family({"a": tuple(packed(same, same))}, N_PIXELS, n_resamples=99).rows[0]  # type: ignore[dict-item]
    assert (row.p_value, row.p_adjusted) == (1, 1)
    assert math.isnan(row.z)


def test_the_result_speaks_and_fits_json() -> None:
    roi, roa = packed(*related(12, 62))
    found = swap_family({"pgd": (roi, roa)}, N_PIXELS, classes=np.arange(62) % 3, n_resamples=99)
    held = json.loads(json.dumps(found.to_dict(), allow_nan=False))
    assert [row["stratum"] for row in held["rows"]] == ["within classes", "0", "1", "2"]
    assert held["rows"][1]["p_value"] is None
    assert "permuted images of one class, 99 draws" in found.sentence
    assert "pgd (+" in found.sentence
    nothing = swap_family({"pgd": (roi[:1], roa[:1])}, N_PIXELS)
    assert nothing.sentence.startswith("Nothing was tested")


def test_families_without_common_images_are_refused() -> None:
    roi, roa = packed(*related(13, 6))
    with pytest.raises(InputError, match="masks of the same images"):
        swap_family({"a": (roi, roa), "b": (roi[:5], roa[:5])}, N_PIXELS)
    with pytest.raises(InputError, match="classes must be 6 integers"):
        swap_family({"a": (roi, roa)}, N_PIXELS, classes=np.arange(5))
    with pytest.raises(InputError, match="have 3 words"):
        swap_family({"a": (roi[:, :2].copy(), roa[:, :2].copy())}, N_PIXELS)
