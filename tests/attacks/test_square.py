"""Square needs logits alone, keeps to its budget, and reaches what is known to be reachable."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import Plane
from torch import nn

from spatialstats.attacks import SquareL2, SquareLinf, SquarePatch, get_attack, run_attack
from spatialstats.attacks.losses import lead
from spatialstats.attacks.random_search import corners, cut, pasted
from spatialstats.attacks.square import hills
from spatialstats.attacks.square_patch import recoloured, shifted
from spatialstats.models import Classifier


class Steps(nn.Module):
    """The plane's logits in steps: every gradient is zero, and the margin tells enough."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = ((x - 0.5) * Plane().weight.detach()).sum((1, 2, 3))
        return torch.stack([score, -score], 1).mul(50).round() / 50 + 0 * x.sum()


def test_it_comes_near_the_best_corner_of_a_linear_model(plane: Classifier, x: torch.Tensor) -> None:
    y = torch.from_numpy(plane.predict(x))
    shift = 0.02 * Plane().weight.detach().sign() * (1 - 2 * y)[:, None, None, None]
    clean = lead(torch.from_numpy(plane.predict_logits(x)), y)
    best = clean - lead(torch.from_numpy(plane.predict_logits((x - shift).clamp(0, 1))), y)
    found = run_attack(SquareLinf(0.02, queries=2000), plane, x, y, seed=1)
    fall = clean - lead(torch.from_numpy(found.logits), y)
    broken = torch.from_numpy(found.prediction) != y
    assert (broken | (fall > 0.8 * best)).all()


@pytest.mark.parametrize("attack", [SquareLinf(0.1, 600), SquareL2(1.0, 600), SquarePatch(5 / 8, 600)])
def test_it_needs_no_gradient(attack: SquareLinf, x: torch.Tensor) -> None:
    classifier = Classifier(Steps(), batch_size=7)
    x = 0.5 + 0.15 * (x - 0.5)
    y = torch.from_numpy(classifier.predict(x))
    found = run_attack(attack, classifier, x, y, seed=1)
    assert (found.prediction != y.numpy()).mean() > 0.8


def test_a_square_patch_finds_place_and_colours_of_a_linear_model(
    plane: Classifier, x: torch.Tensor, gain: Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
) -> None:
    y = torch.from_numpy(plane.predict(x))
    best = gain(x, y).sum(1).unfold(1, 2, 1).unfold(2, 2, 1).sum((3, 4)).flatten(1).amax(1)
    found = run_attack(SquarePatch(2 / 8, queries=600), plane, x, y, seed=1)
    fall = torch.from_numpy(plane.predict_logits(x) - found.logits)[torch.arange(len(y)), y]
    broken = torch.from_numpy(found.prediction) != y
    assert (broken | (fall > 0.85 * best)).all()


def test_queries_are_what_it_says_and_end_with_success(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    for kind in (SquareLinf, SquareL2, SquarePatch):
        asked = torch.zeros(len(x), dtype=torch.int64)
        hard = labels == labels  # nothing is ever broken

        def margins(made: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            asked.index_add_(0, rows, torch.ones(len(rows), dtype=torch.int64))  # noqa: B023
            return torch.where(hard[rows], 1.0 + made.mean((1, 2, 3)), -1.0)  # noqa: B023

        kind(0.2, queries=17).search(margins, x, 1)
        assert asked.tolist() == [17] * len(x)
        asked.zero_()
        hard = torch.arange(len(x)) > 2
        kind(0.2, queries=17).search(margins, x, 1)
        assert asked.tolist() == [1, 1, 1] + [17] * (len(x) - 3)


@pytest.mark.parametrize(
    "name",
    ["square-linf(epsilon=0.02,queries=40)", "square-l2(epsilon=0.3,queries=40)", "square-patch(queries=40)"],
)
def test_an_image_s_result_does_not_depend_on_its_neighbours(
    name: str, net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    together = run_attack(get_attack(name), net, x, labels, seed=3)
    net.batch_size = 2
    first = run_attack(get_attack(name), net, x[:3], labels[:3], seed=3)
    np.testing.assert_allclose(first.x_adv, together.x_adv[:3], atol=1e-5)


def test_more_queries_break_more(net: Classifier, x: torch.Tensor, labels: torch.Tensor) -> None:
    def margin(queries: int) -> float:
        found = run_attack(SquareLinf(0.01, queries), net, x, labels, seed=1)
        return float(lead(torch.from_numpy(found.logits), labels).mean())

    assert margin(200) < margin(20) < margin(1)


def test_hills_have_norm_one_and_two_signs() -> None:
    for side in (1, 2, 3, 5, 8):
        shape = hills(side, torch.zeros(1))
        assert shape.shape == (side, side)
        assert abs(float(shape.norm()) - 1) < 1e-6
        if side > 1:
            assert shape.min() < 0 < shape.max()


def test_windows_are_cut_and_pasted_where_they_belong() -> None:
    x = torch.arange(2 * 1 * 4 * 5, dtype=torch.float32).view(2, 1, 4, 5)
    corner = torch.tensor([[0, 3], [2, 1]])
    part = cut(x, corner, 2)
    assert torch.equal(part[0], x[0, :, 0:2, 3:5])
    assert torch.equal(part[1], x[1, :, 2:4, 1:3])
    back = pasted(x, -part, corner, 2)
    assert int((back != x).sum()) == 8
    assert torch.equal(cut(back, corner, 2), -part)
    drawn = torch.tensor([[0.0, 0.999999], [0.5, 0.0]])
    assert corners(drawn, 3, 2).tolist() == [[0, 2], [2, 0]]


def test_patches_move_inside_and_recolouring_always_changes_something() -> None:
    rng = torch.Generator().manual_seed(0)
    place = torch.randint(0, 6, (200, 2), generator=rng)
    for share in (1.0, 0.3, 0.0):
        moved = shifted(place, torch.rand(200, 2, generator=rng), (5, 5), share)
        assert moved.min() >= 0
        assert moved.max() <= 5
        if share == 0:
            assert (moved - place).abs().max() == 1
    colours = (torch.rand(200, 3, 4, 4, generator=rng) > 0.5).float()
    new = recoloured(colours, torch.rand(200, 5, generator=rng), 0.01)
    assert ((new != colours).flatten(1).sum(1) > 0).all()
    assert ((new == 0) | (new == 1)).all()
