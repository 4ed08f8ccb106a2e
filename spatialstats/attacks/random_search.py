"""Random search: one change at a time, kept where it lowers the margin."""

from __future__ import annotations

from collections.abc import Callable

import torch

from spatialstats.attacks.seeds import row_generator

__all__ = ["HALVINGS", "Margins", "Proposal", "corners", "cut", "pasted", "search"]

Margins = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]
"""Of images (M, C, H, W) and their rows (M,): margins (M,); below 0 is misclassified."""
Proposal = Callable[[torch.Tensor, torch.Tensor, torch.Tensor, float], torch.Tensor]
"""The next images to try, of clean images, the best so far, uniform numbers (M, k), a share of the area."""
HALVINGS = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)  # of 10,000 queries


def search(
    margins: Margins,
    x: torch.Tensor,
    first: torch.Tensor,
    proposal: Proposal,
    queries: int,
    numbers: int,
    area: float,
    seed: int,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random search, row by row independent of each other: what lowers the margin is kept.

    Parameters
    ----------
    margins : callable
        See `Margins`.
    x, first : Tensor of float32, (N, C, H, W)
        Clean images, and what is tried first.
    proposal : callable
        See `Proposal`.
    queries, numbers : int
        Trials of a row, and uniform numbers for each.
    area : float
        Share of the area at the start.
    seed : int
        Of each row's numbers.

    Returns
    -------
    x_adv : Tensor of float32, (N, C, H, W)
    margin : Tensor of float32, (N,)
    """
    rows = torch.arange(len(x), device=x.device)
    best, lowest = first.clone(), margins(first, rows)
    rngs = [row_generator(seed, row) for row in range(len(x))]
    block = 256  # a generator's numbers come in order, so blocks change nothing
    for query in range(1, queries):
        rows = rows[lowest[rows] >= 0]
        if not len(rows):
            break
        if (query - 1) % block == 0:
            drawn = torch.stack([torch.rand(block, numbers, generator=rng) for rng in rngs]).to(x.device)
        share = area / 2 ** sum((query - 1) * 10_000 / queries > at for at in HALVINGS)
        tried = proposal(x[rows], best[rows], drawn[rows, (query - 1) % block], share)
        margin = margins(tried, rows)
        better = margin < lowest[rows]
        best[rows[better]], lowest[rows[better]] = tried[better], margin[better]
    return best, lowest


def corners(drawn: torch.Tensor, down: int, across: int) -> torch.Tensor:
    """Top left corners (M, 2) from uniform numbers (M, 2), each place with equal chance."""
    limits = torch.tensor([down, across], device=drawn.device)
    return torch.minimum((drawn * (limits + 1)).long(), limits)


def cut(x: torch.Tensor, corner: torch.Tensor, side: int) -> torch.Tensor:
    """Windows (M, C, side, side) of images."""
    rows, down, across = _places(x, corner, side)
    return x[rows, :, down, across].permute(0, 3, 1, 2)


def pasted(x: torch.Tensor, new: torch.Tensor, corner: torch.Tensor, side: int) -> torch.Tensor:
    """Images with other windows (M, C, side, side) at top left corners (M, 2)."""
    made = x.clone()
    rows, down, across = _places(x, corner, side)
    made[rows, :, down, across] = new.permute(0, 2, 3, 1)
    return made


def _places(
    x: torch.Tensor, corner: torch.Tensor, side: int
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    near = torch.arange(side, device=x.device)
    rows = torch.arange(len(x), device=x.device)[:, None, None]
    return rows, (corner[:, :1] + near)[:, :, None], (corner[:, 1:] + near)[:, None]
