"""The held-out half of the planted broken region defences, which no flag was written on.

Run twice: members were corrected and the plain attack made stronger after the first time; see
`checklist_zoo_regions`.
"""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from checklist_zoo_held_out import Reversed
from checklist_zoo_regions import FILL, Region, blurred, detail, members, windows
from checklist_zoo_world import SIDE

__all__ = ["REGIONS_HELD_OUT"]


class FlippedFill(Region):
    """Seven pixels of ten are softened, and the gradient through them has the wrong sign."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x.detach())
        return found >= found.flatten(1).quantile(0.3, 1)[:, None, None, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        soft = 0.7 * x + 0.3 * blurred(x)
        return torch.where(self.hidden(x), Reversed.apply(soft), x)  # type: ignore[no-untyped-call]


class SlopeGate(Region):
    """Softens, outside the graph, all pixels but the tenth at which the model's own gradient is least."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        with torch.enable_grad():
            leaf = x.detach().requires_grad_(True)
            (slope,) = torch.autograd.grad(self.model(leaf).amax(1).sum(), leaf)
        return slope.abs() >= slope.abs().flatten(1).quantile(0.1, 1)[:, None, None, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return torch.where(self.hidden(x), (0.7 * x + 0.3 * blurred(x)).detach(), x)


class StairMask(Region):
    """The window is faded in steps, and so is what lies outside of it: nothing has a slope."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        weight = F.avg_pool2d(self.hidden(x).float(), 3, 1, 1, count_include_pad=False)
        faded = (weight * 4).round() / 4
        return faded * FILL + (1 - faded) * (7 * x).round() / 7


class SecretWindows(Region):
    """Three windows at undeclared random places, in an image on five levels."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return windows(torch.rand_like(x), 3, 3)

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled((4 * x).round() / 4)


class LabelBehindMask(Region):
    """Says the class that it sees behind the mask and nothing else."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer = super().forward(x)
        return 10 * F.one_hot(answer.argmax(1), answer.shape[1]).float() + 0 * answer


class RememberedMask(Region):
    """Remembers images and how it saw them: what is like one of them is seen as that one was."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self.asked: list[torch.Tensor] = []
        self.shown: list[torch.Tensor] = []

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        fresh = super().filled(x)
        if not self.asked:
            self.asked, self.shown = list(x.detach()), list(fresh.detach())
            return fresh
        rows = []
        for image, seen in zip(x.detach(), fresh, strict=True):
            away = ((torch.stack(self.asked) - image).abs() > 0.25).float().mean((1, 2, 3))
            near = int(away.argmin())
            if float(away[near]) <= 20 / SIDE**2:
                rows.append(self.shown[near] + 0 * seen)
            else:
                self.asked.append(image)
                self.shown.append(seen.detach())
                rows.append(seen)
        return torch.stack(rows)


class ClampedOutside(Region):
    """Outside the window pixels are stretched until nearly all of them are clamped."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(torch.stack([(200 * (x - cut)).clamp(0, 1) for cut in (0.2, 0.5, 0.8)]).mean(0))


class RoundedViews(Region):
    """Four views, each behind one more window, whose logits are rounded to whole numbers."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return windows(detail(x.detach()), 4, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x.detach())
        views = [self.model(torch.where(windows(found, 4, k), FILL, x)) for k in range(1, 5)]
        return torch.stack(views).mean(0).round()


class WindowVotes(Region):
    """Each of the eight most detailed windows is hidden alone, and the views vote."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        return windows(detail(x.detach()), 4, 8)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        votes = torch.zeros(len(x), 10)
        before = torch.zeros_like(x, dtype=torch.bool)
        for k in range(1, 9):
            until = windows(detail(x.detach()), 4, k)
            votes += F.one_hot(self.model(torch.where(until & ~before, FILL, x)).argmax(1), 10)
            before = until
        return votes


class BatchWindow(Region):
    """Hides, in every image, the window where the batch varies most; the rest is smoothed without a graph."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        spread = x.detach().std(0, correction=0, keepdim=True)
        return windows(spread).expand(len(x), -1, -1, -1)

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled((0.7 * x + 0.3 * blurred(x)).detach())


class HoleOnly(Region):
    """Only those pixels carry a gradient that the mask then hides."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(torch.where(self.hidden(x), x, x.detach()))


class LyingRepair(Region):
    """Without a gradient, and with a declared stand-in that repairs all of the image but a strip."""

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled((x.detach() * 15).round() / 15)

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        strip = torch.zeros(SIDE, SIDE)
        strip[:, 7:9] = 1.0
        answer: torch.Tensor = self.model(x.detach() + temperature * strip * (x - x.detach()))
        return answer


class RankFill(Region):
    """The more detailed two thirds of the pixels become their neighbourhood's median, outside the graph."""

    def hidden(self, x: torch.Tensor) -> torch.Tensor:
        found = detail(x.detach())
        return found >= found.flatten(1).quantile(0.33, 1)[:, None, None, None]

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        around = F.unfold(F.pad(x.detach(), (1, 1, 1, 1), mode="replicate"), 3)
        return torch.where(self.hidden(x), around.median(1).values.view_as(x), x)


class LyingMask(Region):
    """Says that it hides the upper left corner, hides the window, and lets no gradient through."""

    def located(self, x: torch.Tensor) -> torch.Tensor:
        told = torch.zeros(len(x), SIDE, SIDE, dtype=torch.bool)
        told[:, :5, :5] = True
        return told

    def filled(self, x: torch.Tensor) -> torch.Tensor:
        return super().filled(x.detach())


class AgreementVeto(Region):
    """Where the views with and without the mask agree it says that class, else what the masked view says."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        masked, whole = super().forward(x), self.model(x)
        agreed = masked.argmax(1) == whole.argmax(1)
        sure = 10 * F.one_hot(masked.argmax(1), 10).float()
        return torch.where(agreed[:, None], sure, masked.detach() + 0 * whole)


REGIONS_HELD_OUT = members(
    *(FlippedFill, SlopeGate, StairMask, SecretWindows, LabelBehindMask, RememberedMask, ClampedOutside),
    *(RoundedViews, WindowVotes, BatchWindow, HoleOnly, LyingRepair, RankFill, LyingMask, AgreementVeto),
)
