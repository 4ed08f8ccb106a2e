"""The engine of APGD: projected ascent whose step halves when it no longer pays."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from spatialstats.attacks.feasible import Feasible

__all__ = ["Best", "Pass", "ascend", "checkpoints"]

Pass = Callable[[torch.Tensor, torch.Tensor], tuple[torch.Tensor, torch.Tensor, torch.Tensor]]
"""Of images (M, C, H, W) and their rows (M,): gradient, value to climb (M,), margin to judge by (M,)."""
MOMENTUM = 0.75


@dataclass
class Best:
    """The best image of each row so far: of the lowest margin, then of the highest value.

    Parameters
    ----------
    x_adv : Tensor of float32, (N, C, H, W)
        Filled in place.
    margin, value : Tensor of float32, (N,)
    """

    x_adv: torch.Tensor
    margin: torch.Tensor
    value: torch.Tensor

    @classmethod
    def of(cls, x: torch.Tensor) -> Best:
        """Nothing found yet."""
        infinite = torch.full((len(x),), torch.inf, device=x.device)
        return cls(x.clone(), infinite, -infinite)

    def keep(
        self, rows: torch.Tensor, x_adv: torch.Tensor, margin: torch.Tensor, value: torch.Tensor
    ) -> None:
        """Take over what is better of images (M, C, H, W) of some rows (M,)."""
        before = self.margin[rows]
        better = (margin < before) | ((margin == before) & (value > self.value[rows]))
        taken = rows[better]
        self.x_adv[taken], self.margin[taken] = x_adv[better], margin[better]
        self.value[taken] = value[better]

    def merge(self, other: Best, rows: torch.Tensor) -> None:
        """Take over what is better of a run on some rows; values of other losses do not compare."""
        better = other.margin < self.margin[rows]
        taken = rows[better]
        self.x_adv[taken], self.margin[taken] = other.x_adv[better], other.margin[better]
        self.value[taken] = other.value[better]


def checkpoints(steps: int) -> set[int]:
    """The steps at which step sizes are looked at: after 22 % of them, then ever sooner, down to 6 %."""
    gap, least, less = (max(int(part * steps), 1) for part in (0.22, 0.06, 0.03))
    found, at = set(), gap
    while at < steps:
        found.add(at)
        gap = max(gap - less, least)
        at += gap
    return found


def ascend(
    passes: Pass, start: torch.Tensor, region: Feasible, steps: int, *, rho: float = 0.75, stop: bool = True
) -> Best:
    """Climb from `start`, row by row independent of each other.

    The first step crosses the region.  At each checkpoint a row whose value rose in fewer
    than a part `rho` of the steps, or whose best value and step are what they were at the
    checkpoint before, halves its step and goes back to its best image.

    Parameters
    ----------
    passes : callable
        See `Pass`; called once a step with the rows that are still climbing.
    start : Tensor of float32, (N, C, H, W)
    region : Feasible
        Where images may be.
    steps : int
        Gradients a row.
    rho : float
        See above.
    stop : bool
        Drop a row once its margin is below 0.

    Returns
    -------
    Best

    References
    ----------
    F. Croce, M. Hein, ICML 2020, algorithm 1.
    """
    x = region.project(start)
    best, rows, marks, last_mark = Best.of(x), torch.arange(len(x), device=x.device), checkpoints(steps), 0
    before, top, top_gradient = x, x.clone(), torch.zeros_like(x)
    size = torch.full((len(x), 1, 1, 1), 2 * region.radius, device=x.device)
    top_value, value_before, top_at_mark = (torch.full((len(x),), -torch.inf, device=x.device) for _ in "abc")
    rises = torch.zeros(len(x), dtype=torch.int64, device=x.device)
    halved = torch.ones(len(x), dtype=torch.bool, device=x.device)
    for step in range(steps):
        gradient, value, margin = passes(x, rows)
        best.keep(rows, x, margin, value)
        better = value > top_value
        top[better], top_gradient[better], top_value[better] = x[better], gradient[better], value[better]
        rises += (value > value_before) & (step > 0)
        # The first value counts as 0, as in the authors' code, so that a loss below 0 halves its step at the
        # first checkpoint: with few steps that is the stronger attack.
        value_before = value if step else torch.zeros_like(value)
        if step in marks:
            rare = rises < rho * (step - last_mark)
            still = ~halved & (top_value <= top_at_mark)
            halved, last_mark, top_at_mark = rare | still, step, top_value.clone()
            rises = torch.zeros_like(rises)
            back = halved[:, None, None, None]
            size = torch.where(back, size / 2, size)
            x, gradient = torch.where(back, top, x), torch.where(back, top_gradient, gradient)
        if step == steps - 1:
            break
        straight = region.project(x + size * region.along(gradient))
        if step:
            straight = region.project(x + MOMENTUM * (straight - x) + (1 - MOMENTUM) * (x - before))
        before, x = x, straight
        if stop and bool((margin < 0).any()):
            on = margin >= 0
            if not bool(on.any()):
                break
            rows, region = rows[on], region.rows(on.nonzero()[:, 0])
            x, before, top, top_gradient, size = (t[on] for t in (x, before, top, top_gradient, size))
            top_value, value_before, top_at_mark = (t[on] for t in (top_value, value_before, top_at_mark))
            rises, halved = rises[on], halved[on]
    return best
