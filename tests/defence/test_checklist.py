"""The checklist: its test is exact, each flag is raised by what it is for, and looking changes nothing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spatialstats.defence.adaptive import AdaptiveResult, Effort, evaluate_adaptive
from spatialstats.defence.checklist import Check, checklist, flagged
from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.prior import Fixed
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError
from spatialstats.models import Classifier

EFFORT = Effort(
    "test", images=24, steps=8, restarts=1, queries=25, draws=2, passes=800, curve=(1.0, 16.0), doubling=False
)
SIDE = 8


class Odd(Defence):
    """Base of the defences that are wrong in one way."""

    name, label = "odd", "odd"

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("blind", "blind")


class Probabilities(Odd):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x).softmax(1)  # type: ignore[no-any-return]


class Drawing(Odd):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x + 0.1 * torch.randn_like(x))  # type: ignore[no-any-return]


class Neighbourly(Odd):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x - x.mean(0) + 0.5)  # type: ignore[no-any-return]


class Stepped(Odd):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        coarse = (F.avg_pool2d(x, 4) * 8).round() / 8
        return self.model(F.interpolate(coarse, scale_factor=4))  # type: ignore[no-any-return]


class Blind(Odd):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x.detach())  # type: ignore[no-any-return]


class Elsewhere(Odd):
    """Its stand-in is of another model."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)  # type: ignore[no-any-return]

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        return self.model(1 - x).flip(1)  # type: ignore[no-any-return]


class Oracle(Odd):
    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("oracle", "oracle", labels=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.model(x)  # type: ignore[no-any-return]


class Asking(Odd):
    """Takes a gradient when it predicts, and does nothing with it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            torch.autograd.grad(self.model(leaf).sum(), leaf)
        return self.model(x)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def classifier() -> Classifier:
    torch.manual_seed(0)
    return Classifier(nn.Sequential(nn.Flatten(), nn.Linear(3 * SIDE**2, 24), nn.SiLU(), nn.Linear(24, 4)))


@pytest.fixture(scope="module")
def images(classifier: Classifier) -> tuple[torch.Tensor, torch.Tensor]:
    """Images that the model is right about, because it gave their labels."""
    x = torch.rand(24, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(0)) * 0.6 + 0.2
    return x, torch.from_numpy(classifier.predict(x))


@pytest.fixture(scope="module")
def evaluated(classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor]) -> AdaptiveResult:
    """Of the model without a defence."""
    return evaluate_adaptive(Undefended(classifier), classifier, *images, "linf:0.05", effort=EFFORT)


def by_name(checks: tuple[Check, ...]) -> dict[str, Check]:
    found = {one.name: one for one in checks}
    assert len(found) == len(checks)
    return found


def test_a_plain_model_passes_and_every_item_says_why(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    checks = checklist(Undefended(classifier), classifier, *images, evaluated)
    assert not flagged(checks), [one for one in checks if one.flag]
    for one in checks:
        assert one.name
        assert one.source
        assert one.evidence.endswith(".")
        assert one.to_dict() == {
            "name": one.name,
            "flag": one.flag,
            "evidence": one.evidence,
            "source": one.source,
        }


@pytest.mark.parametrize(
    ("kind", "name"),
    [
        (Probabilities, "outputs are logits"),
        (Drawing, "draws are declared and can be fixed"),
        (Neighbourly, "an image's answer does not depend on its batch"),
        (Stepped, "outputs move when images move"),
        (Stepped, "the attack's gradient exists"),
        (Blind, "the attack's gradient exists"),
        (Blind, "a step along the gradient beats random steps"),
        (Elsewhere, "the stand-in decides as the defence does"),
        (Oracle, "the threat model is stated and deployable"),
    ],
)
def test_each_flag_is_raised_by_what_it_is_for(
    kind: type[Odd],
    name: str,
    classifier: Classifier,
    images: tuple[torch.Tensor, torch.Tensor],
    evaluated: AdaptiveResult,
) -> None:
    assert by_name(checklist(kind(classifier), classifier, *images, evaluated))[name].flag


def test_gradients_at_inference_are_told_without_a_flag(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    for kind, said in ((Asking, "takes gradients"), (Probabilities, "takes no gradient")):
        found = by_name(checklist(kind(classifier), classifier, *images, evaluated))["gradients at inference"]
        assert found.flag is None
        assert said in found.evidence


def test_attacks_are_compared_image_by_image(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    strong = np.zeros(24, bool)
    outcomes = dict(evaluated.outcomes)
    for name in ("noise", "square", "transfer"):
        outcomes[name] = replace(outcomes[name], robust=strong)
    outcomes["white-box"] = replace(outcomes["white-box"], robust=np.arange(24) >= 8)
    doubted = replace(evaluated, outcomes=outcomes)
    found = by_name(checklist(Undefended(classifier), classifier, *images, doubted))
    for name in ("gradient-free search", "transfer", "random noise"):
        one = next(value for key, value in found.items() if key.startswith(name))
        assert one.flag
        assert "alone breaks 16" in one.evidence
    assert found["one step breaks no more than many"].flag is not None


def test_budget_items_follow_the_evaluation(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    stuck = tuple(replace(point, robust=np.ones(24, bool)) for point in evaluated.curve)
    weaker = {name: replace(one, robust=np.zeros(24, bool)) for name, one in evaluated.outcomes.items()}
    before = {name: replace(one, robust=np.ones(24, bool)) for name, one in evaluated.outcomes.items()}
    doubted = replace(evaluated, curve=stuck, outcomes=before, doubled=weaker)
    found = by_name(checklist(Undefended(classifier), classifier, *images, doubted))
    assert found["success rises to all images with the budget"].flag
    assert found["twice the effort changes nothing"].flag
    bare = by_name(checklist(Undefended(classifier), classifier, *images, evaluated))
    assert bare["twice the effort changes nothing"].flag is None


def test_a_fixed_mask_is_compared_with_a_blob_of_equal_area(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[:3, :3] = True
    defence = NeutralizedModel(classifier, Fixed(mask), "mean")
    found = by_name(checklist(defence, classifier, *images, evaluated))[
        "own mask against a blob of equal area"
    ]
    assert found.flag is None
    assert "of 24 images" in found.evidence


def test_looking_changes_nothing_and_gives_the_same_again(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    torch.manual_seed(5)
    state = torch.get_rng_state()
    first = checklist(Drawing(classifier), classifier, *images, evaluated, seed=3)
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(6)
    stored = {name: replace(one, x_adv=None) for name, one in evaluated.outcomes.items()}
    again = checklist(Drawing(classifier), classifier, *images, replace(evaluated, outcomes=stored), seed=3)
    assert again == first


def test_other_images_than_the_evaluations_are_refused(
    classifier: Classifier, images: tuple[torch.Tensor, torch.Tensor], evaluated: AdaptiveResult
) -> None:
    with pytest.raises(InputError, match="expected 24, got 5 images"):
        checklist(Undefended(classifier), classifier, images[0][:5], images[1][:5], evaluated)
