"""The held-out zoo: planted broken defences of other mechanisms, on which no flag was tuned.

Run three times, with the same verdicts: the flags' code was repaired between.  The mechanisms are the
second half of the shuffle that `checklist_zoo_open.py` tells of.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from checklist_zoo_open import planted
from checklist_zoo_world import SIDE, Planted, digits
from torch import nn

from spatialstats.defence.rivals.jpeg import pillow_jpeg
from spatialstats.models import Classifier

__all__ = ["HELD_OUT", "Reversed"]


class SaturatedTanh(Planted):
    """Logits are squashed until all but their order is gone in single precision."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.model(x)
        return torch.tanh(20 * (z - z.detach().topk(2, 1).values.mean(1, keepdim=True)))


class SteepBinarise(Planted):
    """Pixels go through a sigmoid so steep that its slope vanishes nearly everywhere."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        levels = torch.stack([torch.sigmoid(2000 * (x - cut)) for cut in (0.125, 0.375, 0.625, 0.875)])
        answer: torch.Tensor = self.model(levels.sum(0) / 4)
        return answer


class NearestClean(Planted):
    """Finds the nearest image that it knows, by a low-resolution look, and answers for that one instead."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        known = digits()[0]
        near = torch.cdist(F.avg_pool2d(x, 4).flatten(1), F.avg_pool2d(known, 4).flatten(1)).argmin(1)
        blended = 0.5 * known[near] + 0.5 * x.detach()
        answer: torch.Tensor = self.model(blended)
        return answer


class _Winners(nn.Module):
    """Keeps the largest tenth of the activations: discontinuous in the weights' every move."""

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        flat = z.flatten(1)
        cut = flat.topk(max(1, flat.shape[1] // 10), 1).values[:, -1]
        return z * (z >= cut[:, None, None, None])


class Kwta(Planted):
    """Winner-take-all layers in place of rectifiers, in the trained net itself."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.layers = nn.Sequential(
            *[_Winners() if isinstance(part, nn.ReLU) else part for part in model.original]
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.layers(x)
        return answer


class InnerOptimisation(Planted):
    """Looks for the image of a small linear generator that is nearest, by steps outside the graph."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        flat = digits()[0].flatten(1)
        self.centre = flat.mean(0)
        self.basis = torch.linalg.svd(flat - self.centre, full_matrices=False).Vh[:40]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        given = x.detach().flatten(1) - self.centre
        code = torch.zeros(len(x), len(self.basis))
        for _ in range(20):
            code = code - 0.3 * (code @ self.basis - given) @ self.basis.T
        answer: torch.Tensor = self.model((code @ self.basis + self.centre).clamp(0, 1).view_as(x))
        return answer


class AbsorbedLogits(Planted):
    """Adds a number to all logits that swallows their digits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x)
        return answer + 2.0**24


class Reversed(torch.autograd.Function):
    """The identity, with the gradient's sign turned."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        return -grads[0]


class ReversedGradient(Planted):
    """The right answer, and the gradient with its sign turned."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(Reversed.apply(x))  # type: ignore[no-untyped-call]
        return answer


class LyingStandIn(Planted):
    """Without a gradient, and with a declared stand-in that is smooth and looks at something else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model((x.detach() * 15).round() / 15)
        return answer

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        middle = torch.zeros(SIDE, SIDE)
        middle[:, 7:9] = 1.0
        answer: torch.Tensor = self.model(x.detach() + temperature * middle * (x - x.detach()))
        return answer


class JpegBlind(Planted):
    """A real JPEG in the loop, without a stand-in."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(pillow_jpeg(x.detach(), 60))
        return answer


class DetachedFill(Planted):
    """Hides three pixels of four and fills them from the image's own neighbourhood, outside the graph."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        kept[::4, ::4] = True
        fill = F.avg_pool2d(x.detach(), 3, 1, 1) * 0.3 + x.detach() * 0.7
        answer: torch.Tensor = self.model(torch.where(kept, x, fill))
        return answer


class HardLabel(Planted):
    """Says the class and nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x)
        return 10 * F.one_hot(answer.argmax(1), answer.shape[1]).float() + 0 * answer


class HardVotes(Planted):
    """Sixteen hidden windows vote; the logits are the votes."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        votes = torch.zeros(len(x), 10)
        for k in range(16):
            hidden = torch.zeros(SIDE, SIDE, dtype=torch.bool)
            hidden[4 * (k // 4) : 4 * (k // 4) + 3, 4 * (k % 4) : 4 * (k % 4) + 3] = True
            said = self.model(torch.where(hidden, 0.4, x)).argmax(1)
            votes += F.one_hot(said, 10)
        return votes


class GradientGate(Planted):
    """Blurs pixels where the model's own gradient is large; gate and blur are outside the graph."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            z = self.model(leaf)
            (slope,) = torch.autograd.grad(z.amax(1).sum(), leaf)
        steep = slope.abs() >= slope.abs().flatten(1).quantile(0.4, 1)[:, None, None, None]
        smooth = (0.7 * x + 0.3 * F.avg_pool2d(x, 3, 1, 1)).detach()
        answer: torch.Tensor = self.model(torch.where(steep, smooth, x))
        return answer


class EnergySwitch(Planted):
    """Where an image has more fine detail than digits have, it is denoised first, and the graph is cut."""

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.usual = float(_detail(digits()[0]).quantile(0.95))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        smooth = (0.6 * x + 0.4 * F.avg_pool2d(x, 3, 1, 1)).detach()
        suspect = _detail(x.detach()) > self.usual
        answer: torch.Tensor = self.model(torch.where(suspect[:, None, None, None], smooth, x))
        return answer


def _detail(x: torch.Tensor) -> torch.Tensor:
    """Mean absolute second difference of images (N,)."""
    return (x - F.avg_pool2d(x, 3, 1, 1)).abs().flatten(1).mean(1)


HELD_OUT = (
    planted(SaturatedTanh),
    planted(SteepBinarise),
    planted(NearestClean),
    planted(Kwta),
    planted(InnerOptimisation),
    planted(AbsorbedLogits),
    planted(ReversedGradient),
    planted(LyingStandIn),
    planted(JpegBlind),
    planted(DetachedFill),
    planted(HardLabel),
    planted(HardVotes),
    planted(GradientGate),
    planted(EnergySwitch),
)
