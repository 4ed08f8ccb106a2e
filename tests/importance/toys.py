"""Small classifiers with the methods that importance needs."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from torch import nn


class Toy:
    """A module as a classifier; remembers the size of every model call."""

    def __init__(self, module: nn.Module, batch_size: int = 8) -> None:
        self.module = module.eval().requires_grad_(False)
        self.batch_size = batch_size
        self.device = "cpu"
        self.sizes: list[int] = []

    def prepare(self, x: torch.Tensor) -> None:
        pass

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(len(x))
        return self.module(x)

    def predict_logits(self, x: torch.Tensor) -> np.ndarray:
        with torch.inference_mode():
            return torch.cat(
                [self.logits(part) for part in torch.as_tensor(x).split(self.batch_size)]
            ).numpy()

    def gradient(
        self, x: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        with torch.enable_grad():
            x = x.detach().requires_grad_()
            logits = self.logits(x)
            (slopes,) = torch.autograd.grad(loss(logits), x)
        return slopes, logits.detach()


class Small(nn.Module):
    """Two smooth convolutions, a pool and a linear layer for images of 16x16."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 6, 3, padding=1)
        self.second = nn.Conv2d(6, 8, 3, padding=1)
        self.head = nn.Linear(8, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = torch.tanh(self.first(2 * x - 1))
        x = torch.tanh(self.second(nn.functional.avg_pool2d(x, 2)))
        return 5 * self.head(x.mean((2, 3)))


def small(seed: int = 0, batch_size: int = 8) -> Toy:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Small()
        for parameter in module.parameters():
            parameter.data.mul_(3)
    return Toy(module, batch_size)


def linear(seed: int = 0, batch_size: int = 8) -> Toy:
    """Logits that are linear in the pixels: attributions are known exactly."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return Toy(nn.Sequential(nn.Flatten(), nn.Linear(3 * 16 * 16, 4)), batch_size)


def images(n: int = 5, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Images (n, 3, 16, 16) in [0, 1], and a class for each."""
    rng = torch.Generator().manual_seed(seed)
    return torch.rand(n, 3, 16, 16, generator=rng), torch.randint(4, (n,), generator=rng)
