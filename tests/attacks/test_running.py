"""Attacks that break the rules are refused, and attacks are found by name."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from spatialstats.attacks import (
    OUTCOMES,
    Budget,
    Custom,
    Ddn,
    Noise,
    PgdLinf,
    Saved,
    as_attack,
    check_attacked,
    get_attack,
    list_attacks,
    outcomes,
    run_attack,
)
from spatialstats.errors import InputError
from spatialstats.models import Classifier


def custom(change: Any, norm: Any = "linf", epsilon: float | None = 8 / 255) -> Custom:
    return Custom(lambda classifier, x, y, *, seed: change(x), "mine", "Mine", Budget(norm, epsilon))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda x: x + 0.01 + (x < 0), r"left \[0, 1\]"),
        (lambda x: (x + 9 / 255).clamp(0, 1), r"left its budget \(L∞ 8/255\) on image .* changed 9/255"),
        (lambda x: x * torch.nan, "not finite"),
        (lambda x: x[:, :, 1:], "must return images"),
        (lambda x: x.numpy(), "must return images .* got ndarray"),
    ],
)
def test_attacks_that_break_the_rules_are_refused(
    change: Any, message: str, net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    with pytest.raises(InputError, match=message):
        run_attack(custom(change), net, x, labels, seed=0)


@pytest.mark.parametrize(
    ("norm", "epsilon", "change", "fits"),
    [
        ("l0", 1, lambda x: change_at(x, [(0, 0)]), True),
        ("l0", 1, lambda x: change_at(x, [(0, 0), (0, 1)]), False),
        ("patch", 2 / 8, lambda x: change_at(x, [(3, 3), (4, 4)]), True),
        ("patch", 2 / 8, lambda x: change_at(x, [(3, 3), (3, 5)]), False),
        ("patch", 2 / 8, lambda x: change_at(x, [(3, 3), (5, 3)]), False),
        ("l2", 0.1, lambda x: x + 0 * x, True),
        ("none", None, lambda x: 1 - x, True),
    ],
)
def test_budgets_are_measured_in_their_norm(
    norm: str, epsilon: float | None, change: Any, fits: bool, net: Classifier, x: torch.Tensor
) -> None:
    y = torch.zeros(len(x), dtype=torch.int64)
    attack = custom(change, norm, epsilon)
    if fits:
        run_attack(attack, net, x, y, seed=0)
    else:
        with pytest.raises(InputError, match="left its budget"):
            run_attack(attack, net, x, y, seed=0)


def change_at(x: torch.Tensor, places: list[tuple[int, int]]) -> torch.Tensor:
    x = x.clone()
    for row, column in places:
        x[:, 1, row, column] = 1 - x[:, 1, row, column]
    return x


def test_labels_must_be_one_an_image(net: Classifier, x: torch.Tensor) -> None:
    with pytest.raises(InputError, match="one label an image, got 3 labels for 7 images"):
        run_attack(PgdLinf(), net, x, torch.zeros(3), seed=0)


def test_no_images_give_no_results(net: Classifier, x: torch.Tensor) -> None:
    net.check(x)
    found = run_attack(PgdLinf(), net, x[:0], torch.zeros(0), seed=0)
    assert found.x_adv.shape == (0, 3, 8, 8)
    assert found.logits.shape == (0, 5)


def test_read_only_arrays_can_be_attacked(net: Classifier, x: torch.Tensor, labels: torch.Tensor) -> None:
    frozen = x.numpy().copy()
    frozen.flags.writeable = False
    run_attack(PgdLinf(steps=1), net, frozen, labels.numpy(), seed=0)


def test_foreign_attacks_get_another_seed_for_each_micro_batch(
    net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    seeds: list[int] = []
    attack = as_attack(lambda classifier, x, y, *, seed: seeds.append(int(seed)) or x)
    run_attack(attack, net, x, labels, seed=5)
    run_attack(attack, net, x, labels, seed=5)
    assert len(set(seeds)) == 2
    assert seeds[:2] == seeds[2:]


def test_saved_images_are_checked_and_predicted(net: Classifier, x: torch.Tensor) -> None:
    x_adv = (x + 0.02).clamp(0, 1)
    found = check_attacked(Saved(epsilon=0.03), net, x.numpy(), x_adv.numpy())
    np.testing.assert_array_equal(found.prediction, net.predict(x_adv))
    with pytest.raises(InputError, match="'saved' left its budget"):
        check_attacked(Saved(epsilon=0.01), net, x.numpy(), x_adv.numpy())
    with pytest.raises(InputError, match="belong to their own clean images"):
        run_attack(Saved(), net, x, torch.zeros(len(x)), seed=0)


def test_outcomes_are_coded() -> None:
    codes = outcomes(np.array([1, 1, 1, 1]), np.array([0, 0, 1, 1]), np.array([0, 1, 1, 0]))
    assert [OUTCOMES[code] for code in codes] == ["misclassified", "misclassified", "resisted", "succeeded"]
    assert codes.dtype == np.int8


def test_specs_set_parameters() -> None:
    assert get_attack("pgd-linf(epsilon=4/255, steps=20, random_start=false)") == PgdLinf(
        4 / 255, 20, 2 / 255, False
    )
    assert get_attack(" noise( norm = l2, epsilon = .5 ) ") == Noise("l2", 0.5)
    assert get_attack("pgd-linf(steps=3)", steps=4) == PgdLinf(steps=4)
    assert get_attack("sparse(pixels=10)").budget == Budget("l0", 10.0)


def test_every_attack_says_what_it_is() -> None:
    for name in list_attacks():
        attack = get_attack(name)
        assert attack.name == name
        assert attack.label
        assert attack.budget.text
        assert as_attack(attack) is attack
    assert get_attack("pgd-linf").label == "PGD L∞ 8/255"
    assert get_attack("pgd-l2").label == "PGD L2 0.5"
    assert get_attack("sparse").label == "Sparse 20 pixels"
    assert not get_attack("noise").gradient
    assert get_attack("noise").control


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("pdg-linf", "unknown attack 'pdg-linf': did you mean 'pgd-linf'"),
        ("pgd-linf(epsilom=1)", "unknown parameter of pgd-linf 'epsilom': did you mean 'epsilon'"),
        ("pgd-linf(steps=2.5)", "steps of pgd-linf must be of the type int, got 2.5"),
        ("pgd-linf(steps=true)", "steps of pgd-linf must be of the type int"),
        ("pgd-linf(steps=0)", "steps of pgd-linf must be a whole number of at least 1"),
        ("pgd-linf(epsilon=-1)", "epsilon of pgd-linf must be above 0"),
        ("pgd-linf(epsilon=8/0)", "epsilon of pgd-linf must be of the type float, got '8/0'"),
        ("pgd-linf(steps)", "is written key=value, got 'steps'"),
        ("pgd-linf(steps=1", r"is written name or name\(key=value"),
        ("noise(norm=l3)", "the norm of a budget is one of"),
        ("noise(norm=none)", "noise needs the budget"),
        ("noise(norm=l0)", "counts pixels"),
        ("noise(norm=patch,epsilon=5)", "part of the side"),
        ("libfool:PGD", "unknown attack library 'libfool'"),
    ],
)
def test_wrong_specs_are_refused(spec: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        get_attack(spec)


def test_no_noise_is_like_an_attack_without_a_budget() -> None:
    with pytest.raises(InputError, match="no fixed budget"):
        Noise.like(Ddn())


def test_what_is_no_attack_is_refused() -> None:
    with pytest.raises(InputError, match="a name or a function, got int"):
        as_attack(3)  # type: ignore[arg-type]
