"""APGD finds the optimum where it is known and halves its steps; its losses are those of the paper."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import Plane
from hypothesis import given
from hypothesis import strategies as st

from spatialstats.attacks import ApgdL2, ApgdLinf, get_attack, run_attack
from spatialstats.attacks.ascent import Best, ascend, checkpoints
from spatialstats.attacks.dlr import dlr, dlr_targeted, loss_of, runner_up
from spatialstats.attacks.feasible import Ball, Box
from spatialstats.attacks.losses import lead
from spatialstats.errors import InputError
from spatialstats.models import Classifier


def margin(spec: str, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int = 1) -> float:
    found = run_attack(get_attack(spec), classifier, x, y, seed=seed)
    return float(lead(torch.from_numpy(found.logits), y).mean())


@pytest.mark.parametrize("loss", ["ce", "dlr", "margin"])
def test_it_takes_the_best_corner_of_a_linear_model(plane: Classifier, x: torch.Tensor, loss: str) -> None:
    y = torch.from_numpy(plane.predict(x))
    corner = (x - 0.02 * Plane().weight.detach().sign() * (1 - 2 * y)[:, None, None, None]).clamp(0, 1)
    found = run_attack(get_attack(f"apgd-linf(epsilon=0.02,steps=10,loss={loss})"), plane, x, y, seed=1)
    np.testing.assert_allclose(found.x_adv, corner, atol=1e-6)


def test_it_takes_the_best_direction_of_a_linear_model(plane: Classifier, x: torch.Tensor) -> None:
    x = 0.5 + 0.2 * (x - 0.5)
    y = torch.from_numpy(plane.predict(x))
    weight = Plane().weight.detach()
    best = x - 0.2 * weight / weight.norm() * (1 - 2 * y)[:, None, None, None]
    found = run_attack(get_attack("apgd-l2(epsilon=0.2,steps=40,loss=margin)"), plane, x, y, seed=1)
    np.testing.assert_allclose(found.x_adv, best, atol=2e-3)


def test_it_is_as_strong_as_pgd_with_as_many_gradients(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    for norm, epsilon in (("linf", 0.03), ("l2", 0.3)):
        plain = margin(f"pgd-{norm}(epsilon={epsilon},steps=20,alpha={epsilon / 4})", net, x, labels)
        ours = margin(f"apgd-{norm}(epsilon={epsilon},steps=20,loss=margin)", net, x, labels)
        assert ours <= plain + 0.02 * abs(plain)  # neither climbs to the very top in 20 steps


def test_restarts_and_targets_only_lower_the_margin(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    once = run_attack(get_attack("apgd-linf(epsilon=0.005,steps=3)"), net, x, labels, seed=1)
    twice = run_attack(get_attack("apgd-linf(epsilon=0.005,steps=3,restarts=3)"), net, x, labels, seed=1)
    of = [lead(torch.from_numpy(found.logits), labels) for found in (once, twice)]
    assert (of[1] <= of[0] + 1e-5).all()
    assert (of[1] < of[0] - 1e-5).any()
    targeted = margin("apgd-linf(epsilon=0.02,steps=10,loss=dlr-targeted,targets=2)", net, x, labels)
    assert targeted < margin("noise(norm=linf,epsilon=0.02)", net, x, labels)


def test_a_stopped_image_is_misclassified_all_the_same(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    before = net.calls
    found = run_attack(get_attack("apgd-linf(epsilon=0.2,stop=true)"), net, x, labels, seed=1)
    stopped = net.calls - before
    full = run_attack(get_attack("apgd-linf(epsilon=0.2)"), net, x, labels, seed=1)
    assert (found.prediction != labels.numpy()).all()
    assert (full.prediction != labels.numpy()).all()
    assert stopped < net.calls - before - stopped


def test_an_image_s_result_does_not_depend_on_its_neighbours(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    attack = ApgdLinf(0.02, steps=6, restarts=2, stop=True)
    together = run_attack(attack, net, x, labels, seed=3)
    first = run_attack(attack, net, x[:2], labels[:2], seed=3)
    np.testing.assert_allclose(first.x_adv, together.x_adv[:2], atol=1e-4)


def test_checkpoints_follow_the_paper() -> None:
    assert sorted(checkpoints(100)) == [22, 41, 57, 70, 80, 87, 93, 99]
    assert max(checkpoints(7)) < 7


def test_a_step_is_halved_where_the_value_swings() -> None:
    """On -|x| a step that crosses the top only swings: the sequence must close in on 0 all the same."""
    start = torch.full((1, 1, 1, 1), 0.9)
    seen: list[float] = []

    def passes(x: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(float(x))
        value = -(x - 0.37).abs().flatten()
        return -(x - 0.37).sign(), value, torch.ones(1)

    box = Box.around(torch.full((1, 1, 1, 1), 0.5), 0.5)
    found = ascend(passes, start, box, 60)
    assert abs(float(found.x_adv) - 0.37) < 0.02
    assert len(seen) == 60


@pytest.mark.parametrize(("first", "halved"), [(-10.0, True), (10.0, False)])
def test_a_value_below_0_that_rises_halves_its_step_at_the_first_checkpoint(
    first: float, halved: bool
) -> None:
    seen: list[torch.Tensor] = []

    def passes(x: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        seen.append(x.clone())
        sign = 1 - 2 * (len(seen) % 2 == 0)  # there and back, so that no edge stops a step
        value = torch.full((1,), first + len(seen))
        return sign * torch.ones_like(x), value, torch.ones(1)

    start = torch.full((1, 1, 1, 1), 0.5)
    ascend(passes, start, Box.around(start, 0.1), 10)
    assert min(checkpoints(10)) == 2
    x = [float(at) for at in seen[:4]]
    size = 0.1 if halved else 0.2
    straight = min(x[2] + size, 0.6)
    assert x[3] == pytest.approx(min(x[2] + 0.75 * (straight - x[2]) + 0.25 * (x[2] - x[1]), 0.6), abs=1e-6)


def test_rows_climb_by_themselves() -> None:
    """Each row has its own step: a row that is done early leaves the others as they would be alone."""
    goals = torch.tensor([0.1, 0.45, 0.93])[:, None, None, None]

    def run(rows: torch.Tensor) -> Best:
        def passes(x: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
            away = x - goals[rows[index]]
            done = away.abs().flatten() - 0.01 if len(rows) > 1 else away.abs().flatten() + 1
            return -away.sign(), -away.abs().flatten(), done

        box = Box.around(torch.full((len(rows), 1, 1, 1), 0.5), 0.5)
        return ascend(passes, torch.full((len(rows), 1, 1, 1), 0.6), box, 40)

    together = run(torch.arange(3))
    assert (together.margin < 0).all()
    for k in range(3):
        alone = run(torch.tensor([k]))
        assert abs(float(alone.x_adv) - float(goals[k])) < 0.011


def test_losses_are_those_of_the_paper() -> None:
    logits = torch.tensor([[3.0, 1.0, 0.0, -1.0, 2.0], [0.0, 5.0, 4.0, 1.0, 3.0]])
    y = torch.tensor([0, 3])
    # -(z_y - best other) / (z_1 - z_3), and towards t: -(z_y - z_t) / (z_1 - (z_3 + z_4) / 2)
    torch.testing.assert_close(dlr(logits, y), torch.tensor([-(3 - 2) / (3 - 1), -(1 - 5) / (5 - 3)]))
    goal = torch.tensor([4, 1])
    expected = torch.tensor([-(3 - 2) / (3 - 0.5 * (1 + 0)), -(1 - 5) / (5 - 0.5 * (3 + 1))])
    torch.testing.assert_close(dlr_targeted(logits, y, goal), expected)
    assert runner_up(logits, y, 0).tolist() == [4, 1]
    assert runner_up(logits, y, 1).tolist() == [1, 2]
    torch.testing.assert_close(dlr(7 * logits - 3, y), dlr(logits, y))
    torch.testing.assert_close(loss_of("margin", y)(logits), -lead(logits, y))


def test_two_classes_have_a_loss_too() -> None:
    logits, y = torch.tensor([[2.0, -1.0]]), torch.tensor([0])
    assert dlr(logits, y).item() == -3
    assert dlr_targeted(logits, y, runner_up(logits, y, 5)).item() == -3


def test_an_unknown_loss_is_refused() -> None:
    with pytest.raises(InputError, match="unknown loss of APGD 'dllr'"):
        get_attack("apgd-linf(loss=dllr)")
    with pytest.raises(InputError, match="steps of apgd-l2"):
        ApgdL2(steps=0)


@given(st.integers(0, 2**31), st.floats(0.01, 2.0))
def test_projections_keep_to_the_region(seed: int, epsilon: float) -> None:
    rng = torch.Generator().manual_seed(seed)
    x, far = torch.rand(3, 2, 4, 5, generator=rng), 3 * torch.randn(3, 2, 4, 5, generator=rng)
    allowed = torch.rand(3, 1, 4, 5, generator=rng) > 0.4
    for region in (Box.around(x, epsilon), Ball(x, epsilon)):
        for part in (region, region.within(allowed)):
            made = part.project(x + far)
            assert made.min() >= 0
            assert made.max() <= 1
            delta = made - x
            size = delta.abs().amax() if isinstance(region, Box) else delta.flatten(1).norm(dim=1).amax()
            assert size <= epsilon + 1e-6
            torch.testing.assert_close(part.project(made), made, atol=2e-6, rtol=0)
            drawn = part.drawn(seed)
            torch.testing.assert_close(part.project(drawn), drawn, atol=2e-6, rtol=0)
            rows = torch.tensor([2, 0])
            torch.testing.assert_close(part.rows(rows).project((x + far)[rows]), made[rows])
        inside = region.within(allowed).project(x + far)
        assert torch.equal(inside[~allowed.expand_as(x)], x[~allowed.expand_as(x)])
