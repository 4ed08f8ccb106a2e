"""The attack that neutralization cannot touch: confined to what the defence never hides."""

from __future__ import annotations

import torch

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.feasible import Feasible
from spatialstats.attacks.losses import lead
from spatialstats.defence.adaptive.end_to_end import TEMPERATURES, through
from spatialstats.defence.adaptive.job import Job, Round, climb

__all__ = ["always_open", "roi_only"]

MOMENTUM = 0.75


def roi_only(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """Climb where the defence hides nothing, asking it anew at each step where that is.

    An image counts only if no pixel that was changed lies in what the defence hides in that
    very image: pixels that come to lie there are put back, and where that moves the mask onto
    others, this step's image is not counted.
    """
    open_pixels = always_open(job)
    if open_pixels is not None:
        allowed = open_pixels.expand(len(rows), 1, *job.x.shape[2:])
        region = one.region.rows(rows).within(allowed)
        return climb(job, through(job, one.loss, TEMPERATURES[1]), one.start[rows], region, rows, job.steps)
    target, x, left = job.target, job.x[rows], torch.arange(len(rows), device=rows.device)
    best = Best.of(x)
    x_adv, heading = one.start[rows].clone(), torch.zeros_like(x)
    value = through(job, one.loss, TEMPERATURES[1])
    for step in range(job.steps):
        own = rows[left]
        region = one.region.rows(own)
        made, counts, allowed = settled(job, x[left], region, x_adv)
        gradient, climbed, logits = target.gradient(value, made, own)
        margin = target.margins(made, own, job.y[own]) if logits is None else lead(logits, job.y[own])
        best.keep(left, made, torch.where(counts, margin, torch.inf), climbed)
        within = region.within(allowed)
        heading = MOMENTUM * heading + within.along(gradient)
        length = 2 * one.region.radius * max(0.05, 1 - step / job.steps) / 2
        x_adv = within.project(made + length * within.along(heading))
        on = (best.margin[left] >= 0) | target.randomized
        left, x_adv, heading = left[on], x_adv[on], heading[on]
        if not len(left):
            break
    return best


def settled(
    job: Job, x: torch.Tensor, region: Feasible, x_adv: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Images changed only where nothing is hidden in them, whether that held, and where they may change."""
    hidden = job.located(x_adv)
    for _ in range(2):
        made = region.within(~hidden[:, None]).project(x_adv)
        moved = job.located(made)
        counts = ~((made != x).any(1) & moved).flatten(1).any(1)
        if bool(counts.all()):
            break
        hidden = hidden | moved
    return made, counts, ~hidden[:, None]


def always_open(job: Job) -> torch.Tensor | None:
    """bool (1, 1, H, W): pixels that no mask of the family hides, if one set serves all images."""
    family = job.family
    if family is None or (len(family) > 1 and bool(job.clean_masks.any())):
        return None
    return ~family.any(0)[None, None]
