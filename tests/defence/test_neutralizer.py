from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from spatialstats.defence.fills import get_fill
from spatialstats.defence.neutralizer import Neutralizer
from spatialstats.errors import InputError


@pytest.fixture
def model() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 36, 5))


@pytest.fixture
def mask() -> torch.Tensor:
    mask = torch.zeros(8, 8, dtype=torch.bool)
    mask[2:5, 3:6] = True
    return mask


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(4, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def test_the_model_sees_the_filled_images(model: nn.Module, mask: torch.Tensor, x: torch.Tensor) -> None:
    model.eval()
    torch.testing.assert_close(Neutralizer(model, "blur", mask)(x), model(get_fill("blur")(x, mask)))
    own = torch.rand(4, 8, 8, generator=torch.Generator().manual_seed(2)) < 0.2
    torch.testing.assert_close(Neutralizer(model, "blur", mask)(x, own), model(get_fill("blur")(x, own)))
    torch.testing.assert_close(Neutralizer(model, "mean")(x, own), model(get_fill("mean")(x, own)))


def test_the_wrapped_model_is_left_alone(model: nn.Module, mask: torch.Tensor, x: torch.Tensor) -> None:
    model.eval()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    defended = Neutralizer(model, "mean", mask).train().double()
    assert not model.training
    assert all(parameter.dtype == torch.float32 for parameter in model.parameters())
    assert list(defended.parameters()) == []
    defended(x.requires_grad_()).sum().backward()
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_gradients_flow_past_the_mask(model: nn.Module, mask: torch.Tensor, x: torch.Tensor) -> None:
    model.eval().requires_grad_(False)
    x.requires_grad_()
    Neutralizer(model, "inpaint", mask)(x).square().sum().backward()
    assert x.grad is not None
    assert bool((x.grad[:, :, mask] == 0).all())
    assert bool((x.grad[:, :, ~mask].abs().sum((0, 1)) > 0).all())


def test_the_state_holds_mask_and_fill_and_loads_without_running_code(
    model: nn.Module, mask: torch.Tensor, x: torch.Tensor, tmp_path: Path
) -> None:
    model.eval()
    defended = Neutralizer(model, "blur(sigma=1.5)", mask)
    assert set(defended.state_dict()) == {"mask", "_extra_state"}
    torch.save(defended.state_dict(), tmp_path / "defence.pt")
    other = Neutralizer(model)
    other.load_state_dict(torch.load(tmp_path / "defence.pt", weights_only=True))
    assert torch.equal(other.mask, mask)
    assert other.fill == defended.fill
    assert torch.equal(other(x), defended(x))


def test_a_neutralizer_may_be_part_of_a_module(model: nn.Module, mask: torch.Tensor, x: torch.Tensor) -> None:
    model.eval()
    whole = nn.Sequential(Neutralizer(model, "mean", mask), nn.Softmax(1))
    fresh = nn.Sequential(Neutralizer(model, "inpaint"), nn.Softmax(1))
    fresh.load_state_dict(whole.state_dict())
    torch.testing.assert_close(fresh(x), whole(x))


def test_without_a_mask_a_call_must_bring_one(model: nn.Module, x: torch.Tensor) -> None:
    with pytest.raises(InputError, match="each call must bring one"):
        Neutralizer(model)(x)


def test_a_fixed_mask_is_one_boolean_image(model: nn.Module) -> None:
    with pytest.raises(InputError, match="boolean of shape"):
        Neutralizer(model, mask=torch.zeros(4, 8, 8, dtype=torch.bool))
    with pytest.raises(InputError, match="boolean of shape"):
        Neutralizer(model, mask=torch.zeros(8, 8))


def test_it_prints_what_it_does(model: nn.Module, mask: torch.Tensor) -> None:
    assert repr(Neutralizer(model, "blur", mask)) == "Neutralizer(fill='blur', mask=9 of 64 pixels)"
    assert repr(Neutralizer(model, "mean")) == "Neutralizer(fill='mean', mask=per call)"
