"""Attacks on the locating: keep it looking where it looked, or give it something else to find."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.feasible import Ball, Box, Feasible
from spatialstats.attacks.losses import lead
from spatialstats.attacks.patch import window
from spatialstats.attacks.pgd import lengths
from spatialstats.defence.adaptive.end_to_end import TEMPERATURES, through
from spatialstats.defence.adaptive.job import Job, Round, climb

__all__ = ["decoy", "decoy_pixels", "saliency_hiding"]

WEIGHTS = (1.0, 3.0)  # of the hiding term, by round
SOFT = 0.3


def saliency_hiding(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """The loss, and a term that keeps the located map as it is on the clean image.

    The map is the locator's soft mask where a gradient of it exists, else the undefended model's
    saliency, whose gradient is one of second order.
    """
    weight = WEIGHTS[one.number % len(WEIGHTS)]
    attack = through(job, one.loss, TEMPERATURES[1])
    soft = follows_masks(job)
    reference = (soft_masks(job, job.x) if soft else saliency(job, job.x, job.y)).detach()

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        climbed, logits = attack(part, index)
        then = reference[index]
        if soft:
            now = soft_masks(job, part)
            away = (now - then).abs().sum((1, 2)) / then.sum((1, 2)).clamp_min(1.0)
            return climbed - weight * away, logits
        now = saliency(job, part, job.y[index])
        return climbed + weight * F.cosine_similarity(now.flatten(1), then.flatten(1)), logits

    return climb(job, value, one.start[rows], one.region.rows(rows), rows, job.steps, cost=1 if soft else 3)


def decoy(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """Part of the budget is a bait: a glaring chequerboard where the model looks least.

    It has the area of what the defence hides in the clean image; half of the L2 budget's square,
    or a third of a patch.  Where the locator has a gradient the bait stays free and draws the
    soft mask onto itself; else it is fixed.
    """
    bait, free = decoy_pixels(job, one), follows_masks(job)
    region, start = baited(job, one, bait, free)
    attack = through(job, one.loss, TEMPERATURES[1])

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        climbed, logits = attack(part, index)
        if not free:
            return climbed, logits
        there = bait[index, 0].to(part)
        drawn = (soft_masks(job, part) * there).sum((1, 2)) / there.sum((1, 2)).clamp_min(1.0)
        return climbed + drawn, logits

    return climb(job, value, start[rows], region.rows(rows), rows, job.steps)


def decoy_pixels(job: Job, one: Round) -> torch.Tensor:
    """bool (N, 1, H, W): where the bait lies, within the budget's window if it has one."""
    height, width = job.x.shape[2:]
    if one.inside is not None:
        place = one.inside[:, 0].long()
        depth = place.cumsum(1) * place  # 1 in the window's first row
        return (place.bool() & (depth <= max(1, int(job.threat.epsilon) // 3)))[:, None]
    area = job.clean_masks.flatten(1).sum(1).float().mean().item() or 0.02 * height * width
    side = max(2, min(height, width, round(area**0.5)))
    looked = saliency(job, job.x, job.y).detach()
    hidden = job.clean_masks.to(looked)
    # Where the mask lies already a bait would win nothing.
    score = F.avg_pool2d((looked + looked.amax((1, 2), keepdim=True) * hidden)[:, None], side, stride=1)
    at = score.flatten(1).argmin(1)
    return window(job.x, torch.stack([at // score.shape[3], at % score.shape[3]], 1), side)


def baited(job: Job, one: Round, bait: torch.Tensor, free: bool) -> tuple[Feasible, torch.Tensor]:
    """The region that is left beside the bait, and a start with the bait in it."""
    height, width = job.x.shape[2:]
    chequer = ((torch.arange(height)[:, None] + torch.arange(width)) % 2).to(job.x)
    if isinstance(one.region, Box):
        low, high = one.region.low, one.region.high
        board = torch.where(bait, torch.where(chequer.bool(), high, low), one.start)
        if free:
            return one.region, board
        low, high = torch.where(bait, board, low), torch.where(bait, board, high)
        return Box(board, low, high, one.region.radius), board
    radius = one.region.radius / 2**0.5
    wave = (2 * chequer - 1) * bait
    fixed = (job.x + wave * (radius / lengths(wave.expand_as(job.x)))).clamp(0, 1)
    if free:
        return one.region, one.region.project(fixed + (one.start - job.x) * ~bait / 2**0.5)
    rest = Ball(fixed, radius, ~bait)
    return rest, rest.project(fixed + (one.start - job.x) * ~bait)


def follows_masks(job: Job) -> bool:
    """Whether the locator gives soft masks with a gradient."""
    locator = getattr(job.target.defence, "locator", None)
    if locator is None or not hasattr(locator, "soft_masks"):
        return False
    with torch.enable_grad():
        few = job.x[:1].clone().requires_grad_(True)
        return bool(locator.soft_masks(job.target.defence.model, few, SOFT).requires_grad)


def soft_masks(job: Job, x: torch.Tensor) -> torch.Tensor:
    """The locator's soft masks (N, H, W)."""
    locator: Any = job.target.defence.locator
    found: torch.Tensor = locator.soft_masks(job.target.defence.model, x, SOFT)
    return found


def saliency(job: Job, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """Absolute gradient of the undefended margin, summed over channels (N, H, W); itself differentiable."""
    graph = x.requires_grad
    parts = []
    with torch.enable_grad():
        pairs = [(x, y)] if graph else zip(x.split(job.target.size), y.split(job.target.size), strict=True)
        for part, labels in pairs:
            leaf = part if graph else part.detach().clone().requires_grad_(True)
            margin = lead(job.target.classifier.logits(leaf), labels).sum()
            (slope,) = torch.autograd.grad(margin, leaf, create_graph=graph)
            parts.append(slope.abs().sum(1) if graph else slope.abs().sum(1).detach())
    return torch.cat(parts)
