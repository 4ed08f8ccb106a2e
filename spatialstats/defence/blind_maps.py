"""The scores of blind locators: two of vulnerability, two of oddity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.losses import lead
from spatialstats.defence.blind import Blind
from spatialstats.defence.blind_roi import blurred
from spatialstats.defence.blind_windows import (
    covered_lead,
    fragments,
    pixel_mean,
    pixels,
    smooth,
    windows,
)
from spatialstats.defence.locator import Model
from spatialstats.errors import InputError

__all__ = ["Frequency", "Gradient", "Occluded", "Outlier", "local_outlier_factor"]


@dataclass(frozen=True)
class Gradient(Blind):
    """Vulnerability to small changes: the input gradient of the predicted class' margin.

    Its magnitude over the channels, in a window.  A soft mask carries the gradient's own
    derivative, which is 0 almost everywhere in a network of ReLUs: an attacker should not rely
    on it alone.
    """

    name: ClassVar[str] = "gradient"
    label: ClassVar[str] = "input gradient"

    def score(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Blind.score`."""
        further = torch.is_grad_enabled() and x.requires_grad
        with torch.enable_grad():
            leaf = x if further else x.detach().requires_grad_(True)
            logits = model(leaf)
            value = lead(logits, logits.detach().argmax(1)).sum()
            found = (
                torch.autograd.grad(value, leaf, create_graph=further, allow_unused=True)[0]
                if value.requires_grad
                else None
            )
        if found is None:
            raise InputError(
                "the gradient locator needs a model with a gradient with respect to its images: "
                "take occluded, frequency or outlier, which need none."
            )
        return smooth(found.square().sum(1).clamp_min(1e-30).sqrt(), pixels(self.window, x.shape))


@dataclass(frozen=True)
class Occluded(Blind):
    """Vulnerability to a region: what the predicted class' margin loses when a window is covered.

    Windows are larger than `window` by just so much that each place of that size lies within
    one of them wholly.  An attacked image loses its wrong class where the attack is covered; a
    clean one loses its right class where the object is.
    """

    name: ClassVar[str] = "occluded"
    label: ClassVar[str] = "occlusion sensitivity"

    def score(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Blind.score`."""
        side = pixels(self.window, x.shape)
        stride = (side + 1) // 2
        covers = windows(x.shape, min(side + stride - 1, *x.shape[2:]), stride).to(x.device)
        logits = model(x)
        target = logits.detach().argmax(1)
        lost = lead(logits, target)[:, None] - covered_lead(model, x, target, covers)
        return pixel_mean(lost, covers).clamp_min(0)


@dataclass(frozen=True)
class Frequency(Blind):
    """Oddity: energy of what a blur takes away, in a window.  The model is not asked."""

    name: ClassVar[str] = "frequency"
    label: ClassVar[str] = "high-frequency energy"

    def score(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Blind.score`."""
        rough = x - blurred(x, 1.0)
        return smooth(rough.square().sum(1), pixels(self.window, x.shape))


@dataclass(frozen=True)
class Outlier(Blind):
    """Oddity: local outlier factor of windows among the windows of their own image.

    Each window is described by the mean and the standard deviation of each channel and of its
    differences to the right and downwards.  The model is not asked.

    Parameters
    ----------
    neighbours : int
        Number of nearest windows that one is compared with: more than can touch one patch, or
        they are each other's neighbours and nothing is out of the ordinary.

    References
    ----------
    M. M. Breunig, H.-P. Kriegel, R. T. Ng, J. Sander, *LOF: identifying density-based local
    outliers*, SIGMOD 2000.
    """

    neighbours: int = 30
    name: ClassVar[str] = "outlier"
    label: ClassVar[str] = "local outlier factor"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.neighbours < 1:
            raise InputError(f"neighbours of outlier is at least 1, got {self.neighbours}.")

    def score(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Blind.score`."""
        side = pixels(self.window, x.shape, least=min(2, *x.shape[2:]))
        stride = max(1, side // 2)
        covers = windows(x.shape, side, stride).to(x.device)
        described = window_statistics(fragments(x, side, stride))
        factor = local_outlier_factor(described, min(self.neighbours, max(1, len(covers) - 1)))
        return pixel_mean(factor, covers)


def window_statistics(parts: torch.Tensor) -> torch.Tensor:
    """Mean and standard deviation of each channel and of its differences: (N, M, 4 C) of (N, M, C, w, w)."""
    down, right = parts.diff(dim=3), parts.diff(dim=4)
    found = [parts.mean((3, 4)), _deviation(parts)]
    found += [_deviation(part) if part.numel() else torch.zeros_like(found[0]) for part in (down, right)]
    return torch.cat(found, 2)


def local_outlier_factor(points: torch.Tensor, neighbours: int) -> torch.Tensor:
    """Local outlier factor (N, M) of points (N, M, D) among those of their own row: 1 is ordinary."""
    if points.shape[1] < 2:
        return torch.ones_like(points[..., 0])
    apart = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    alone = torch.eye(points.shape[1], dtype=torch.bool, device=points.device)
    near, who = apart.masked_fill(alone, torch.inf).topk(neighbours, dim=2, largest=False)
    reach = near[..., -1]  # distance of the furthest of the neighbours
    theirs = reach.gather(1, who.flatten(1)).view_as(near)
    density = 1 / (torch.maximum(near, theirs).mean(2) + 1e-10)
    return density.gather(1, who.flatten(1)).view_as(near).mean(2) / density


def _deviation(values: torch.Tensor) -> torch.Tensor:
    """Standard deviation over the last two axes, with a gradient where it is 0."""
    return (values.var((3, 4), correction=0) + 1e-12).sqrt()
