"""Inpainting by diffusion: hidden pixels become the smooth surface that their surroundings span."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F

from spatialstats.defence.fill import UNKNOWN, Fill
from spatialstats.errors import InputError


@dataclass(frozen=True)
class Inpaint(Fill):
    """Harmonic inpainting, coarse to fine.

    The image is averaged down over its visible pixels until one pixel is left; on the way
    back up the hidden pixels start from the coarser solution and are relaxed towards the
    mean of their four neighbours, that is towards the solution of Laplace's equation with
    the visible pixels as its boundary and no flow through the image's edge.  A hole of any
    size fills, and the cost does not depend on its size.

    Parameters
    ----------
    iterations : int
        Relaxations at each scale.

    References
    ----------
    S. J. Gortler et al., *The Lumigraph*, SIGGRAPH 1996 (averaging down and up);
    M. Bertalmio et al., *Image inpainting*, SIGGRAPH 2000 (inpainting by diffusion).
    """

    name: ClassVar[str] = "inpaint"
    label: ClassVar[str] = "inpainting"
    iterations: int = 4

    def __post_init__(self) -> None:
        if self.iterations < 0:
            raise InputError(
                f"inpainting takes a number of relaxations of at least 0, got {self.iterations}."
            )

    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """See `Fill.values`."""
        weight = (~hidden).to(x.dtype)
        return self._solve(x * weight, weight)

    def _solve(self, weighted: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        """Surface (N, C, H, W) through the means `weighted / weight`, harmonic where weight is 0."""
        known = weight > 0
        mean = weighted / torch.where(known, weight, 1)
        if max(weight.shape[2:]) == 1:
            return torch.where(known, mean, UNKNOWN)
        coarse = self._solve(_halved(weighted), _halved(weight))
        surface = F.interpolate(coarse, size=weight.shape[2:], mode="bilinear", align_corners=False)
        surface = torch.where(known, mean, surface)
        for _ in range(self.iterations):
            surface = torch.where(known, mean, _neighbours(surface))
        return surface


def _halved(values: torch.Tensor) -> torch.Tensor:
    """Means of 2x2 pixels; the last row or column of an odd size stands alone."""
    return F.avg_pool2d(values, 2, ceil_mode=True, count_include_pad=False)


def _neighbours(values: torch.Tensor) -> torch.Tensor:
    """Mean of the four neighbours; beyond the edge a pixel is its own neighbour."""
    padded = F.pad(values, (1, 1, 1, 1), mode="replicate")
    total = padded[..., :-2, 1:-1] + padded[..., 2:, 1:-1]
    return total.add_(padded[..., 1:-1, :-2]).add_(padded[..., 1:-1, 2:]).mul_(0.25)
