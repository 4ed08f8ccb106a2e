"""The small world of the checklist's zoos: handwritten digits, nets that read them, and what a member is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.datasets import load_digits
from torch import nn

from spatialstats.defence.adaptive import Effort
from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.models import Classifier

__all__ = [
    "EFFORT",
    "PATCH",
    "SIDE",
    "THREAT",
    "Member",
    "Planted",
    "digits",
    "net",
    "region",
    "trained",
]

SIDE, TRAIN, THREAT, PATCH, STRONG = 16, 1200, "linf:0.1", "patch:4x4", 0.1
EFFORT = Effort(
    "zoo",
    images=48,
    steps=15,
    restarts=2,
    queries=120,
    draws=4,
    stride=2,
    places=3,
    masks=4,
    passes=4000,
    curve=(1.0, 4.0, 10.0),
)


@dataclass(frozen=True)
class Member:
    """A defence of a zoo.

    Parameters
    ----------
    name : str
    make : callable
        From a seed to the undefended classifier and the defence.
    threat : str
    passes : int
        See `Effort`: fewer where a defended prediction takes many.
    """

    name: str
    make: Callable[[int], tuple[Classifier, Defence]]
    threat: str = THREAT
    passes: int = 4000


class Planted(Defence):
    """Base of the planted broken defences: blind, and named after its class."""

    label = "planted"

    def __init_subclass__(cls) -> None:
        cls.name = cls.__name__.lower()

    @property
    def knowledge(self) -> Knowledge:
        return Knowledge("blind", "blind")


@cache
def digits() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Training and test images (N, 1, 16, 16) in [0, 1] and labels, in a fixed order."""
    data = load_digits()
    order = np.random.default_rng(0).permutation(len(data.target))
    x = torch.from_numpy(data.images[order] / 16).float()[:, None]
    x = F.interpolate(x, (SIDE, SIDE), mode="bilinear", align_corners=False).clamp(0, 1)
    y = torch.from_numpy(data.target[order]).long()
    return x[:TRAIN], y[:TRAIN], x[TRAIN:], y[TRAIN:]


def net(activation: Callable[[], nn.Module] = nn.ReLU, *, norm: bool = False) -> nn.Module:
    """Two convolutions and a linear layer."""
    between: list[nn.Module] = [nn.BatchNorm2d(16)] if norm else []
    return nn.Sequential(
        nn.Conv2d(1, 12, 4, 2, 1),
        activation(),
        nn.Conv2d(12, 16, 4, 2, 1),
        *between,
        activation(),
        nn.Flatten(),
        nn.Linear(256, 10),
    )


@cache
def trained(seed: int, kind: str = "plain") -> Classifier:
    """A net that has learnt the digits.

    Parameters
    ----------
    seed : int
    kind : {'plain', 'robust', 'masked', 'noisy', 'smooth', 'norm', 'linear'}
        ``robust`` saw single-step attacks, ``masked`` images behind a window, ``noisy`` noise;
        ``smooth`` has SiLU, ``norm`` batch norm, ``linear`` one layer.
    """
    torch.manual_seed(seed)
    kinds: dict[str, Callable[[], nn.Module]] = {
        "smooth": lambda: net(nn.SiLU),
        "norm": lambda: net(norm=True),
        "linear": lambda: nn.Sequential(nn.Flatten(), nn.Linear(SIDE * SIDE, 10)),
    }
    made = kinds.get(kind, net)()
    x, y, _, _ = digits()
    optimiser = torch.optim.Adam(made.parameters(), 3e-3)
    for _ in range(12 if kind == "robust" else 8):
        for rows in torch.randperm(len(x)).split(64):
            images = perturbed(made, x[rows], y[rows], kind)
            made.train()
            optimiser.zero_grad()
            F.cross_entropy(made(images), y[rows]).backward()
            optimiser.step()
    return Classifier(made.eval(), name=f"{kind} {seed}", batch_size=64)


def perturbed(made: nn.Module, x: torch.Tensor, y: torch.Tensor, kind: str) -> torch.Tensor:
    """A training batch as its kind of net sees it."""
    if kind == "noisy":
        return (x + 0.25 * torch.randn_like(x)).clamp(0, 1)
    if kind == "masked":
        hidden = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        top, left = (int(v) for v in torch.randint(0, SIDE - 6, (2,)))
        hidden[top : top + 7, left : left + 7] = True
        return torch.where(hidden, 0.5, x)
    if kind != "robust":
        return x
    start = (x + STRONG * (2 * torch.rand_like(x) - 1)).clamp(0, 1).requires_grad_(True)
    (slope,) = torch.autograd.grad(F.cross_entropy(made(start), y), start)
    moved = start.detach() + 1.25 * STRONG * slope.sign()
    return (x + (moved - x).clamp(-STRONG, STRONG)).clamp(0, 1)


def region() -> torch.Tensor:
    """bool (16, 16): a fixed region that the digits' classes hardly need."""
    hidden = torch.zeros(SIDE, SIDE, dtype=torch.bool)
    hidden[:, :2] = hidden[:, -2:] = True
    return hidden
