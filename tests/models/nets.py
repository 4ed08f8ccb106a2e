"""Small networks that show what the classifier must cope with."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn


class Small(nn.Module):
    """Two convolutions with batch norm of uneven statistics."""

    def __init__(self, channels: int = 3, n_classes: int = 4) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(channels, 6, 3, padding=1), nn.BatchNorm2d(6)
        self.conv2, self.norm2 = nn.Conv2d(6, 8, 3, padding=1, bias=False), nn.BatchNorm2d(8)
        self.drop, self.head = nn.Dropout(0.5), nn.Linear(8, n_classes)
        rng = torch.Generator().manual_seed(3)
        for tensor in self.state_dict().values():
            if tensor.is_floating_point():
                tensor.copy_(torch.rand(tensor.shape, generator=rng) - (0.5 if tensor.ndim > 1 else 0.0))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        x = F.relu(self.norm2(self.conv2(F.max_pool2d(x, 2))))
        return 3 * self.head(self.drop(x.mean((2, 3))))


class Branching(Small):
    """Cannot be traced."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x) if x.sum() > -1e9 else super().forward(-x)


class Viewing(Small):
    """Its view is refused by channels-last memory."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(self.norm1(self.conv1(x)))
        return self.head(x.view(x.shape[0], -1)[:, :8])


class Shielded(Small):
    """Half of it has no gradient: tracing forgets that."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            hidden = super().forward(x)
        return hidden + x.mean((2, 3)).sum(1, keepdim=True) * torch.arange(4.0)


class SharedNorm(Small):
    """One convolution in front of two batch norms."""

    def __init__(self) -> None:
        super().__init__()
        self.norm3 = nn.BatchNorm2d(6)
        self.norm3.running_mean.fill_(0.4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv1(x)
        return self.head(F.relu(self.norm2(self.conv2(self.norm1(x) + self.norm3(x)))).mean((2, 3)))


class BatchDependent(nn.Module):
    """Subtracts the mean over the batch."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)[:, :4]
        return 5 * (x - x.mean(0))


class Uncopiable(Small):
    """Holds what cannot be copied."""

    def __deepcopy__(self, memo: object) -> Uncopiable:
        raise TypeError("no copies")


class Returns(nn.Module):
    """Returns what it is told to."""

    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: torch.Tensor) -> object:
        return self.what(x) if callable(self.what) else self.what


SMALL = Small()
NOT_A_MODEL = 3


def small() -> Small:
    return Small()


def broken() -> Small:
    raise RuntimeError("no such file")
