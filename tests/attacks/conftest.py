"""Models whose best attack is known, and one that is like a real one."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from spatialstats.models import Classifier

SHAPE = (3, 8, 8)


class Net(nn.Module):
    """A small smooth convolutional network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.norm = nn.Conv2d(3, 8, 3, padding=1), nn.BatchNorm2d(8)
        self.conv2, self.head = nn.Conv2d(8, 12, 3, stride=2), nn.Linear(12 * 9, 5)
        rng = torch.Generator().manual_seed(5)
        with torch.no_grad():
            for parameter in self.parameters():
                if parameter.ndim > 1:
                    parameter.copy_(torch.randn(parameter.shape, generator=rng) / parameter[0].numel() ** 0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.gelu(self.norm(self.conv1(x)))
        return 4 * self.head(F.gelu(self.conv2(x)).flatten(1))


class Plane(nn.Module):
    """Two classes, one of them where ``weight . x`` is above its value in mid grey."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(SHAPE, generator=torch.Generator().manual_seed(6)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        score = ((x - 0.5) * self.weight).sum((1, 2, 3))
        return torch.stack([score, -score], 1)


@pytest.fixture
def x() -> torch.Tensor:
    return torch.rand(7, *SHAPE, generator=torch.Generator().manual_seed(4))


@pytest.fixture
def net() -> Classifier:
    return Classifier(Net(), mean=(0.5, 0.5, 0.5), std=(0.25, 0.25, 0.25), batch_size=4)


@pytest.fixture
def labels(net: Classifier, x: torch.Tensor) -> torch.Tensor:
    return torch.from_numpy(net.predict(x))


@pytest.fixture
def plane() -> Classifier:
    return Classifier(Plane(), batch_size=4)


@pytest.fixture
def gain() -> Callable[[torch.Tensor, torch.Tensor], torch.Tensor]:
    """How far `Plane`'s score falls for its label when a value goes to its worse end: (N, C, H, W)."""

    def of(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        downhill = -Plane().weight.detach() * (1 - 2 * y)[:, None, None, None]
        return torch.where(downhill > 0, downhill * (1 - x), -downhill * x)

    return of
