"""Training images under a single-step attack from a random start, and the check that it needs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from spatialstats.attacks.pgd import PgdLinf
from spatialstats.errors import InputError

__all__ = ["AdversarialTraining", "overfitted"]

Logits = Callable[[torch.Tensor], torch.Tensor]


@dataclass(frozen=True)
class AdversarialTraining:
    """One signed gradient step from a uniform start in the L-infinity ball.

    Parameters
    ----------
    epsilon : float
        Radius, in [0, 1] pixel units.
    step : float
        Length of the step as a multiple of the radius; the result is projected.
    ramp : float
        Share of the training in which the radius grows to `epsilon`: a model that knows no
        attack learns nothing from the whole one at once.

    References
    ----------
    E. Wong, L. Rice, J. Z. Kolter, *Fast is better than free: revisiting adversarial training*,
    ICLR 2020 (arXiv 2001.03994).
    """

    epsilon: float = 8 / 255
    step: float = 1.25
    ramp: float = 0.15

    def __post_init__(self) -> None:
        if not (0 < self.epsilon < 1 and self.step > 0):
            raise InputError(
                f"adversarial training takes an epsilon in (0, 1) and a step above 0, got {self.epsilon:g} "
                f"and {self.step:g}: pass 8/255 and 1.25."
            )

    def __call__(
        self, logits: Logits, x: torch.Tensor, y: torch.Tensor, rng: torch.Generator, done: float
    ) -> torch.Tensor:
        """Images (N, C, H, W) to train on, when the share `done` of the training is over."""
        epsilon = self.epsilon * (min(1.0, 0.25 + done / self.ramp) if self.ramp > 0 else 1.0)
        start = 2 * torch.rand(x.shape, generator=rng).to(x.device) - 1
        at = (x + epsilon * start).clamp_(0, 1).requires_grad_(True)
        (gradient,) = torch.autograd.grad(F.cross_entropy(logits(at).float(), y), at)
        moved = at.detach() + self.step * epsilon * gradient.sign()
        return torch.minimum(torch.maximum(moved, x - epsilon), x + epsilon).clamp_(0, 1)

    def check(self) -> PgdLinf:
        """The iterative attack that shows whether the single step still means something."""
        return PgdLinf(epsilon=self.epsilon, steps=10, alpha=self.epsilon / 4)


def overfitted(robust: float, best: float) -> bool:
    """Whether accuracy under an iterative attack collapsed against the best epoch before.

    A network may learn to mask the single step alone: its accuracy under that step rises while
    the one under an iterative attack falls to nothing within an epoch.
    """
    return best > 0.1 and robust < best / 2
