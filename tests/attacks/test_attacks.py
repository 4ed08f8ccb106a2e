"""Every attack keeps to its budget, is repeatable, and finds the optimum where it is known."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from conftest import Plane

from spatialstats.attacks import Attack, Noise, Patch, Sparse, get_attack, list_attacks, run_attack
from spatialstats.attacks.losses import lead
from spatialstats.models import Classifier

SPECS = [
    "fgsm",
    "pgd-linf",
    "pgd-l2(alpha=0.1,steps=5)",
    "mi-fgsm",
    "apgd-linf(steps=6)",
    "apgd-l2(steps=6,restarts=2,loss=ce)",
    "square-linf(queries=30)",
    "square-l2(queries=30)",
    "square-patch(side=3/8,queries=30)",
    "ddn(steps=10)",
    "sparse(pixels=5,steps=6)",
    "patch(side=3/8,screened=9,places=2,steps=3)",
    "noise",
    "noise(norm=l2,epsilon=0.5)",
    "noise(norm=l0,epsilon=5)",
    "noise(norm=patch,epsilon=3/8)",
]
Gain = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


@pytest.mark.parametrize("spec", SPECS)
def test_results_keep_to_the_budget_and_are_predicted_anew(
    spec: str, net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    attack = get_attack(spec)
    before = x.clone()
    found = run_attack(attack, net, x, labels, seed=1)
    assert torch.equal(x, before)
    assert found.x_adv.shape == tuple(x.shape)
    assert found.x_adv.dtype == np.float32
    assert 0 <= found.x_adv.min() <= found.x_adv.max() <= 1
    np.testing.assert_allclose(found.logits, net.predict_logits(found.x_adv), rtol=1e-5, atol=1e-5)
    np.testing.assert_array_equal(found.prediction, found.logits.argmax(1))
    delta = found.x_adv - x.numpy()
    norms = {
        "linf": np.abs(delta).max((1, 2, 3)),
        "l2": np.sqrt((delta.astype(float) ** 2).sum((1, 2, 3))),
        "l0": (delta != 0).any(1).sum((1, 2)),
        "patch": np.maximum((delta != 0).any((1, 2)).sum(1), (delta != 0).any((1, 3)).sum(1)) / 8,
    }
    norms["none"] = norms["l2"]
    np.testing.assert_allclose(found.norm, norms[attack.budget.norm], rtol=1e-5)
    if attack.budget.epsilon is not None:
        assert (found.norm <= attack.budget.epsilon + 1e-5).all()
        assert (found.norm > 0).all()


@pytest.mark.parametrize("spec", SPECS)
def test_a_seed_gives_one_result_however_rows_are_batched(
    spec: str, net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    attack = get_attack(spec)
    one = run_attack(attack, net, x, labels, seed=1)
    assert np.array_equal(one.x_adv, run_attack(attack, net, x.numpy(), labels.numpy(), seed=1).x_adv)
    net.batch_size = 3
    other = run_attack(attack, net, x, labels, seed=1)
    assert np.isclose(one.x_adv, other.x_adv, atol=1e-3).mean() > 0.99
    drawn = attack.control or getattr(attack, "random_start", False)
    assert np.array_equal(one.x_adv, run_attack(attack, net, x, labels, seed=2).x_adv) <= (not drawn)


def test_attacks_are_stronger_than_noise_of_their_budget(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    for name in list_attacks():
        attack: Attack = get_attack(name)
        if attack.budget.epsilon is None or attack.control:
            continue
        noise = Noise.like(attack)
        assert noise.budget == attack.budget
        margins = [
            lead(torch.from_numpy(run_attack(one, net, x, labels, seed=1).logits), labels).mean()
            for one in (attack, noise)
        ]
        assert margins[0] < margins[1], name


def test_more_steps_do_not_weaken_an_iterative_attack(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    def margin(spec: str) -> float:
        return float(
            lead(torch.from_numpy(run_attack(get_attack(spec), net, x, labels, seed=1).logits), labels).mean()
        )

    one = margin("fgsm(epsilon=4/255)")
    assert margin("pgd-linf(epsilon=4/255,alpha=1/255)") < one
    assert margin("mi-fgsm(epsilon=4/255,alpha=1/255)") < one


def test_fgsm_and_pgd_take_the_best_corner_of_a_linear_model(plane: Classifier, x: torch.Tensor) -> None:
    y = torch.from_numpy(plane.predict(x))
    corner = (x - 0.1 * Plane().weight.detach().sign() * (1 - 2 * y)[:, None, None, None]).clamp(0, 1)
    for spec in ("fgsm(epsilon=0.1)", "pgd-linf(epsilon=0.1,alpha=0.05)"):
        np.testing.assert_allclose(run_attack(get_attack(spec), plane, x, y, seed=1).x_adv, corner, atol=1e-6)


def test_ddn_finds_the_distance_to_a_plane(plane: Classifier, x: torch.Tensor) -> None:
    x = 0.5 + 0.2 * (x - 0.5)  # so that the nearest point of the plane lies inside [0, 1]
    y = torch.from_numpy(plane.predict(x))
    weight = Plane().weight.detach()
    distance = ((x - 0.5) * weight).sum((1, 2, 3)).abs() / weight.norm()
    found = run_attack(get_attack("ddn(steps=100)"), plane, x, y, seed=1)
    assert (found.prediction != y.numpy()).all()
    np.testing.assert_allclose(found.norm, distance, rtol=0.06, atol=1e-3)


def test_ddn_leaves_what_is_misclassified_already(plane: Classifier, x: torch.Tensor) -> None:
    y = 1 - torch.from_numpy(plane.predict(x))
    found = run_attack(get_attack("ddn(steps=3)"), plane, x, y, seed=1)
    np.testing.assert_array_equal(found.x_adv, x)


def test_sparse_takes_the_best_pixels_of_a_linear_model(
    plane: Classifier, x: torch.Tensor, gain: Gain
) -> None:
    y = torch.from_numpy(plane.predict(x))
    best = gain(x, y).sum(1).flatten(1).topk(5, dim=1).values.sum(1)
    found = run_attack(Sparse(pixels=5, steps=3), plane, x, y, seed=1)
    before, after = plane.predict_logits(x), found.logits
    fall = (before - after)[np.arange(len(y)), y]
    np.testing.assert_allclose(fall, best, rtol=1e-4)


def test_patch_finds_the_best_place_and_colours_of_a_linear_model(
    plane: Classifier, x: torch.Tensor, gain: Gain
) -> None:
    y = torch.from_numpy(plane.predict(x))
    sums = gain(x, y).sum(1).unfold(1, 3, 1).unfold(2, 3, 1).sum((3, 4))
    found = run_attack(Patch(side=3 / 8, screened=100, places=1, steps=1), plane, x, y, seed=1)
    fall = (plane.predict_logits(x) - found.logits)[np.arange(len(y)), y]
    np.testing.assert_allclose(fall, sums.flatten(1).amax(1), rtol=1e-4)


def test_patch_costs_what_it_says(net: Classifier, x: torch.Tensor, labels: torch.Tensor) -> None:
    attack = Patch(screened=9, places=2, steps=3)
    net.batch_size, before = len(x), net.calls
    run_attack(attack, net, x, labels, seed=1)
    assert net.calls - before == 1 + 9 + 2 * (3 + 1) + 1  # and one to predict the result


def test_noise_fills_its_budget(net: Classifier) -> None:
    grey = torch.full((40, 3, 8, 8), 0.5)
    y = torch.zeros(40, dtype=torch.int64)
    delta = run_attack(Noise("linf", 0.1), net, grey, y, seed=1).x_adv - 0.5
    assert abs(delta.mean()) < 0.003
    assert abs(delta.std() - 0.1 / 3**0.5) < 0.002
    np.testing.assert_allclose(run_attack(Noise("l2", 0.7), net, grey, y, seed=1).norm, 0.7, rtol=1e-4)
    assert (run_attack(Noise("l0", 6), net, grey, y, seed=1).norm == 6).all()
    changed = run_attack(Noise("patch", 3 / 8), net, grey, y, seed=1).x_adv != 0.5
    assert (changed.any(1).sum((1, 2)) == 9).all()
    assert changed.any((0, 1)).mean() > 0.9  # over 40 images, nearly every pixel
