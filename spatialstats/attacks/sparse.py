"""A few whole pixels, changed as much as they can be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.losses import keep_lower, lead, negative_margin
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.models import Classifier

__all__ = ["Sparse"]


@dataclass(frozen=True)
class Sparse:
    """Chooses pixels by what the gradient of the margin promises, and chooses anew at every step.

    At each step the promise of a pixel is the first-order gain of setting its channels to 0
    or 1, whichever is better, instead of leaving it clean.  The gradient is a running mean,
    so that the choice settles.  Kept is the iterate of the lowest margin.

    Parameters
    ----------
    pixels : int
        How many may change.
    steps : int
        Gradients an image.
    decay : float
        Weight of the past in the running mean of gradients, below 1.

    References
    ----------
    F. Croce, M. Hein, *Sparse and Imperceivable Adversarial Attacks*, ICCV 2019, for projected
    ascent on the number of pixels.
    """

    pixels: int = 20
    steps: int = 30
    decay: float = 0.5
    name: ClassVar[str] = "sparse"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        at_least_one(self, "pixels", "steps")
        positive(self, "decay", or_zero=True)

    @property
    def budget(self) -> Budget:
        return Budget("l0", float(self.pixels))

    @property
    def label(self) -> str:
        return f"Sparse {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        loss, mean = negative_margin(y), torch.zeros_like(x)
        n_pixels = min(self.pixels, x.shape[-2] * x.shape[-1])
        x_adv, best = x.clone(), x.clone()
        lowest = torch.full((len(x),), torch.inf, device=x.device)
        for _ in range(self.steps):
            gradient, logits = classifier.gradient(x_adv, loss)
            keep_lower(best, lowest, x_adv, lead(logits, y))
            size = gradient.abs().sum((1, 2, 3), keepdim=True).clamp_min_(1e-30)
            mean = self.decay * mean + gradient / size
            corner = (mean > 0).to(x)
            promise = (mean * (corner - x)).sum(1).flatten(1)
            mask = torch.zeros_like(promise).scatter_(1, promise.topk(n_pixels, dim=1).indices, 1.0)
            mask = mask.view(len(x), 1, *x.shape[-2:])
            x_adv = torch.where(mask > 0, corner, x)
        with torch.no_grad():
            keep_lower(best, lowest, x_adv, lead(classifier.logits(x_adv), y))
        return best
