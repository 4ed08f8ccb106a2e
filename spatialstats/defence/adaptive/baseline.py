"""A model as it is, usually the undefended one, under as many examples and gradients as a defence got."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.end_to_end import white_box
from spatialstats.defence.adaptive.gradient_free import square
from spatialstats.defence.adaptive.job import Job, attempted
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.screening import Screened, screen
from spatialstats.defence.adaptive.suite import outcome, verdict
from spatialstats.defence.adaptive.target import Target
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.models import Classifier

__all__ = ["allowance", "run_baseline"]


def allowance(outcomes: list[Outcome]) -> tuple[int, int]:
    """The most examples tried and gradients taken of any one image, over all attacks within the threat."""
    ran = [one for one in outcomes if one.ran]
    if not ran:
        return 1, 1
    return (
        int(np.sum([one.tried for one in ran], 0).max()),
        int(np.sum([one.gradients for one in ran], 0).max()),
    )


def run_baseline(
    classifier: Classifier,
    x: torch.Tensor,
    y: torch.Tensor,
    threat: Threat,
    effort: Effort,
    seed: int,
    *,
    tried: int,
    gradients: int,
) -> Outcome:
    """APGD from many starts until the gradients are spent, then Square with what is left of the trials.

    Parameters
    ----------
    classifier : Classifier
        Attacked as it is: without a defence, or with one that is no more than a layer.
    x, y, threat, effort, seed
        As for `run_attack_on`.
    tried, gradients : int
        What an image may take; see `allowance`.
    """
    target = Target(Undefended(classifier), classifier, len(x), draws=1, seed=seed)
    target.probe(x)
    rows = torch.arange(len(x), device=x.device)
    with target.watched():
        right = verdict(target, x, y, rows, 0)
        shares = replace(effort, passes=10**9)

        def screener() -> Screened:
            return screen(target, x, y, threat, shares, right)

        climbs = gradients - (threat.norm == "patch")  # the screening takes one
        steps = max(1, min(effort.steps, climbs))
        starts = max(1, climbs // steps)
        shares = replace(shares, restarts=starts, places=starts)
        job = Job(target, x, y, threat, shares, seed, right, screener)
        best: Best = attempted(job, white_box)
        left = right & (best.margin >= 0)
        queries = tried - int(target.tried.max()) - 1
        if bool(left.any()) and queries > 0:
            rest = replace(shares, queries=queries)
            last = Job(target, x, y, threat, rest, int(derived(seed, 1)), left, screener)
            best.merge(square(last), rows)
        spent = target.tried.clone()
        robust = right.clone()
        hit = (right & torch.isfinite(best.margin)).nonzero()[:, 0]
        robust[hit] = verdict(target, best.x_adv[hit], y[hit], hit, 0)
    setting = {
        "threat": threat.spec,
        "effort": effort.name,
        "seed": seed,
        "tried": tried,
        "gradients": gradients,
    }
    return outcome("baseline", target, best, robust, spent, setting)
