"""The smallest L2 change that is misclassified: direction and norm decoupled."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.losses import cross_entropy, lead
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.pgd import lengths
from spatialstats.models import Classifier

__all__ = ["Ddn"]


@dataclass(frozen=True)
class Ddn:
    """Gradient steps on a sphere that shrinks while the image is misclassified and grows while not.

    The smallest misclassified iterate is returned, the image itself where it was
    misclassified from the start, and the last iterate where none was.

    Parameters
    ----------
    steps : int
        Gradients an image.
    start : float
        L2 radius to begin with, in [0, 1] pixel units.
    gamma : float
        By which part the radius changes at each step.

    References
    ----------
    J. Rony et al., *Decoupling Direction and Norm for Efficient Gradient-Based L2 Adversarial
    Attacks and Defenses*, CVPR 2019.
    """

    steps: int = 40
    start: float = 0.3
    gamma: float = 0.05
    name: ClassVar[str] = "ddn"
    label: ClassVar[str] = "DDN smallest L2"
    budget: ClassVar[Budget] = Budget("none", None)
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "start", "gamma")
        at_least_one(self, "steps")

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        delta, radius = torch.zeros_like(x), torch.full_like(x[:, :1, :1, :1], self.start)
        best, smallest, loss = x.clone(), torch.full((len(x),), torch.inf, device=x.device), cross_entropy(y)
        for step in range(self.steps):
            x_adv = (x + delta).clamp_(0, 1)
            gradient, logits = classifier.gradient(x_adv, loss)
            wrong = self._keep(best, smallest, x, x_adv, lead(logits, y) < 0)
            if step:  # the first iterate is the image: it says nothing about the radius
                radius *= torch.where(wrong[:, None, None, None], 1 - self.gamma, 1 + self.gamma)
            length = 0.01 + 0.495 * (1 + math.cos(math.pi * step / self.steps))
            delta = delta + gradient * (length * self.start * 4 / lengths(gradient))
            delta = delta * (radius / lengths(delta))
        x_adv = (x + delta).clamp_(0, 1)
        with torch.no_grad():
            self._keep(best, smallest, x, x_adv, lead(classifier.logits(x_adv), y) < 0)
        return torch.where(smallest.isfinite()[:, None, None, None], best, x_adv)

    @staticmethod
    def _keep(
        best: torch.Tensor, smallest: torch.Tensor, x: torch.Tensor, x_adv: torch.Tensor, wrong: torch.Tensor
    ) -> torch.Tensor:
        """Keep the misclassified iterates that are smaller than those so far; returns `wrong`."""
        norm = (x_adv - x).flatten(1).norm(dim=1)
        better = wrong & (norm < smallest)
        smallest[better], best[better] = norm[better], x_adv[better]
        return wrong
