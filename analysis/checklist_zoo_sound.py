"""Sound members: models and defences whose gradients are honest, however little they may be worth."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
import torch.nn.functional as F
from checklist_zoo_world import PATCH, SIDE, THREAT, Member, Planted, region, trained

from spatialstats.defence.defence import Defence
from spatialstats.defence.fill import Fill
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.defence.prior import Fixed
from spatialstats.defence.registry import get_defence
from spatialstats.models import Classifier

__all__ = ["BLIND", "BLIND_PATCH", "SOUND", "SOUND_PATCH"]


class Smoothing(Planted):
    """Noise that is declared and that a seed fixes; logits are means over two draws."""

    randomized = True

    def __init__(self, model: Classifier, sigma: float) -> None:
        super().__init__(model)
        self.sigma, self.generator = sigma, torch.Generator().manual_seed(0)

    def reseed(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        noises = [torch.randn(x.shape, generator=self.generator) for _ in range(2)]
        answers = [self.model((x + self.sigma * one).clamp(0, 1)) for one in noises]
        return torch.stack(answers).mean(0)


class DeclaredMask(Planted):
    """A random window hidden, drawn anew at each call from a generator that a seed fixes."""

    randomized = True

    def __init__(self, model: Classifier) -> None:
        super().__init__(model)
        self.generator = torch.Generator().manual_seed(0)

    def reseed(self, seed: int) -> None:
        self.generator.manual_seed(seed)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden = torch.zeros(len(x), 1, SIDE, SIDE, dtype=torch.bool)
        for row, (top, left) in enumerate(
            torch.randint(0, 12, (len(x), 2), generator=self.generator).tolist()
        ):
            hidden[row, :, top : top + 5, left : left + 5] = True
        answer: torch.Tensor = self.model(torch.where(hidden, 0.5, x))
        return answer


class MeanOverMasks(Planted):
    """Mean logits behind four windows: all of it differentiable."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answers = []
        for k in range(4):
            hidden = torch.zeros(SIDE, SIDE, dtype=torch.bool)
            hidden[8 * (k // 2) : 8 * (k // 2) + 5, 8 * (k % 2) : 8 * (k % 2) + 5] = True
            answers.append(self.model(torch.where(hidden, 0.5, x)))
        return torch.stack(answers).mean(0)


class SoftAttention(Planted):
    """Pixels are damped by a smooth function of their local contrast, with its true gradient."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        local = F.avg_pool2d(x, 3, 1, 1)
        weight = torch.sigmoid(4 - 8 * (x - local).abs())
        answer: torch.Tensor = self.model(weight * x + (1 - weight) * local)
        return answer


class Scaled(Planted):
    """Logits at another temperature, as calibrated models have."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        answer: torch.Tensor = self.model(x)
        return answer / 3


def masked(kind: str, fill: str | Fill) -> Callable[[int], tuple[Classifier, Defence]]:
    """A fixed mask and a fill around a net."""

    def make(seed: int) -> tuple[Classifier, Defence]:
        model = trained(seed, kind)
        return model, NeutralizedModel(model, Fixed(region()), fill)

    return make


def named(kind: str, spec: str) -> Callable[[int], tuple[Classifier, Defence]]:
    """A defence of the package around a net."""

    def make(seed: int) -> tuple[Classifier, Defence]:
        model = trained(seed, kind)
        return model, get_defence(spec, model)

    return make


def of(kind: str, build: Callable[[Classifier], Defence]) -> Callable[[int], tuple[Classifier, Defence]]:
    """A defence of this file around a net."""

    def make(seed: int) -> tuple[Classifier, Defence]:
        model = trained(seed, kind)
        return model, build(model)

    return make


SOUND = (
    Member("plain net", named("plain", "none")),
    Member("plain net, L2", named("plain", "none"), "l2:1.0"),
    Member("net trained under attack", named("robust", "none")),
    Member("net trained under attack, L2", named("robust", "none"), "l2:1.0"),
    Member("net trained behind masks", named("masked", "none")),
    Member("net trained in noise", named("noisy", "none")),
    Member("smooth net", named("smooth", "none")),
    Member("net with batch norm", named("norm", "none")),
    Member("linear model", named("linear", "none")),
    Member("fixed mask, mean", masked("plain", "mean")),
    Member("fixed mask, constant", masked("masked", "constant")),
    Member("fixed mask, blur", masked("plain", "blur")),
    Member("fixed mask, inpainted", masked("plain", "inpaint")),
    Member("fixed mask, robust net", masked("robust", "mean")),
    Member("blur 0.7", named("plain", "blur(sigma=0.7)")),
    Member("blur 1", named("robust", "blur(sigma=1.0)")),
    Member("declared smoothing", of("noisy", lambda m: Smoothing(m, 0.2))),
    Member("declared smoothing, robust net", of("robust", lambda m: Smoothing(m, 0.1))),
    Member("declared random window", of("masked", DeclaredMask)),
    Member("mean over masks", of("masked", MeanOverMasks)),
    Member("smooth attention", of("plain", SoftAttention)),
    Member("scaled logits", of("plain", Scaled)),
    Member("PatchCleanser", of("masked", lambda m: PatchCleanser(m, 4, 2)), passes=300),
)
"""Members whose gradient is honest by construction; each with several seeds."""
SOUND_PATCH = tuple(replace(member, threat=PATCH) for member in SOUND if member.threat == THREAT)
"""The same under a patch."""
BLIND = tuple(
    Member(spec, named("plain", spec))
    for spec in (
        "neutralize(locator=gradient)",
        "neutralize(locator=frequency)",
        "neutralize(locator=occluded)",
        "neutralize(locator=outlier)",
        "oddr",
        "anomaly-unveiled",
        "lgs",
        "saliency-mask",
        "jpeg",
    )
)
"""The package's own blind defences, whose masks jump: neither sound by construction nor planted."""
BLIND_PATCH = tuple(replace(member, threat=PATCH) for member in BLIND)
