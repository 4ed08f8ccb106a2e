"""Training images behind masks: at random places, or at the worst of several."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F

from spatialstats.defence.cover import spaced
from spatialstats.defence.fills import get_fill
from spatialstats.defence.harden_memory import harder_windows, random_corners, windows_at
from spatialstats.errors import InputError

__all__ = ["MaskTraining", "greedy_masks", "mask_sides", "random_windows"]

PATCH = 5 / 32  # of the shorter side, where no patch is named: 2.4 % of a square image
Logits = Callable[[torch.Tensor], torch.Tensor]


def mask_sides(shape: tuple[int, int], patch: int | None = None, per_axis: int = 6) -> tuple[int, int]:
    """Height and width of PatchCleanser's masks for a square patch anywhere.

    Parameters
    ----------
    shape : tuple of int
        (H, W) of the images.
    patch : int, optional
        Side of the patch in pixels; 5/32 of the shorter side when left out.
    per_axis : int
        Masks along each axis: more of them may be smaller.

    Raises
    ------
    InputError
        If the patch does not fit into the image.

    References
    ----------
    C. Xiang, S. Mahloujifar, P. Mittal, *PatchCleanser*, USENIX Security 2022 (arXiv
    2108.09135), section 3.2.
    """
    side = max(1, round(PATCH * min(shape))) if patch is None else patch
    if not 1 <= side <= min(shape) or per_axis < 1:
        raise InputError(
            f"a patch has a side of 1 to {min(shape)} pixels in images {shape[0]}x{shape[1]} and one mask an "
            f"axis or more, got {side} and {per_axis}: pass a smaller patch."
        )
    height, width = (spaced(n, side, per_axis)[0] for n in shape)
    return height, width


def random_windows(
    n: int, shape: tuple[int, int], sides: tuple[int, int], rng: torch.Generator
) -> torch.Tensor:
    """Windows of one size, each wholly inside its image, at uniformly random places: bool (n, H, W)."""
    return windows_at(random_corners(n, 1, shape, sides, rng), shape, sides)


def greedy_masks(
    loss: Callable[[torch.Tensor], torch.Tensor],
    shape: tuple[int, int],
    sides: tuple[int, int],
    n: int,
    rng: torch.Generator,
    *,
    rounds: int = 2,
    candidates: int = 2,
) -> torch.Tensor:
    """In each round the one of several random windows that, added to those before, costs most.

    Parameters
    ----------
    loss : callable
        Loss (n,) of the images behind masks bool (n, H, W).
    shape, sides : tuple of int
        Of the images and of a window.
    n : int
        Images.
    rng : torch.Generator
        Of the places.
    rounds, candidates : int
        Windows an image gets, and how many are tried for each.

    Returns
    -------
    torch.Tensor
        bool (n, H, W).

    References
    ----------
    A. Saha et al., *Revisiting Image Classifier Training for Improved Certified Robust Defense
    against Adversarial Patches*, TMLR 2023 (arXiv 2306.12610): greedy cutout, there over a
    fixed grid of places.
    """
    chosen = torch.zeros(n, *shape, dtype=torch.bool)
    for _ in range(rounds):
        base, worst = chosen, torch.full((n,), -torch.inf)
        for _ in range(candidates):
            tried = base | random_windows(n, shape, sides, rng)
            cost = loss(tried).cpu()
            chosen = torch.where((cost > worst)[:, None, None], tried, chosen)
            worst = torch.maximum(worst, cost)
    return chosen


@dataclass(frozen=True)
class MaskTraining:
    """Images behind the union of two windows: random ones at first, greedy ones in the end.

    Parameters
    ----------
    sides : tuple of int
        Height and width of a window.
    shape : tuple of int
        (H, W) of the images that these sides are meant for; windows of crops shrink with them.
    fills : tuple of str
        What hidden pixels become; each batch takes one of them.
    windows : int
        Windows an image.
    unmasked : float
        Share of the images that keep all their pixels.
    greedy_from : float
        Share of the training after which windows are chosen greedily; 1 for never.
    candidates : int
        Windows tried in each greedy round.
    remember : bool
        Where windows are greedy, go on from those that were the worst of the same image an epoch ago
        (`harder_windows`) instead of from none: the search grows deeper from epoch to epoch at the
        price of one of ``windows + 2`` predictions.
    """

    sides: tuple[int, int]
    shape: tuple[int, int]
    fills: tuple[str, ...] = ("constant", "mean")
    windows: int = 2
    unmasked: float = 0.1
    greedy_from: float = 0.7
    candidates: int = 2
    remember: bool = False

    def __call__(
        self,
        logits: Logits,
        x: torch.Tensor,
        y: torch.Tensor,
        rng: torch.Generator,
        done: float,
        corners: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Images (N, C, H, W) to train on, when the share `done` of the training is over.

        `corners` (N, windows, 2), where given, are the remembered windows: they are searched from, and
        replaced in place.
        """
        shape = (x.shape[2], x.shape[3])
        sides = self._scaled(shape)
        fill = get_fill(self.fills[int(torch.randint(len(self.fills), (), generator=rng))])
        keep = torch.rand(len(x), generator=rng) < self.unmasked
        if done < self.greedy_from:
            masks = torch.zeros(len(x), *shape, dtype=torch.bool)
            for _ in range(self.windows):
                masks |= random_windows(len(x), shape, sides, rng)
        else:

            @torch.no_grad()
            def loss(tried: torch.Tensor) -> torch.Tensor:
                return F.cross_entropy(logits(fill(x, tried)).float(), y, reduction="none")

            if corners is None:
                masks = greedy_masks(
                    loss, shape, sides, len(x), rng, rounds=self.windows, candidates=self.candidates
                )
            else:
                corners.copy_(harder_windows(loss, shape, sides, corners, rng))
                masks = windows_at(corners, shape, sides)
        return fill(x, masks & ~keep[:, None, None])

    def _scaled(self, shape: tuple[int, int]) -> tuple[int, int]:
        """Sides of a window in images of another size."""
        height, width = (
            max(1, round(side * now / full))
            for side, now, full in zip(self.sides, shape, self.shape, strict=True)
        )
        return height, width
