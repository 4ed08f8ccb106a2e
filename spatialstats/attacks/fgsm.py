"""One step, and momentum, along the sign of the gradient."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.losses import cross_entropy
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.models import Classifier

__all__ = ["Fgsm", "MiFgsm"]


@dataclass(frozen=True)
class Fgsm:
    """One step of length epsilon along the sign of the gradient.

    Parameters
    ----------
    epsilon : float
        Change of every value, in [0, 1] pixel units.

    References
    ----------
    I. Goodfellow, J. Shlens, C. Szegedy, *Explaining and Harnessing Adversarial Examples*, ICLR 2015.
    """

    epsilon: float = 8 / 255
    name: ClassVar[str] = "fgsm"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "epsilon")

    @property
    def budget(self) -> Budget:
        return Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return f"FGSM {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        gradient, _ = classifier.gradient(x, cross_entropy(y))
        return x.add(gradient.sign_(), alpha=self.epsilon).clamp_(0, 1)


@dataclass(frozen=True)
class MiFgsm:
    """Sign steps along a decaying sum of gradients, each divided by its mean absolute value.

    Parameters
    ----------
    epsilon : float
        Largest change of a value, in [0, 1] pixel units.
    steps : int
        Gradients an image.
    alpha : float
        Length of a step.
    decay : float
        What is kept of the sum at each step.

    References
    ----------
    Y. Dong et al., *Boosting Adversarial Attacks with Momentum*, CVPR 2018.
    """

    epsilon: float = 8 / 255
    steps: int = 10
    alpha: float = 2 / 255
    decay: float = 1.0
    name: ClassVar[str] = "mi-fgsm"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "epsilon", "alpha")
        positive(self, "decay", or_zero=True)
        at_least_one(self, "steps")

    @property
    def budget(self) -> Budget:
        return Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return f"MI-FGSM {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        low, high = (x - self.epsilon).clamp_min_(0), (x + self.epsilon).clamp_max_(1)
        x_adv, momentum, loss = x.clone(), torch.zeros_like(x), cross_entropy(y)
        for _ in range(self.steps):
            gradient, _ = classifier.gradient(x_adv, loss)
            size = gradient.abs().mean((1, 2, 3), keepdim=True).clamp_min_(1e-30)
            momentum.mul_(self.decay).add_(gradient / size)
            x_adv.add_(momentum.sign(), alpha=self.alpha)
            torch.clamp(x_adv, low, high, out=x_adv)
        return x_adv
