"""Attacks that follow gradients: of the undefended model, and through the defence itself."""

from __future__ import annotations

import torch

from spatialstats.attacks.ascent import Best
from spatialstats.defence.adaptive.job import Job, Round, climb
from spatialstats.defence.adaptive.target import Value

__all__ = ["TEMPERATURES", "follows_temperature", "straight_through", "through", "transfer", "white_box"]

TEMPERATURES = (0.3, 0.1, 0.03)  # of the soft masks, one after the other


def transfer(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """Up the undefended model's loss; images on the way are shown to the defence."""

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        return job.loss(one.loss, index)(job.target.classifier.logits(part)), None

    return climb(job, value, one.start[rows], one.region.rows(rows), rows, job.steps)


def white_box(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """Up the loss behind `Defence.relaxed`, whose soft masks harden on the way.

    A defence without soft masks is followed as it is.  A randomized one is followed by
    gradients averaged over fresh draws.
    """
    if not follows_temperature(job):
        return climb(
            job,
            through(job, one.loss, TEMPERATURES[1]),
            one.start[rows],
            one.region.rows(rows),
            rows,
            job.steps,
        )
    best, start, left = Best.of(job.x[rows]), one.start[rows], torch.arange(len(rows), device=rows.device)
    for k, temperature in enumerate(TEMPERATURES):
        share = job.steps * (k + 1) // len(TEMPERATURES) - job.steps * k // len(TEMPERATURES)
        own = rows[left]
        value = through(job, one.loss, temperature)
        found = climb(job, value, start[left], one.region.rows(own), own, max(1, share))
        best.merge(found, left)
        start[left] = found.x_adv
        left = ((best.margin >= 0) | job.target.randomized).nonzero()[:, 0]
        if not len(left):
            break
    return best


def straight_through(job: Job, one: Round, rows: torch.Tensor) -> Best:
    """Up the loss behind `Defence.forward` with its own gradient: the mask found anew, held constant."""

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        logits = job.target.defence(part)
        return job.loss(one.loss, index)(logits), None if job.target.randomized else logits

    return climb(job, value, one.start[rows], one.region.rows(rows), rows, job.steps)


def through(job: Job, loss: str, temperature: float) -> Value:
    """A loss behind the defence's stand-in."""

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        logits = job.target.defence.relaxed(part, temperature)
        return job.loss(loss, index)(logits), logits if job.target.exact else None

    return value


def follows_temperature(job: Job) -> bool:
    """Whether the stand-in changes with its temperature, on the first few images."""
    if job.target.exact or job.target.randomized:
        return False
    few = job.x[:2]
    with torch.no_grad():
        hot, cold = (job.target.defence.relaxed(few, t) for t in (TEMPERATURES[0], TEMPERATURES[-1]))
    return not torch.equal(hot, cold)
