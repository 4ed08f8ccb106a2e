from __future__ import annotations

import json
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from spatialstats.defence.control_masks import (
    blob_masks,
    derangement,
    scattered_masks,
    swapped_masks,
    swapped_regions,
)
from spatialstats.defence.evaluate import choose_fill, neutralization_row
from spatialstats.defence.locate import Knowledge
from spatialstats.errors import InputError
from spatialstats.stats.intervals import paired_difference, wilson


@pytest.fixture
def right() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    names = ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling")
    names += ("swapped", "blob", "scattered")
    return {name: rng.random(200) < 0.1 * (at + 1) for at, name in enumerate(names)}


def test_a_row_holds_every_number_that_must_stand_beside_a_defended_accuracy(
    right: dict[str, np.ndarray],
) -> None:
    row = neutralization_row(mask="roa-minus-roi", fill="inpaint", area=0.15, right=right)
    for name, hits in right.items():
        assert row[name] == wilson(int(hits.sum()), 200).to_dict()
    for name in ("swapped", "blob", "scattered", "ceiling"):
        assert row[f"gain_over_{name}"] == paired_difference(right["neutralized"], right[name]).to_dict()
    assert row["knowledge"] == {"roi": "oracle", "roa": "oracle", "labels": True}
    assert row["deployable"] is False
    assert (row["mask"], row["fill"], row["area"], row["n"], row["static"]) == (
        "roa-minus-roi", "inpaint", 0.15, 200, True
    )  # fmt: skip
    json.dumps(row, allow_nan=False)


def test_a_control_that_does_not_exist_is_null(right: dict[str, np.ndarray]) -> None:
    del right["swapped"]
    row = neutralization_row(mask="prior", fill="mean", area=0.1, right=right)
    assert row["swapped"]["value"] is None
    assert row["gain_over_swapped"]["value"] is None
    assert row["knowledge"] == {"roi": "prior", "roa": "prior", "labels": False}
    assert row["deployable"] is True


def test_a_row_without_its_company_is_refused(right: dict[str, np.ndarray]) -> None:
    with pytest.raises(InputError, match="pass knowledge=Knowledge"):
        neutralization_row(mask="forest", fill="mean", area=0.1, right=right)
    blind = Knowledge("blind", "blind")
    row = neutralization_row(mask="forest", fill="mean", area=0.1, right=right, knowledge=blind)
    assert row["knowledge"] == blind.to_dict()
    with pytest.raises(InputError, match="200 booleans"):
        neutralization_row(mask="prior", fill="mean", area=0.1, right=right | {"blob": right["blob"][:-1]})
    del right["ceiling"]
    with pytest.raises(InputError, match="missing: ceiling"):
        neutralization_row(mask="prior", fill="mean", area=0.1, right=right)


def test_the_fill_that_is_right_most_often_is_chosen() -> None:
    hits = {"mean": np.array([[1, 0], [1, 1]]), "blur": np.array([[1, 1], [1, 1]]), "svd": np.ones((2, 2))}
    assert choose_fill(hits) == "blur"
    assert choose_fill({"mean": np.zeros(0), "blur": np.zeros(0)}) == "mean"
    with pytest.raises(InputError, match="got none"):
        choose_fill({})


@given(st.integers(2, 60), st.integers(0, 2**64 - 1))
def test_no_image_keeps_its_own_mask_and_each_mask_is_used_once(n: int, seed: int) -> None:
    other = derangement(n, seed)
    assert sorted(other) == list(range(n))
    assert (other != np.arange(n)).all()
    np.testing.assert_array_equal(derangement(n, seed), other)
    masks = np.arange(n)[:, None, None]
    np.testing.assert_array_equal(swapped_masks(masks, seed)[:, 0, 0], other)


def test_derangements_differ_between_seeds() -> None:
    assert len({tuple(derangement(6, seed)) for seed in range(60)}) > 30


def test_only_images_with_a_region_swap_theirs() -> None:
    masks = np.zeros((5, 4, 4), bool)
    for row, at in ((0, 0), (2, 1), (3, 2)):
        masks[row, at] = True
    found = swapped_regions(masks, seed=3)
    assert not found[[1, 4]].any()
    assert found[[0, 2, 3]].any((1, 2)).all()
    assert not (found & masks).any()  # never its own: the regions are disjoint
    np.testing.assert_array_equal(found.sum(0), masks.sum(0))
    masks[[2, 3]] = False
    assert not swapped_regions(masks, seed=3).any()  # a lone region has no other to swap with


def test_one_mask_cannot_be_swapped() -> None:
    with pytest.raises(InputError, match="at least two images"):
        swapped_masks(np.zeros((1, 4, 4), bool), 0)


@given(
    hnp.arrays(bool, st.tuples(st.integers(0, 5), st.integers(1, 12), st.integers(1, 12))),
    st.integers(0, 2**64 - 1),
)
def test_random_masks_have_exactly_the_area_of_the_masks(masks: np.ndarray, seed: int) -> None:
    for made in (blob_masks(masks, seed), scattered_masks(masks, seed)):
        assert made.shape == masks.shape
        np.testing.assert_array_equal(made.sum((1, 2)), masks.sum((1, 2)))


@pytest.mark.parametrize("make", [blob_masks, scattered_masks])
def test_a_random_mask_is_a_function_of_seed_and_row_alone(make: Callable[..., np.ndarray]) -> None:
    masks = np.random.default_rng(0).random((50, 32, 32)) < 0.2
    made = make(masks, 7)
    part = make(masks[20:30], 7, rows=np.arange(20, 30))
    np.testing.assert_array_equal(part, made[20:30])
    assert (make(masks, 8) != made).any((1, 2)).all()
    assert len({mask.tobytes() for mask in made}) == 50


def test_scattered_pixels_lie_anywhere_and_alone() -> None:
    masks = np.zeros((400, 32, 32), bool)
    masks.reshape(400, -1)[:, :154] = True
    made = scattered_masks(masks, 1)
    # Binomial: the standard error of a pixel's share is 0.018.
    assert np.abs(made.mean(0) - 0.15).max() < 0.09
    together = (made[:, :, 1:] & made[:, :, :-1]).mean()
    assert abs(together - 0.15 * 153 / 1023) < 0.002  # as drawn without replacement


def test_blobs_are_coherent_and_lie_anywhere() -> None:
    masks = np.zeros((400, 32, 32), bool)
    masks.reshape(400, -1)[:, :154] = True
    blobs = blob_masks(masks, 1)
    n_regions = [ndimage.label(blob)[1] for blob in blobs]
    assert np.mean(n_regions) < 12
    share = blobs.mean(0)
    # Standard error of a pixel's share is 0.018; no edge or centre is preferred.
    assert np.abs(share - 0.15).max() < 0.09
    assert abs(share[8:24, 8:24].mean() - 0.15) < 0.01
