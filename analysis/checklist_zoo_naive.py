"""The plain attacks of somebody who believes a defence: signed gradients of the deployed cross-entropy.

A planted defence counts only if these overrate it.  They follow no stand-in and take a missing gradient for
none; of all that they show to the defence the best counts.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F

from spatialstats.attacks.losses import lead
from spatialstats.defence.adaptive import Threat

__all__ = ["Model", "naive"]

Model = Callable[[torch.Tensor], torch.Tensor]
APART = 3  # pixels from place to place of a patch


def naive(model: Model, x: torch.Tensor, y: torch.Tensor, threat: Threat) -> torch.Tensor:
    """The best examples (N, C, H, W) of the plain attack of a threat.

    Parameters
    ----------
    model : callable
        As deployed: images (N, C, H, W) to logits (N, K).
    x, y : Tensor, (N, C, H, W) and (N,)
    threat : Threat
    """
    if threat.norm == "patch":
        return naive_patch(model, x, y, int(threat.epsilon))
    return naive_pgd(model, x, y, threat.epsilon, euclidean=threat.norm == "l2")


class Lowest:
    """Each image's best example so far, by the deployed margin.

    Parameters
    ----------
    model, x, y
        See `naive`.
    """

    def __init__(self, model: Model, x: torch.Tensor, y: torch.Tensor) -> None:
        self.model, self.y = model, y
        self.x_adv, self.margin = x.clone(), torch.full((len(x),), torch.inf)

    def slope(self, x: torch.Tensor) -> torch.Tensor | None:
        """Judge examples; gradient (N, C, H, W) of the cross-entropy there, NaNs as 0, if there is one."""
        leaf = x.clone().requires_grad_(True)
        logits = self.model(leaf)
        margin = lead(logits.detach(), self.y)
        lower = margin < self.margin
        self.margin[lower] = margin[lower]
        self.x_adv[lower] = x[lower]
        loss = F.cross_entropy(logits, self.y)
        found = torch.autograd.grad(loss, leaf, allow_unused=True)[0] if loss.requires_grad else None
        return None if found is None else found.nan_to_num()


def naive_pgd(
    model: Model, x: torch.Tensor, y: torch.Tensor, epsilon: float, *, euclidean: bool, steps: int = 20
) -> torch.Tensor:
    """PGD from a random start, in the ball of one norm or of the other."""

    def within(change: torch.Tensor) -> torch.Tensor:
        if not euclidean:
            return change.clamp(-epsilon, epsilon)
        return change * (epsilon / length(change)).clamp(max=1)

    best = Lowest(model, x, y)
    drawn = epsilon * (2 * torch.rand(x.shape, generator=torch.Generator().manual_seed(0)) - 1)
    x_adv = (x + within(drawn)).clamp(0, 1)
    for _ in range(steps + 1):  # the last one only judges
        slope = best.slope(x_adv)
        if slope is None:
            break
        step = slope / length(slope) if euclidean else slope.sign()
        x_adv = (x + within(x_adv + epsilon / 4 * step - x)).clamp(0, 1)
    return best.x_adv


def length(change: torch.Tensor) -> torch.Tensor:
    """Euclidean length (N, 1, 1, 1)."""
    long: torch.Tensor = torch.linalg.vector_norm(change, dim=(1, 2, 3), keepdim=True)
    return long.clamp_min(1e-30)


def naive_patch(model: Model, x: torch.Tensor, y: torch.Tensor, side: int, steps: int = 15) -> torch.Tensor:
    """PGD on the colours of a patch at every third place, from random ones."""
    generator, best = torch.Generator().manual_seed(0), Lowest(model, x, y)
    for top in range(0, x.shape[2] - side + 1, APART):
        for left in range(0, x.shape[3] - side + 1, APART):
            here = torch.zeros(x.shape[2:], dtype=torch.bool)
            here[top : top + side, left : left + side] = True
            x_adv = torch.where(here, torch.rand(x.shape, generator=generator), x)
            for step in range(steps + 1):
                slope = best.slope(x_adv)
                if slope is None:
                    break
                x_adv = torch.where(here, x_adv + 0.4 * (1 - step / steps) * slope.sign(), x).clamp(0, 1)
    return best.x_adv
