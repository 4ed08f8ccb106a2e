"""Our attacks give the values of other libraries, and those can be run by name."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch

from spatialstats.attacks import Attack, Fgsm, MiFgsm, PgdL2, PgdLinf, get_attack, run_attack
from spatialstats.errors import InputError
from spatialstats.models import Classifier


@pytest.mark.parametrize(
    ("ours", "kind", "parameters"),
    [
        (
            PgdLinf(random_start=False),
            "PGD",
            {"eps": 8 / 255, "alpha": 2 / 255, "steps": 10, "random_start": False},
        ),
        (
            PgdL2(0.5, 10, 0.1, random_start=False),
            "PGDL2",
            {"eps": 0.5, "alpha": 0.1, "steps": 10, "random_start": False},
        ),
        (Fgsm(), "FGSM", {"eps": 8 / 255}),
        (MiFgsm(), "MIFGSM", {"eps": 8 / 255, "alpha": 2 / 255, "steps": 10}),
    ],
)
def test_pixels_are_those_of_torchattacks(
    ours: Attack,
    kind: str,
    parameters: dict[str, float],
    net: Classifier,
    x: torch.Tensor,
    labels: torch.Tensor,
) -> None:
    torchattacks = pytest.importorskip("torchattacks")

    class Module(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.dummy = torch.nn.Parameter(torch.zeros(()))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return net.logits(x)

    theirs = getattr(torchattacks, kind)(Module().eval(), **parameters)(x, labels).numpy()
    found = run_attack(ours, net, x, labels, seed=1).x_adv
    assert np.isclose(found, theirs, atol=1e-5, rtol=0).mean() > 0.99


@pytest.mark.parametrize(
    ("spec", "norm"),
    [
        ("torchattacks:PGD(eps=4/255)", "linf"),
        ("torchattacks:PGDL2(eps=0.5,alpha=0.1)", "l2"),
        ("torchattacks:DeepFool(steps=3)", "none"),
        ("foolbox:LinfPGD(epsilon=4/255,steps=5)", "linf"),
        ("foolbox:L2FastGradientAttack", "l2"),
        ("foolbox:DDNAttack(steps=5)", "none"),
    ],
)
def test_attacks_of_libraries_run_by_name(
    spec: str, norm: str, net: Classifier, x: torch.Tensor, labels: torch.Tensor
) -> None:
    pytest.importorskip(spec.partition(":")[0])
    attack = get_attack(spec)
    assert attack.budget.norm == norm
    before = torch.random.get_rng_state(), np.random.get_state()[1].copy(), random.getstate()  # noqa: NPY002
    found = run_attack(attack, net, x, labels, seed=1)
    assert torch.equal(before[0], torch.random.get_rng_state())
    assert np.array_equal(before[1], np.random.get_state()[1])  # noqa: NPY002
    assert before[2] == random.getstate()
    assert np.array_equal(found.x_adv, run_attack(attack, net, x, labels, seed=1).x_adv)
    assert net.seconds > 0
    assert (found.norm > 0).any()


def test_a_library_never_changes_the_users_module(
    x: torch.Tensor, net: Classifier, labels: torch.Tensor
) -> None:
    pytest.importorskip("torchattacks")
    module = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(192, 5)).train()
    run_attack(get_attack("torchattacks:PGD"), Classifier(module, prepare=False), x, labels, seed=1)
    assert all(part.training for part in module.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("torchattacks:PDG", "unknown torchattacks attack 'PDG'"),
        ("torchattacks:PGD(epz=1)", "unknown parameter of torchattacks:PGD 'epz'"),
        ("foolbox:LinfPDG", "unknown foolbox attack 'LinfPDG': did you mean 'LinfPGD'"),
        ("foolbox:LinfPGD(stepz=1)", "unknown parameter of foolbox:LinfPGD 'stepz'"),
    ],
)
def test_wrong_names_are_refused(spec: str, message: str) -> None:
    pytest.importorskip(spec.partition(":")[0])
    with pytest.raises(InputError, match=message):
        get_attack(spec)
