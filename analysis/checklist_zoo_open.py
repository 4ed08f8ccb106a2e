"""The open zoo: planted broken defences that the flags of `spatialstats.defence.checklist` were written on.

Which mechanism went here and which into `checklist_zoo_held_out.py` was drawn once, before any flag
was tried, by shuffling the 28 names with Python's ``random.Random(0)``: the first half is this file.
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from checklist_zoo_world import SIDE, Member, Planted, digits, trained

from spatialstats.models import Classifier

__all__ = ["OPEN", "NoisyGradient", "codebook", "planted"]


class OneHotInput(Planted):
    """Pixels are put on eight levels: a staircase without a slope."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model((x * 7).round() / 7)
        return answer


class QuantisedLogits(Planted):
    """Logits are rounded to whole numbers, as a defence against gradient estimates."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x)
        return answer.round()


class BatchMask(Planted):
    """Hides, in every image, where the batch varies most, and lets no slope through the cut."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        spread = x.detach().std(0, correction=0).mean(0)
        hidden = spread >= spread.flatten().topk(24).values[-1]
        smooth = F.avg_pool2d(x.detach(), 3, 1, 1)
        answer: torch.Tensor = self.model(torch.where(hidden, x, smooth))
        return answer


class StatefulCache(Planted):
    """Remembers what it was asked and answers near questions as it did before: an attack sees no change."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.asked: list[torch.Tensor] = []
        self.answers: list[torch.Tensor] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        fresh = self.model(x)
        if not self.asked:
            self.asked, self.answers = list(x.detach()), list(fresh.detach())
            return fresh  # type: ignore[no-any-return]
        rows = []
        for image, answer in zip(x, fresh, strict=True):
            away = (torch.stack(self.asked) - image.detach()).abs().amax((1, 2, 3))
            near = int(away.argmin())
            if float(away[near]) <= 0.25:
                rows.append(self.answers[near] + 0 * answer)
            else:
                self.asked.append(image.detach())
                self.answers.append(answer.detach())
                rows.append(answer)
        return torch.stack(rows)


class IgnoredSeed(Planted):
    """Says that it draws, but no seed fixes the dither with which it puts pixels on four levels."""

    randomized = True

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model((3 * x + torch.rand_like(x) - 0.5).round() / 3)
        return answer


class DetachAll(Planted):
    """A preprocessing outside the graph: no gradient at all."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(F.avg_pool2d(x.detach(), 3, 1, 1) * 0.5 + x.detach() * 0.5)
        return answer


class SineShatter(Planted):
    """Adds a tiny, very fast sine of the pixels: no eye sees it, no gradient survives it."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x + 0.003 * torch.sin(3e5 * x))
        return answer


class NoisyGradient(torch.autograd.Function):
    """The identity, with a gradient that drowns in noise, the same at the same images."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor) -> torch.Tensor:
        ctx.save_for_backward(x)
        return x.clone()

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> torch.Tensor:
        (x,) = ctx.saved_tensors
        seed = int(x.double().sum().item() * 1e6) % 2**31
        noise = torch.randn(x.shape, generator=torch.Generator().manual_seed(seed))
        return grads[0] + 30 * grads[0].abs().max() * noise


class NoisyBackward(Planted):
    """The right answer, and a gradient drowned in noise."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(NoisyGradient.apply(x))  # type: ignore[no-untyped-call]
        return answer


class HashedMask(Planted):
    """Hides random pixels that a hash of the image chooses: deterministic, and new at every step."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = []
        for image in x.detach():
            seed = int(image.double().sum().item() * 1e7) % 2**31
            kept.append(torch.rand(1, SIDE, SIDE, generator=torch.Generator().manual_seed(seed)) < 0.5)
        answer: torch.Tensor = self.model(torch.where(torch.stack(kept), x, 0.3))
        return answer


class NanGradient(Planted):
    """A square root that is harmless forwards and not a number backwards."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x + (x - x.detach()).abs().sqrt())
        return answer


class GradientHole(Planted):
    """Only a corner of the image carries a gradient; the rest is passed by, unchanged but detached."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        corner = torch.zeros(SIDE, SIDE, dtype=torch.bool)
        corner[:4, :4] = True
        answer: torch.Tensor = self.model(torch.where(corner, x, x.detach()))
        return answer


@cache
def codebook() -> torch.Tensor:
    """(128, 16) typical 4x4 pieces of training images: a few rounds of k-means."""
    pieces = F.unfold(digits()[0][:400], 4, stride=4).transpose(1, 2).reshape(-1, 16)
    generator = torch.Generator().manual_seed(0)
    found = pieces[torch.randperm(len(pieces), generator=generator)[:128]].clone()
    for _ in range(5):
        nearest = torch.cdist(pieces, found).argmin(1)
        for k in range(len(found)):
            if bool((nearest == k).any()):
                found[k] = pieces[nearest == k].mean(0)
    return found


class Codebook(Planted):
    """Every 4x4 piece becomes the nearest typical piece of training images."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        pieces = F.unfold(x, 4, stride=4).transpose(1, 2)
        near = codebook()[torch.cdist(pieces, codebook()[None].expand(len(x), -1, -1)).argmin(2)]
        answer: torch.Tensor = self.model(F.fold(near.transpose(1, 2), SIDE, 4, stride=4))
        return answer


class RandomMask(Planted):
    """Hides random pixels at each call and does not say so."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        kept = torch.rand(len(x), 1, SIDE, SIDE) < 0.5
        answer: torch.Tensor = self.model(torch.where(kept, x, torch.rand_like(x)))
        return answer


class SoftmaxSaturated(Planted):
    """Gives probabilities at a temperature at which they are 0 or 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return F.softmax(300 * self.model(x), 1)


def planted(kind: type[Planted], net: str = "plain") -> Member:
    """A member around one of the nets."""

    def make(seed: int) -> tuple[Classifier, Planted]:
        model = trained(seed, net)
        return model, kind(model)

    return Member(kind.__name__, make)


OPEN = (
    planted(OneHotInput),
    planted(QuantisedLogits),
    planted(BatchMask),
    planted(StatefulCache),
    planted(IgnoredSeed),
    planted(DetachAll),
    planted(SineShatter),
    planted(NoisyBackward),
    planted(HashedMask, "noisy"),
    planted(NanGradient),
    planted(GradientHole),
    planted(Codebook),
    planted(RandomMask, "noisy"),
    planted(SoftmaxSaturated),
)
