"""Attacks that take the masks in hand: frozen where they are, or all of them at once."""

from __future__ import annotations

import torch

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.seeds import row_generator
from spatialstats.defence.adaptive.job import Job, Round, climb
from spatialstats.defence.adaptive.target import Value
from spatialstats.defence.fill import Fill
from spatialstats.defence.fills import get_fill

__all__ = ["attacked_mask", "behind", "clean_mask", "every_mask"]

FREEZES = 3  # times that the attacked mask is located anew


def clean_mask(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """The masks are held where they lie on the clean images."""
    value = behind(job, one.loss, job.clean_masks)
    return climb(job, value, one.start[rows], one.region.rows(rows), rows, job.steps)


def attacked_mask(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """The masks are held where they lie on attacked images, and moved after each part of the climb."""
    best, start, left = Best.of(job.x[rows]), one.start[rows], torch.arange(len(rows), device=rows.device)
    masks = job.clean_masks.clone()
    for k in range(FREEZES):
        own = rows[left]
        masks[own] = job.located(start[left])
        share = max(1, job.steps * (k + 1) // FREEZES - job.steps * k // FREEZES)
        found = climb(job, behind(job, one.loss, masks), start[left], one.region.rows(own), own, share)
        best.merge(found, left)
        start[left] = found.x_adv
        left = ((best.margin >= 0) | job.target.randomized).nonzero()[:, 0]
        if not len(left):
            break
    return best


def every_mask(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """One perturbation for every mask of the family: the mean loss behind several of them.

    Without a family these are no mask, the clean image's and the start's.  Of a large family
    every gradient looks behind another few, drawn row by row.
    """
    family = job.family
    if family is None:
        own = torch.stack([torch.zeros_like(job.clean_masks), job.clean_masks, job.located(one.start)], 1)
    else:
        own = family[None].expand(len(job.x), -1, -1, -1)
    count = min(job.effort.masks, own.shape[1])
    rngs = [row_generator(job.seed, row, 1000 + one.number) for row in range(len(job.x))]
    fill = fill_of(job)

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        loss = job.loss(one.loss, index)
        order = torch.stack(
            [torch.randperm(own.shape[1], generator=rngs[row])[:count] for row in index.tolist()]
        ).to(part.device)
        total = part.new_zeros(len(part))
        for k in range(count):
            total = total + loss(job.target.defence.model(fill(part, own[index, order[:, k]])))
        return total / count, None

    return climb(job, value, one.start[rows], one.region.rows(rows), rows, job.steps, cost=count)


def behind(job: Job, loss: str, masks: torch.Tensor) -> Value:
    """A loss of the model behind fixed masks (N, H, W) and the defence's fill."""
    fill = fill_of(job)

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        return job.loss(loss, index)(job.target.defence.model(fill(part, masks[index]))), None

    return value


def fill_of(job: Job) -> Fill:
    """The defence's own fill, or the mean where it has none of this package's."""
    found = getattr(job.target.defence, "fill", None)
    return found if isinstance(found, Fill) else get_fill("mean")
