"""Square: random search by squares, from the logits alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.feasible import Ball
from spatialstats.attacks.losses import lead
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.patch import window
from spatialstats.attacks.pgd import lengths
from spatialstats.attacks.random_search import Margins, corners, cut, pasted, search
from spatialstats.attacks.seeds import derived, row_generator
from spatialstats.models import Classifier

__all__ = ["SquareL2", "SquareLinf"]


@dataclass(frozen=True)
class SquareLinf:
    """Squares of plus or minus epsilon, kept where they lower the margin.

    Parameters
    ----------
    epsilon : float
        Largest change of a value, in [0, 1] pixel units.
    queries : int
        Forward passes an image; none after it is misclassified.
    area : float
        Share of the pixels that the first squares take; it is halved on a fixed schedule.

    References
    ----------
    M. Andriushchenko, F. Croce, N. Flammarion, M. Hein, *Square Attack: a query-efficient black-box
    adversarial attack via random search*, ECCV 2020.
    """

    epsilon: float = 8 / 255
    queries: int = 1000
    area: float = 0.8
    name: ClassVar[str] = "square-linf"
    gradient: ClassVar[bool] = False
    control: ClassVar[bool] = False
    random_start: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive(self, "epsilon", "area")
        at_least_one(self, "queries")

    @property
    def budget(self) -> Budget:
        return Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return f"Square {self.budget.text}"

    def first(self, x: torch.Tensor, seed: int) -> torch.Tensor:
        """Vertical stripes of one pixel."""
        rows = [
            torch.randint(2, (x.shape[1], 1, x.shape[3]), generator=row_generator(seed, row))
            for row in range(len(x))
        ]
        signs = 2 * torch.stack(rows).to(x) - 1
        return (x + self.epsilon * signs).clamp(0, 1)

    def proposed(self, x: torch.Tensor, best: torch.Tensor, drawn: torch.Tensor, area: float) -> torch.Tensor:
        """A square of other signs: the window (2 numbers) and its channels' signs (1 + C numbers)."""
        height, width = x.shape[-2:]
        side = min(max(1, round((area * height * width) ** 0.5)), height, width)
        inside = window(x, corners(drawn[:, :2], height - side, width - side), side)
        signs = 2.0 * (drawn[:, 3:] >= 0.5) - 1
        made = torch.where(inside, x + self.epsilon * signs[:, :, None, None], best).clamp(0, 1)
        same = ((made - best).abs() < 1e-7).flatten(1).all(1)
        # A square that changes nothing would waste a query: one of its channels is turned over.
        turned = (drawn[:, 2] * x.shape[1]).long().clamp_max(x.shape[1] - 1)
        flip = same[:, None] & (torch.arange(x.shape[1], device=x.device) == turned[:, None])
        signs = torch.where(flip, -signs, signs)
        return torch.where(inside, x + self.epsilon * signs[:, :, None, None], best).clamp(0, 1)

    def search(self, margins: Margins, x: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The best images found for any margins, and those margins."""
        first = self.first(x, derived(seed, 0))
        return search(margins, x, first, self.proposed, self.queries, 3 + x.shape[1], self.area, seed)

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        def margins(x_adv: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            return lead(classifier.logits(x_adv), y[rows])

        with torch.no_grad():
            return self.search(margins, x, seed)[0]


@dataclass(frozen=True)
class SquareL2(SquareLinf):
    """Moves the change's L2 mass from one square into another, in the shape of two hills.

    Parameters
    ----------
    epsilon : float
        Largest L2 norm of the change, in [0, 1] pixel units.
    queries, area
        See `SquareLinf`.

    References
    ----------
    M. Andriushchenko et al., ECCV 2020, algorithm 3.
    """

    epsilon: float = 0.5
    name: ClassVar[str] = "square-l2"

    @property
    def budget(self) -> Budget:
        return Budget("l2", self.epsilon)

    def first(self, x: torch.Tensor, seed: int) -> torch.Tensor:
        """A grid of five by five hills of random signs, some turned on their side."""
        height, width = x.shape[-2:]
        side = max(1, min(height, width) // 5)
        across = [
            range((length - side * (length // side)) // 2, length - side + 1, side)
            for length in (height, width)
        ]
        places = [(top, left) for top in across[0] for left in across[1]]
        drawn = torch.stack(
            [
                torch.randint(2, (len(places), 1 + x.shape[1]), generator=row_generator(seed, row))
                for row in range(len(x))
            ]
        ).to(x)
        turned, signs = drawn[:, :, 0], 2 * drawn[:, :, 1:] - 1
        delta, upright = torch.zeros_like(x), hills(side, x)
        for k, (top, left) in enumerate(places):
            shape = torch.where(turned[:, k, None, None] > 0, upright.T, upright)[:, None]
            delta[:, :, top : top + side, left : left + side] = shape * signs[:, k, :, None, None]
        return self._on_sphere(x, delta)

    def proposed(self, x: torch.Tensor, best: torch.Tensor, drawn: torch.Tensor, area: float) -> torch.Tensor:
        """Windows to fill and to empty (2 and 2 numbers), orientation (1) and the channels' signs (C)."""
        channels, height, width = x.shape[1:]
        side = max(3, round((area * height * width) ** 0.5))
        side = min(side + (side % 2 == 0), height - 1 + height % 2, width - 1 + width % 2)
        delta = best - x
        filled = corners(drawn[:, :2], height - side, width - side)
        into = window(x, filled, side)
        out_of = window(x, corners(drawn[:, 2:4], height - side, width - side), side)
        here = cut(delta, filled, side)
        free = (self.epsilon**2 - delta.square().sum((1, 2, 3))).clamp_min(0)
        # Every channel gets what all of them lose, as in the authors' code: bolder steps, then rescaled.
        freed = (delta * (into | out_of)).square().sum((1, 2, 3))
        signs = 2.0 * (drawn[:, 5:] >= 0.5) - 1
        shape = hills(side, x)
        shape = torch.where((drawn[:, 4] >= 0.5)[:, None, None], shape.T, shape)[:, None]
        new = shape * signs[:, :, None, None] + here / (
            here.square().sum((2, 3), keepdim=True).sqrt() + 1e-12
        )
        new = new / (new.square().sum((2, 3), keepdim=True).sqrt() + 1e-12)
        new = new * (free / channels + freed).sqrt()[:, None, None, None]
        return self._on_sphere(x, pasted(torch.where(out_of, 0.0, delta), new, filled, side))

    def search(self, margins: Margins, x: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """See `SquareLinf.search`."""
        first = self.first(x, derived(seed, 0))
        return search(margins, x, first, self.proposed, self.queries, 5 + x.shape[1], self.area, seed)

    def _on_sphere(self, x: torch.Tensor, delta: torch.Tensor) -> torch.Tensor:
        return Ball(x, self.epsilon).project(x + delta * (self.epsilon / lengths(delta)))


def hills(side: int, like: torch.Tensor) -> torch.Tensor:
    """(side, side) of norm 1: a hill of concentric rectangles over a valley of them."""
    upper = side // 2
    parts = [_hill(upper, side), -_hill(side - upper, side)]
    made = torch.cat([part for part in parts if len(part)]).to(like)
    found: torch.Tensor = made / made.norm().clamp_min(1e-12)
    return found


def _hill(height: int, width: int) -> torch.Tensor:
    """(height, width) of norm 1: at distance d from the centre the sum of 1 / c**2 for c above d."""
    if not height:
        return torch.zeros(0, width)
    down, across = (torch.arange(length) - length // 2 for length in (height, width))
    far = torch.maximum(down.abs()[:, None], across.abs()[None])
    terms = 1.0 / torch.arange(1, max(height, width) // 2 + 2).float().square()
    made = terms.flip(0).cumsum(0).flip(0)[far]
    hill: torch.Tensor = made / made.norm()
    return hill
