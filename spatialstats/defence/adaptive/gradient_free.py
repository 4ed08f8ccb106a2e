"""Attacks that see logits alone, and noise, which no defence should notice."""

from __future__ import annotations

import torch

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.noise import Noise
from spatialstats.attacks.seeds import derived
from spatialstats.attacks.square import SquareL2, SquareLinf
from spatialstats.attacks.square_patch import SquarePatch
from spatialstats.defence.adaptive.job import Job

__all__ = ["noise", "screening", "square"]


def square(job: Job) -> Best:
    """Random search on the deployed margin; of a patch over its place and colours."""
    epsilon = job.threat.budget(job.x.shape).epsilon or 0.0
    kind = {"linf": SquareLinf, "l2": SquareL2, "patch": SquarePatch}[job.threat.norm]
    searcher = kind(epsilon, queries=job.queries)

    def margins(made: torch.Tensor, index: torch.Tensor) -> torch.Tensor:
        found, asked = made.new_full((len(made),), -torch.inf), job.right[index]
        if bool(asked.any()):
            rows = index[asked]
            found[asked] = job.target.margins(made[asked], rows, job.y[rows])
        return found  # an image that is not to be attacked is over at once

    best = Best.of(job.x)
    found, margin = searcher.search(margins, job.x, job.seed)
    rows = job.right.nonzero()[:, 0]
    best.keep(rows, found[rows], margin[rows], -margin[rows])
    return best


def noise(job: Job) -> Best:
    """As many noises of the budget as the effort has draws; the worst one is kept."""
    budget = job.threat.budget(job.x.shape)
    best, made = Best.of(job.x), Noise(budget.norm, budget.epsilon or 0.0)
    for k in range(job.effort.draws):
        tried = made(job.target.classifier, job.x, job.y, seed=derived(job.seed, k))
        rows = (job.right & ((best.margin >= 0) | job.target.randomized)).nonzero()[:, 0]
        if not len(rows):
            break
        margin = job.target.margins(tried[rows], rows, job.y[rows])
        best.keep(rows, tried[rows], margin, -margin)
    return best


def screening(job: Job) -> Best:
    """The worst of all places of a patch, without optimising it; what the screening took is counted here."""
    best, rows, target = Best.of(job.x), job.right.nonzero()[:, 0], job.target
    if not len(rows):
        return best
    found = job.screened
    target.tried += found.tried
    target.gradients += found.gradients
    target.passes += found.passes
    margin = target.margins(found.best[rows], rows, job.y[rows])
    best.keep(rows, found.best[rows], margin, -margin)
    return best
