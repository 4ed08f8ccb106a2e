"""Projected gradient ascent of the cross-entropy, in an L-infinity or an L2 ball."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.losses import cross_entropy
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.seeds import normal, row_generator, uniform
from spatialstats.models import Classifier

__all__ = ["PgdL2", "PgdLinf"]


@dataclass(frozen=True)
class PgdLinf:
    """Steps along the sign of the gradient, each followed by projection and clipping.

    Parameters
    ----------
    epsilon : float
        Largest change of a value, in [0, 1] pixel units.
    steps : int
        Gradients an image.
    alpha : float
        Length of a step.
    random_start : bool
        Start uniformly in the ball instead of at the image.

    References
    ----------
    A. Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*, ICLR 2018.
    """

    epsilon: float = 8 / 255
    steps: int = 10
    alpha: float = 2 / 255
    random_start: bool = True
    name: ClassVar[str] = "pgd-linf"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "epsilon", "alpha")
        at_least_one(self, "steps")

    @property
    def budget(self) -> Budget:
        return Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return f"PGD {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        low, high = (x - self.epsilon).clamp_min_(0), (x + self.epsilon).clamp_max_(1)
        if self.random_start:
            x_adv = x + (2 * uniform(seed, x) - 1) * self.epsilon
            torch.clamp(x_adv, low, high, out=x_adv)
        else:
            x_adv = x.clone()
        loss = cross_entropy(y)
        for _ in range(self.steps):
            gradient, _ = classifier.gradient(x_adv, loss)
            x_adv.add_(gradient.sign_(), alpha=self.alpha)
            torch.clamp(x_adv, low, high, out=x_adv)
        return x_adv


@dataclass(frozen=True)
class PgdL2:
    """Steps of one length along the gradient, each followed by projection and clipping.

    Parameters
    ----------
    epsilon : float
        Largest L2 norm of the change, in [0, 1] pixel units.
    steps : int
        Gradients an image.
    alpha : float
        Length of a step; 0 takes ``2.5 * epsilon / steps``.
    random_start : bool
        Start in the ball, in a uniform direction at a uniform distance.

    References
    ----------
    A. Madry et al., *Towards Deep Learning Models Resistant to Adversarial Attacks*, ICLR 2018.
    """

    epsilon: float = 0.5
    steps: int = 20
    alpha: float = 0.0
    random_start: bool = True
    name: ClassVar[str] = "pgd-l2"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "epsilon")
        positive(self, "alpha", or_zero=True)
        at_least_one(self, "steps")

    @property
    def budget(self) -> Budget:
        return Budget("l2", self.epsilon)

    @property
    def label(self) -> str:
        return f"PGD {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        alpha = self.alpha or 2.5 * self.epsilon / self.steps
        x_adv = x.clone()
        if self.random_start:
            direction = normal(seed, x)
            rngs = [row_generator(seed, row, 1) for row in range(len(x))]
            far = torch.stack([torch.rand((), generator=rng) for rng in rngs])
            length = far.to(x.device)[:, None, None, None] * self.epsilon
            x_adv = (x + direction * (length / lengths(direction))).clamp_(0, 1)
        loss = cross_entropy(y)
        for _ in range(self.steps):
            gradient, _ = classifier.gradient(x_adv, loss)
            moved = x_adv + gradient * (alpha / lengths(gradient))
            delta = moved - x
            x_adv = (x + delta * (self.epsilon / lengths(delta)).clamp_max(1)).clamp_(0, 1)
        return x_adv


def lengths(x: torch.Tensor) -> torch.Tensor:
    """L2 norms (N, 1, 1, 1) of rows (N, C, H, W), never 0."""
    found: torch.Tensor = torch.linalg.vector_norm(x, dim=(1, 2, 3), keepdim=True)
    return found.clamp_min(1e-12)
