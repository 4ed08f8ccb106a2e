"""One attack on one defence: its images, its starts, and the loop that all gradient attacks share."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import torch

from spatialstats.attacks.ascent import Best, ascend
from spatialstats.attacks.dlr import loss_of, runner_up
from spatialstats.attacks.feasible import Box, Feasible
from spatialstats.attacks.losses import lead
from spatialstats.attacks.patch import window
from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.screening import Screened
from spatialstats.defence.adaptive.target import Target, Value
from spatialstats.defence.adaptive.threat import Threat

__all__ = ["Attempt", "Job", "Round", "attempted", "climb"]

LOSS_CYCLE = ("dlr", "ce", "dlr-targeted", "margin")


@dataclass(frozen=True)
class Round:
    """A start from which all images that still resist are attacked.

    Parameters
    ----------
    number : int
        From 0.
    loss : str
        See `spatialstats.attacks.dlr.LOSSES`.
    region : Feasible
        Where all N images may go.
    start : Tensor of float32, (N, C, H, W)
        Where the climb begins.
    inside : Tensor of bool, (N, 1, H, W), optional
        The window of a patch.
    given : Tensor of bool, (N,), optional
        Which images have this start; all when left out.
    """

    number: int
    loss: str
    region: Feasible
    start: torch.Tensor
    inside: torch.Tensor | None = None
    given: torch.Tensor | None = None


@dataclass
class Job:
    """Images, and how they are attacked.

    Parameters
    ----------
    target : Target
    x, y : Tensor, (N, C, H, W) and (N,)
    threat : Threat
    effort : Effort
    seed : int
    right : Tensor of bool, (N,)
        Which images are attacked at all: those of a correct defended prediction, or all where it draws.
    screener : callable
        Screens the places of a patch, or knows them already.
    """

    target: Target
    x: torch.Tensor
    y: torch.Tensor
    threat: Threat
    effort: Effort
    seed: int
    right: torch.Tensor
    screener: Callable[[], Screened]

    @cached_property
    def clean_logits(self) -> torch.Tensor:
        """Deployed logits (N, K) of the images."""
        return self.target.logits(self.x, torch.arange(len(self.x), device=self.x.device))

    @cached_property
    def clean_masks(self) -> torch.Tensor:
        """bool (N, H, W): what the defence hides in the images themselves."""
        return self.located(self.x)

    @cached_property
    def family(self) -> torch.Tensor | None:
        """bool (M, H, W): the masks that the defence may apply to these images, if they are few and fixed."""
        height, width = self.x.shape[2:]
        found = self.target.defence.family((height, width))
        return None if found is None else found.to(self.x.device)

    @cached_property
    def screened(self) -> Screened:
        """The worst places of a patch."""
        return self.screener()

    @property
    def steps(self) -> int:
        """Gradients of a round, within the effort's passes."""
        rounds = self.effort.places if self.threat.norm == "patch" else self.effort.restarts
        return max(3, min(self.effort.steps, int(self.effort.passes / (rounds * self.target.cost))))

    @property
    def queries(self) -> int:
        """Trials without gradients, within the effort's passes."""
        return max(10, min(self.effort.queries, int(self.effort.passes / self.target.cost)))

    def located(self, x: torch.Tensor) -> torch.Tensor:
        """`Defence.located` in micro-batches."""
        with torch.no_grad():
            return torch.cat([self.target.defence.located(part) for part in x.split(self.target.size)])

    def loss(self, name: str, rows: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
        """A loss of the true labels of some rows, towards the likeliest wrong class where targeted."""
        return loss_of(name, self.y[rows], runner_up(self.clean_logits, self.y, 0)[rows])

    def rounds(self) -> Iterator[Round]:
        """The starts: restarts with a loss each, or the worst places of a patch.

        A patch begins with the colours that the gradient asks for; with twice the budget, at random ones, as
        the same start would end much where it ended before.
        """
        if self.threat.norm == "patch":
            for k in range(min(self.effort.places, self.screened.corners.shape[1])):
                inside = window(self.x, self.screened.corners[:, k], int(self.threat.epsilon))
                window_of, loss = Box.windows(self.x, inside), (k + self.effort.first_loss) % 2
                if self.effort.first_loss:
                    start = window_of.drawn(derived(self.seed, k))
                else:
                    start = torch.where(inside, self.screened.asked, self.x)
                yield Round(k, ("margin", "ce")[loss], window_of, start, inside, self.screened.counts > k)
            return
        region = self.threat.region(self.x)
        for k in range(self.effort.restarts):
            start = region.drawn(derived(self.seed, k))
            yield Round(k, LOSS_CYCLE[(k + self.effort.first_loss) % len(LOSS_CYCLE)], region, start)


Attempt = Callable[[Job, Round, torch.Tensor], Best]
"""Attacks some rows (M,) of a job in a round: the best images found, judged by the deployed margin."""


def attempted(job: Job, attempt: Attempt) -> Best:
    """All rounds of an attack; an image that was broken is left alone, unless the defence draws."""
    best = Best.of(job.x)
    if not bool(job.right.any()):
        return best
    for one in job.rounds():
        left = job.right & ((best.margin >= 0) | job.target.randomized)
        rows = (left if one.given is None else left & one.given).nonzero()[:, 0]
        if not len(rows):
            break  # nor has any image a later start that has not this one
        best.merge(attempt(job, one, rows), rows)
    return best


def climb(
    job: Job,
    value: Value,
    start: torch.Tensor,
    region: Feasible,
    rows: torch.Tensor,
    steps: int,
    *,
    cost: int = 1,
) -> Best:
    """APGD on any value, judged by the deployed defence.

    Parameters
    ----------
    job : Job
    value : callable
        See `Value`; its rows are those of the job.
    start : Tensor of float32, (M, C, H, W)
    region : Feasible
        Of the M images.
    rows : Tensor of int64, (M,)
    steps, cost : int
        Gradients of an image, and model gradients that each takes.
    """
    target, asked, last = job.target, 0, steps - 1

    def passes(x_adv: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        nonlocal asked
        own = rows[index]
        gradient, climbed, logits = target.gradient(value, x_adv, own, cost=cost)
        if logits is not None:
            margin = lead(logits, job.y[own])
        elif asked % target.every == 0 or asked == last:
            margin = target.margins(x_adv, own, job.y[own])
        else:
            margin = torch.full_like(climbed, torch.inf)
        asked += 1
        return gradient, climbed, margin

    return ascend(passes, start, region, steps, stop=not target.randomized)
