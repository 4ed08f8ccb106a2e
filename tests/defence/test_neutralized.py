from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from spatialstats.attacks import get_attack, run_attack
from spatialstats.attacks.losses import lead
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.blind_maps import Frequency, Gradient
from spatialstats.defence.defence import Defence
from spatialstats.defence.fills import FILLS
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.neutralized import NeutralizedModel, latency
from spatialstats.defence.prior import Fixed
from spatialstats.defence.registry import get_defence, list_defences
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError
from spatialstats.models import Classifier

SIDE = 12


@pytest.fixture
def net() -> nn.Module:
    torch.manual_seed(0)
    parts = (
        nn.Conv2d(3, 6, 3, padding=1),
        nn.GELU(),
        nn.AdaptiveAvgPool2d(3),
        nn.Flatten(),
        nn.Linear(54, 4),
    )
    return nn.Sequential(*parts).eval()


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(5, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    mask[3:7, 4:9] = True
    return mask


@pytest.mark.parametrize("fill", sorted(FILLS))
@pytest.mark.parametrize("memory", [torch.contiguous_format, torch.channels_last])
def test_an_empty_mask_is_the_model_bit_for_bit(
    fill: str, memory: torch.memory_format, net: nn.Module, x: torch.Tensor
) -> None:
    defended = NeutralizedModel(net, Fixed(torch.zeros(SIDE, SIDE, dtype=torch.bool)), fill)
    x = x.to(memory_format=memory)
    with torch.no_grad():
        assert torch.equal(defended(x), net(x))
        assert torch.equal(defended.neutralize(x), x)
    assert not bool(defended.located(x).any())


def test_the_model_sees_the_filled_images_and_is_left_alone(
    net: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> None:
    net.train()
    defended = NeutralizedModel(net, Fixed(mask), "inpaint").eval().double()
    assert net.training
    assert list(defended.parameters()) == []
    assert next(net.parameters()).dtype == torch.float32
    torch.testing.assert_close(defended(x), net(FILLS["inpaint"]()(x, mask)))
    assert torch.equal(defended.family((8, 8)), mask[None])
    assert defended.knowledge == Knowledge("prior", "prior")
    assert NeutralizedModel(net, Frequency()).family((8, 8)) is None


def test_it_compiles_in_one_graph(net: nn.Module, x: torch.Tensor, mask: torch.Tensor) -> None:
    defended = NeutralizedModel(net.requires_grad_(False), Fixed(mask), "mean")
    compiled = torch.compile(defended, backend="eager", fullgraph=True)
    torch.testing.assert_close(compiled(x), defended(x))


BLIND = ("gradient", "occluded", "frequency", "outlier")


@pytest.mark.parametrize(
    "spec",
    [*(name for name in list_defences() if name != "neutralize"), *(f"locator={one}" for one in BLIND)],
)
def test_every_defence_compiles_with_graph_breaks(spec: str) -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 14 * 14, 5)).eval()
    defence = get_defence(f"neutralize({spec})" if "=" in spec else spec, net)
    x = torch.rand(2, 3, 16, 16, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        said = defence(x)
        torch._dynamo.reset()
        torch.testing.assert_close(torch.compile(defence, backend="eager")(x), said)


@pytest.mark.parametrize("fill", sorted(name for name in FILLS if FILLS[name].differentiable))
@pytest.mark.parametrize("locator", ["fixed", "frequency"])
def test_its_gradient_is_that_of_finite_differences(
    fill: str, locator: str, net: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> None:
    net, x = net.double().requires_grad_(False), x[:2].double()
    found = Fixed(mask) if locator == "fixed" else Frequency(fraction=0.1)
    defended = NeutralizedModel(net, found, fill)
    leaf = x.clone().requires_grad_()
    defended(leaf)[:, 1].sum().backward()
    direction = torch.randn(x.shape, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    step = 1e-6  # too short to move a pixel across the cut
    with torch.no_grad():
        slope = (defended(x + step * direction) - defended(x - step * direction))[:, 1].sum() / (2 * step)
    assert leaf.grad is not None
    torch.testing.assert_close((leaf.grad * direction).sum(), slope, rtol=1e-5, atol=1e-8)


def test_a_fill_without_a_gradient_lets_one_through(
    net: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> None:
    x.requires_grad_()
    NeutralizedModel(net, Fixed(mask), "svd")(x)[:, 0].sum().backward()
    assert x.grad is not None
    assert float(x.grad[:, :, mask].abs().sum()) > 0
    assert float(x.grad[:, :, ~mask].abs().sum()) > 0


def test_the_stand_in_tends_to_the_deployed_defence(net: nn.Module, x: torch.Tensor) -> None:
    net.requires_grad_(False)
    defended = NeutralizedModel(net, Frequency(fraction=0.1), "mean")
    apart = [float((defended.relaxed(x, t) - defended(x)).abs().max()) for t in (1.0, 0.1, 1e-4, 0.0)]
    assert apart[0] > apart[1] > apart[2]
    assert apart[2] < 1e-3
    assert apart[3] < 1e-5
    hard, soft = x.clone().requires_grad_(), x.clone().requires_grad_()
    defended(hard)[:, 0].sum().backward()
    defended.relaxed(soft, 0.0)[:, 0].sum().backward()
    assert not torch.allclose(hard.grad, soft.grad)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="at least 0"):
        defended.relaxed(x, -1.0)


def test_a_fixed_mask_needs_no_stand_in(net: nn.Module, x: torch.Tensor, mask: torch.Tensor) -> None:
    defended = NeutralizedModel(net, Fixed(mask), "mean")
    assert torch.equal(defended.relaxed(x, 0.7), defended(x))


def test_its_latency_is_a_time(net: nn.Module, x: torch.Tensor, mask: torch.Tensor) -> None:
    assert 0 < latency(NeutralizedModel(net, Fixed(mask)), x, repeats=2) < 60
    with pytest.raises(InputError, match="at least one image"):
        latency(NeutralizedModel(net, Fixed(mask)), x[:0])


def test_attacks_take_a_defence_in_a_models_place(
    net: nn.Module, x: torch.Tensor, mask: torch.Tensor
) -> None:
    classifier = Classifier(net, batch_size=5)
    defended = NeutralizedModel(classifier, Fixed(mask), "mean")
    target = as_classifier(defended)
    assert target.batch_size == 5
    y = target.predict(x)
    np.testing.assert_array_equal(y, defended(x).argmax(1).numpy())
    attacked = run_attack(get_attack("pgd-linf(epsilon=0.3)"), target, x, y, seed=0)
    labels = torch.from_numpy(y)
    assert bool((lead(torch.from_numpy(attacked.logits), labels) < lead(defended(x), labels)).all())
    # What is hidden has no gradient with a mean fill: gradients are the defence's own, end to end.
    gradient, _ = target.gradient(x, lambda logits: logits[:, 0])
    assert bool((gradient[:, :, mask] == 0).all())
    leaf = x.clone().requires_grad_()
    defended(leaf)[:, 0].sum().backward()
    torch.testing.assert_close(gradient, leaf.grad, rtol=1e-5, atol=1e-8)
    target.check(x)
    assert not target.preparation["copied"]


def test_gradients_may_follow_the_stand_in_while_predictions_do_not(net: nn.Module, x: torch.Tensor) -> None:
    defended = NeutralizedModel(net.requires_grad_(False), Frequency(fraction=0.1), "mean")
    target = as_classifier(defended, temperature=0.5)
    np.testing.assert_allclose(target.predict_logits(x), defended(x).numpy(), atol=1e-6)
    gradient, logits = target.gradient(x, lambda found: found[:, 0])
    leaf = x.clone().requires_grad_()
    soft = defended.relaxed(leaf, 0.5)
    soft[:, 0].sum().backward()
    torch.testing.assert_close(gradient, leaf.grad)
    torch.testing.assert_close(logits, soft.detach())


def test_the_fingerprint_tells_masks_fills_and_models_apart(net: nn.Module, mask: torch.Tensor) -> None:
    classifier = Classifier(net)
    said = {
        as_classifier(NeutralizedModel(classifier, locator, fill)).fingerprint
        for locator in (Fixed(mask), Fixed(~mask), Gradient(), Gradient(fraction=0.2))
        for fill in ("mean", "blur")
    }
    assert len(said) == 8
    again = as_classifier(NeutralizedModel(classifier, Fixed(mask), "mean")).fingerprint
    assert again in said


class Shaky(Defence):
    """Adds noise from its own generator."""

    name, label, randomized = "shaky", "noise", True

    def __init__(self, model: nn.Module) -> None:
        super().__init__(model)
        self.draws = torch.Generator().manual_seed(0)

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("blind", "blind")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found: torch.Tensor = self.model(x + 0.2 * torch.randn(x.shape, generator=self.draws))
        return found

    def reseed(self, seed: int) -> None:
        self.draws.manual_seed(seed)


def test_a_randomized_defence_passes_the_check_and_an_undeclared_one_does_not(
    net: nn.Module, x: torch.Tensor
) -> None:
    shaky = Shaky(net)
    as_classifier(shaky).check(x)
    with pytest.raises(InputError, match="must lie in"):
        as_classifier(shaky).check(3 * x)
    shaky.randomized = False
    with pytest.raises(InputError, match="two answers"):
        as_classifier(shaky).check(x)
    shaky.reseed(3)
    first = shaky(x)
    shaky.reseed(3)
    assert torch.equal(shaky(x), first)


def test_no_defence_is_the_model(net: nn.Module, x: torch.Tensor) -> None:
    plain = Undefended(net)
    assert torch.equal(plain(x), net(x))
    assert torch.equal(plain.relaxed(x), net(x))
    assert not bool(plain.located(x).any())
    assert plain.family((8, 8)) is None
    assert repr(plain) == "Undefended(none)"
