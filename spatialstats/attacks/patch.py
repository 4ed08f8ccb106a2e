"""One square, anywhere, of any colours."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt
import torch

from spatialstats.attacks.budget import Budget, patch_side
from spatialstats.attacks.losses import keep_lower, lead, negative_margin
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.seeds import row_generator
from spatialstats.models import Classifier

__all__ = ["Patch"]


@dataclass(frozen=True)
class Patch:
    """Screens places by forward passes, climbs at the worst few, and keeps the worst patch.

    Where a patch lies matters as much as what is on it.  Places on a jittered grid are
    tried with the colours that the gradient at the image asks for; at those of the lowest
    margin a patch is climbed by signed gradients of the margin.

    Parameters
    ----------
    side : float
        Side of the square as a fraction of the image's shorter side.
    screened : int
        Places tried by a forward pass each.
    places : int
        Places at which a patch is climbed.
    steps : int
        Gradients at each place; the budget of an image is ``1 + places * steps`` gradients
        and ``screened + places`` forward passes.
    alpha : float
        Length of the first step, in [0, 1] pixel units; the last is a tenth of it.

    References
    ----------
    S. Rao, D. Stutz, B. Schiele, *Adversarial Training against Location-Optimized Adversarial
    Patches*, arXiv 2005.02313, for optimising the place.
    """

    side: float = 5 / 32
    screened: int = 36
    places: int = 3
    steps: int = 8
    alpha: float = 0.4
    name: ClassVar[str] = "patch"
    gradient: ClassVar[bool] = True
    control: ClassVar[bool] = False

    def __post_init__(self) -> None:
        positive(self, "side", "alpha")
        at_least_one(self, "screened", "places", "steps")

    @property
    def budget(self) -> Budget:
        return Budget("patch", self.side)

    @property
    def label(self) -> str:
        return f"Patch {100 * self.side:.3g} % of the side"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        side, loss = patch_side(self.side, x.shape), negative_margin(y)
        gradient, logits = classifier.gradient(x, loss)
        best, lowest = x.clone(), lead(logits, y)  # the image itself stays where no patch does better
        asked = (gradient > 0).to(x)
        corners = grid(x, side, self.screened, seed)
        margins = []
        with torch.no_grad():
            for k in range(corners.shape[1]):
                tried = torch.where(window(x, corners[:, k], side), asked, x)
                margins.append(lead(classifier.logits(tried), y))
                keep_lower(best, lowest, tried, margins[-1])
        worst = torch.stack(margins, 1).topk(min(self.places, corners.shape[1]), dim=1, largest=False).indices
        for k in range(worst.shape[1]):
            inside = window(x, corners.gather(1, worst[:, k, None, None].expand(-1, 1, 2))[:, 0], side)
            x_adv = torch.where(inside, asked, x)
            for step in range(self.steps):
                gradient, logits = classifier.gradient(x_adv, loss)
                keep_lower(best, lowest, x_adv, lead(logits, y))
                length = self.alpha * (1 - 0.9 * step / max(1, self.steps - 1))
                x_adv = torch.where(inside, x_adv.add(gradient.sign_(), alpha=length).clamp_(0, 1), x)
            with torch.no_grad():
                keep_lower(best, lowest, x_adv, lead(classifier.logits(x_adv), y))
        return best

    def locations(
        self, shape: tuple[int, ...], *, seed: int
    ) -> tuple[npt.NDArray[np.int64], tuple[int, int]]:
        """The places that are screened: what a chosen one is to be compared with.

        Parameters
        ----------
        shape : tuple of int
            Of the images, (N, C, H, W).
        seed : int
            As `run_attack` got it.

        Returns
        -------
        corners : ndarray of int64, (N, L, 2)
            Top left corners (row, column); at the edges of an image some may be equal.
        size : (int, int)
            Height and width of the square.
        """
        like = torch.zeros(()).expand(shape)  # images that take no memory
        side = patch_side(self.side, like.shape)
        return grid(like, side, self.screened, seed).numpy(), (side, side)


def grid(x: torch.Tensor, side: int, count: int, seed: int) -> torch.Tensor:
    """Top left corners (N, M, 2) of squares on a regular grid of at most `count` places, moved as one.

    The grid of each image is shifted at random by less than its spacing, so that no row or
    column of pixels is left out in every image.
    """
    spans = [length - side for length in x.shape[-2:]]
    per_axis = max(1, int(count**0.5))
    axes = [torch.linspace(0, span, min(per_axis, span + 1)) for span in spans]
    places = torch.stack(torch.meshgrid(*axes, indexing="ij"), -1).view(1, -1, 2)
    limits = torch.tensor(spans, dtype=torch.float32)
    spacing = limits / max(1, per_axis - 1)
    rows = [torch.rand(2, generator=row_generator(seed, row)) for row in range(len(x))]
    shifts = (torch.stack(rows)[:, None] - 0.5) * spacing
    return (places + shifts).round().clamp_min(0).minimum(limits).long().to(x.device)


def window(x: torch.Tensor, corners: torch.Tensor, side: int) -> torch.Tensor:
    """Masks (N, 1, H, W) of squares with top left corners (N, 2)."""
    near = []
    for axis, length in enumerate(x.shape[-2:]):
        offset = torch.arange(length, device=x.device) - corners[:, axis, None]
        near.append((offset >= 0) & (offset < side))
    return (near[0][:, :, None] & near[1][:, None, :])[:, None]
