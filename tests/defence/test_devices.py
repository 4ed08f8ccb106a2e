"""Where the classifier lies, there everything is: what attacks defences, watches them and certifies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
import torch
from elsewhere import ELSEWHERE, elsewhere
from torch import nn

from spatialstats.attacks import get_attack, run_attack
from spatialstats.defence.adaptive import Effort, estimate, evaluate_adaptive
from spatialstats.defence.blind_maps import Gradient
from spatialstats.defence.certify import certify
from spatialstats.defence.checklist import checklist
from spatialstats.defence.defence import Defence
from spatialstats.defence.fills import FILLS
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.defence.prior import Fixed
from spatialstats.defence.registry import get_defence, list_defences, list_locators
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.engine.defences.static import static_rows
from spatialstats.errors import InputError
from spatialstats.models import Classifier

SIDE = 6
EFFORT = Effort(
    "small", images=3, steps=3, restarts=1, queries=4, draws=2, places=1, masks=2, stride=2, curve=(1.0, 8.0)
)


class Net(nn.Module):
    """A small smooth network of four classes."""

    def __init__(self) -> None:
        super().__init__()
        rng = torch.Generator().manual_seed(3)
        self.first = nn.Parameter(torch.randn(3 * SIDE**2, 12, generator=rng) / 10)
        self.second = nn.Parameter(torch.randn(12, 4, generator=rng) / 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return 4 * torch.tanh(4 * (x - 0.5).flatten(1) @ self.first) @ self.second


class Noisy(Defence):
    """Draws noise before the model."""

    name, label, randomized = "noisy", "noisy", True

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.rng = torch.Generator()

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("blind", "blind")

    def reseed(self, seed: int) -> None:
        self.rng.manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x + 0.05 * torch.randn(x.shape, generator=self.rng).to(x.device))


def defences(classifier: Classifier) -> dict[str, Defence]:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[:2, :3] = True
    return {
        "none": Undefended(classifier),
        "fixed": NeutralizedModel(classifier, Fixed(mask), "mean"),
        "blind": NeutralizedModel(classifier, Gradient(fraction=0.1, roi="median"), "mean"),
        "cleansed": PatchCleanser(classifier, patch=2, per_axis=2),
        "noisy": Noisy(classifier),
    }


def images() -> tuple[np.ndarray, np.ndarray]:
    x = torch.rand(3, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).numpy()
    return x, Classifier(Net()).predict(x)


@contextmanager
def away() -> Iterator[Classifier]:
    """A classifier that takes no batch of the CPU."""
    with elsewhere() as device:
        yield Classifier(Net().to(device), device=device, batch_size=4, prepare=False)


def test_the_device_that_is_not_there_refuses_what_a_gpu_refuses() -> None:
    x = torch.rand(2, 3, SIDE, SIDE)
    with away() as classifier:
        with pytest.raises(InputError, match="tensors on meta and on cpu"):
            classifier.logits(x)
        there = x.to(ELSEWHERE)
        assert torch.equal(classifier.logits(there).cpu(), Classifier(Net(), prepare=False).logits(x))
        with pytest.raises(RuntimeError, match="indices on meta"):
            x[torch.tensor([1]).to(ELSEWHERE)]
        with pytest.raises(RuntimeError, match="not supported"):
            there.numpy()


@pytest.mark.parametrize(
    ("name", "threat"),
    [
        ("none", "patch:2x2"),
        ("fixed", "l2:0.5"),
        ("blind", "linf:0.05"),
        ("blind", "l2:0.5"),
        ("blind", "patch:2x2"),
        ("cleansed", "linf:0.05"),
        ("noisy", "linf:0.05"),
    ],
)
def test_attacks_and_the_checklist_work_where_the_classifier_lies(name: str, threat: str) -> None:
    x, y = images()

    def results(classifier: Classifier) -> tuple[Any, ...]:
        defence = defences(classifier)[name]
        adaptive = evaluate_adaptive(defence, classifier, x, y, threat, effort=EFFORT, seed=2)
        assert estimate(defence, classifier, x, y, threat, EFFORT).seconds > 0
        return adaptive.to_dict(), checklist(defence, classifier, x, y, adaptive, seed=1)

    here = results(Classifier(Net(), batch_size=4, prepare=False))
    with away() as classifier:
        assert results(classifier) == here


def test_certificates_are_made_where_the_images_lie() -> None:
    x, y = images()

    def results(classifier: Classifier) -> tuple[list[bool], int]:
        there = classifier.as_images(x), torch.from_numpy(y).to(classifier.device)
        found = certify(PatchCleanser(classifier, 2, 2), *there)
        return found.certified.tolist(), found.predictions

    here = results(Classifier(Net(), batch_size=4, prepare=False))
    with away() as classifier:
        assert results(classifier) == here


FILLED = [f"neutralize(locator=frequency, fill={fill})" for fill in FILLS]
LOCATED = [f"neutralize(locator={name})" for name in list_locators() if name != "prior"]
LEARNT = ["neutralize(locator=prior(per_class=True, importance=saliency))"]
OTHERS = [name for name in list_defences() if name != "neutralize"]


@pytest.mark.parametrize("spec", [*OTHERS, *LOCATED, *FILLED, *LEARNT])
def test_every_defence_answers_where_the_images_lie(spec: str) -> None:
    x, y = images()

    def answers(classifier: Classifier) -> tuple[Any, ...]:
        defence = get_defence(spec, classifier, locate=(x, y))
        there = classifier.as_images(x)
        with torch.no_grad():
            found = (defence(there), defence.located(there), defence.relaxed(there))
        assert {one.device.type for one in found} == {classifier.device.type}
        return tuple(one.cpu().tolist() for one in found)

    here = answers(Classifier(Net(), batch_size=4, prepare=False))
    with away() as classifier:
        assert answers(classifier) == here


@pytest.mark.parametrize(
    "spec", ["neutralize(locator=frequency)", "jpeg", "patchcleanser(patch=2, per_axis=2)"]
)
def test_the_static_column_is_made_where_the_classifier_lies(spec: str) -> None:
    x, y = images()

    def rows(classifier: Classifier) -> dict[str, list[Any]]:
        attacked = run_attack(get_attack("pgd-linf", steps=2), classifier, x, y, seed=1).x_adv
        found = static_rows(get_defence(spec, classifier), classifier, x, y, attacked, seed=0)
        return {name: values.tolist() for name, values in found.items()}

    here = rows(Classifier(Net(), batch_size=4, prepare=False))
    with away() as classifier:
        assert rows(classifier) == here
