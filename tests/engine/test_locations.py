"""Which place a searched patch took, and what the places hold."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from small_world import go

import spatialstats
from spatialstats.attacks import Patch, run_attack
from spatialstats.data import Dataset
from spatialstats.engine.locations import chosen_location, distinct, shares
from spatialstats.models import Classifier


def test_the_attack_tells_the_places_that_it_screened(classifier: Classifier, dataset: Dataset) -> None:
    attack = Patch(side=0.25, screened=9, steps=2)
    x = dataset.read(np.arange(40))  # more than two micro-batches
    found = run_attack(attack, classifier, x, dataset.labels[:40], seed=11)
    corners, size = attack.locations(x.shape, seed=11)
    assert corners.shape == (40, 9, 2)
    assert size == (4, 4)
    changed = (found.x_adv != x).any(1)
    chosen = chosen_location(changed, distinct(corners), size)
    hit = changed.any((1, 2))
    assert hit.sum() > 20
    for row in np.flatnonzero(hit):
        holds = []
        for top, left in corners[row]:
            outside = changed[row].copy()
            outside[top : top + 4, left : left + 4] = False
            holds.append(not outside.any())
        assert any(holds), "a patch lies at none of the places"
        if chosen[row] >= 0:
            assert holds[chosen[row]]
    assert (chosen[hit] >= 0).mean() > 0.9
    assert (chosen[~hit] == -1).all()


def test_equal_places_count_once() -> None:
    corners = np.array([[[0, 0], [2, 1], [0, 0], [2, 1]], [[1, 1], [0, 0], [3, 3], [1, 0]]])
    assert distinct(corners).tolist() == [[[0, 0], [2, 1], [-1, -1], [-1, -1]], corners[1].tolist()]


def test_a_change_that_several_places_hold_has_no_known_place() -> None:
    changed = np.zeros((3, 6, 6), bool)
    changed[0, 2, 2] = True  # in both squares
    changed[1, 1, 1:3] = True  # in the first alone
    changed[2, 5, 5] = True  # in none
    corners = np.broadcast_to(np.array([[1, 1], [2, 2], [-1, -1]]), (3, 3, 2))
    assert chosen_location(changed, corners, (3, 3)).tolist() == [-1, 0, -1]


def test_shares_are_the_means_of_the_squares() -> None:
    rng = np.random.default_rng(0)
    masks = rng.random((4, 7, 9)) < 0.4
    corners = np.stack([rng.integers(0, 5, (4, 6)), rng.integers(0, 6, (4, 6))], 2)
    corners[0, 1] = -1
    found = shares(masks, corners, (3, 4))
    for i in range(4):
        for j, (top, left) in enumerate(corners[i]):
            wanted = np.nan if top < 0 else masks[i, top : top + 3, left : left + 4].mean()
            assert found[i, j] == pytest.approx(wanted, nan_ok=True, abs=1e-12)


def test_a_run_tests_the_place_of_a_patch_and_of_no_other_attack(
    classifier: Classifier, dataset: Dataset, tmp_path: Path
) -> None:
    result: spatialstats.Result = go(
        classifier,
        dataset,
        tmp_path / "run",
        attacks=["patch(side=0.25,screened=9,steps=2)", "fgsm(epsilon=0.15)"],
        n=60,
        controls=False,
    )
    patch, fgsm = result.results["attacks"]
    assert fgsm["location"] is None
    assert patch["controls"] is None  # left out by the setting
    held = patch["location"]
    test = held["tests"]["own"]
    assert list(held["tests"]) == ["own"]  # there is no other model
    assert test["n"] + test["n_left_out"] + held["n_unknown"] == result.results["model"]["n_correct"]
    samples = result.samples
    assert (samples["patch.chosen"] >= 0).sum() == test["n"] + test["n_left_out"]
    said = result.report.read_text()
    assert "Places that were searched" in said
    assert "uniform choices among the candidates of each image" in said
