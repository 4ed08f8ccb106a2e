"""Random search over the place and the colours of a patch, from the logits alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.attacks.budget import Budget, patch_side
from spatialstats.attacks.losses import lead
from spatialstats.attacks.parameters import at_least_one, positive
from spatialstats.attacks.patch import window
from spatialstats.attacks.random_search import HALVINGS, Margins, corners, pasted
from spatialstats.attacks.seeds import derived, row_generator
from spatialstats.models import Classifier

__all__ = ["SquarePatch"]


@dataclass(frozen=True)
class SquarePatch:
    """Turns by turns a square of the patch is recoloured, or the patch is moved.

    Parameters
    ----------
    side : float
        Side of the patch as a fraction of the image's shorter side.
    queries : int
        Forward passes an image; none after it is misclassified.
    area : float
        Share of the patch that the first squares take; it is halved on a fixed schedule.
    moves : int
        One query in so many moves the patch, at first anywhere, then ever less far.

    References
    ----------
    F. Croce, M. Andriushchenko, N. D. Singh, N. Flammarion, M. Hein, *Sparse-RS: a Versatile Framework
    for Query-Efficient Sparse Black-Box Adversarial Attacks*, AAAI 2022.
    """

    side: float = 5 / 32
    queries: int = 1000
    area: float = 0.4
    moves: int = 4
    name: ClassVar[str] = "square-patch"
    gradient: ClassVar[bool] = False
    control: ClassVar[bool] = False
    random_start: ClassVar[bool] = True

    def __post_init__(self) -> None:
        positive(self, "side", "area")
        at_least_one(self, "queries", "moves")

    @property
    def budget(self) -> Budget:
        return Budget("patch", self.side)

    @property
    def label(self) -> str:
        return f"Square patch {100 * self.side:.3g} % of the side"

    def search(self, margins: Margins, x: torch.Tensor, seed: int) -> tuple[torch.Tensor, torch.Tensor]:
        """The best images found for any margins, and those margins."""
        side, channels = patch_side(self.side, x.shape), x.shape[1]
        spans = (x.shape[2] - side, x.shape[3] - side)
        rngs = [row_generator(derived(seed, 0), row) for row in range(len(x))]
        place = corners(torch.stack([torch.rand(2, generator=rng) for rng in rngs]).to(x.device), *spans)
        stripes = torch.stack([torch.randint(2, (channels, 1, side), generator=rng) for rng in rngs])
        colours = stripes.to(x).repeat(1, 1, side, 1)
        rows = torch.arange(len(x), device=x.device)
        best = painted(x, colours, place)
        lowest = margins(best, rows)
        rngs, block = [row_generator(seed, row) for row in range(len(x))], 256
        for query in range(1, self.queries):
            rows = rows[lowest[rows] >= 0]
            if not len(rows):
                break
            if (query - 1) % block == 0:
                numbers = [torch.rand(block, 2 + channels, generator=rng) for rng in rngs]
                drawn = torch.stack(numbers).to(x.device)
            now = drawn[rows, (query - 1) % block]
            moved, coloured = place[rows], colours[rows]
            if query % self.moves == 0:
                left = 1 - query / self.queries
                moved = shifted(moved, now, spans, left)
            else:
                share = self.area / 2 ** sum(query * 10_000 / self.queries > at for at in HALVINGS)
                coloured = recoloured(coloured, now, share)
            tried = painted(x[rows], coloured, moved)
            margin = margins(tried, rows)
            better = margin < lowest[rows]
            taken = rows[better]
            place[taken], colours[taken] = moved[better], coloured[better]
            best[taken], lowest[taken] = tried[better], margin[better]
        return best, lowest

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        def margins(x_adv: torch.Tensor, rows: torch.Tensor) -> torch.Tensor:
            return lead(classifier.logits(x_adv), y[rows])

        with torch.no_grad():
            return self.search(margins, x, seed)[0]


def painted(x: torch.Tensor, colours: torch.Tensor, place: torch.Tensor) -> torch.Tensor:
    """Images with a patch of colours (M, C, side, side) at top left corners (M, 2)."""
    return pasted(x, colours, place, colours.shape[-1])


def shifted(place: torch.Tensor, drawn: torch.Tensor, spans: tuple[int, int], share: float) -> torch.Tensor:
    """Corners (M, 2) moved by at most a share of the way across, at least a pixel."""
    limits = torch.tensor(spans, device=place.device)
    reach = (limits * share).clamp_min(1)
    step = ((2 * drawn[:, :2] - 1) * (reach + 1)).trunc().long()
    return (place + step).clamp_min(0).minimum(limits)


def recoloured(colours: torch.Tensor, drawn: torch.Tensor, share: float) -> torch.Tensor:
    """Patches with a square of one random corner colour; one that has it already gets its opposite."""
    side = colours.shape[-1]
    length = min(side, max(1, round(share**0.5 * side)))
    inside = window(colours, corners(drawn[:, :2], side - length, side - length), length)
    new = (drawn[:, 2:] >= 0.5).to(colours)[:, :, None, None]
    same = ((colours == new) | ~inside).flatten(1).all(1)[:, None, None, None]
    return torch.where(inside, torch.where(same, 1 - new, new), colours)
