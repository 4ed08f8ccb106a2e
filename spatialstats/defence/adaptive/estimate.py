"""How long an adaptive evaluation takes, before it is begun."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import torch

from spatialstats.attacks.dlr import dlr
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.evaluate import ON_THE_CURVE, ONCE
from spatialstats.defence.adaptive.job import Job
from spatialstats.defence.adaptive.screening import Screened
from spatialstats.defence.adaptive.suite import ATTACKS, CLIMBS, why_not
from spatialstats.defence.adaptive.target import Target, Value, placed
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.defence import Defence
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Estimate", "estimate"]


@dataclass(frozen=True)
class Estimate:
    """What it takes, about, if no image is broken before the end; images that are proven are left out.

    Parameters
    ----------
    seconds : float
        Of everything that is not done yet, the undefended baseline included, on this machine.
    tried, gradients : int
        Of one image, over all attacks of the plain budget.
    seconds_of_a_prediction, seconds_of_a_gradient : float
        Measured, of one image, through the defence.
    seconds_of_a_bare_prediction, seconds_of_a_bare_gradient : float
        Likewise, of the undefended model.
    attacks : tuple of str
        Which apply.
    """

    seconds: float
    tried: int
    gradients: int
    seconds_of_a_prediction: float
    seconds_of_a_gradient: float
    seconds_of_a_bare_prediction: float
    seconds_of_a_bare_gradient: float
    attacks: tuple[str, ...]

    @property
    def sentence(self) -> str:
        """For the command line."""
        hours = self.seconds / 3600
        span = f"{hours:.1f} hours" if hours >= 1 else f"{max(1.0, self.seconds / 60):.0f} minutes"
        return (
            f"About {span} if nothing breaks: {len(self.attacks)} attacks with up to {self.tried} examples "
            f"and {self.gradients} gradients an image, twice the budget on what resists, as much as both "
            "on the undefended model, and the curve; images that are broken early cost less."
        )


def estimate(
    defence: Defence,
    classifier: Classifier,
    x: Any,
    y: Any,
    threat: Threat | str,
    effort: Effort | str = "default",
    *,
    images: int | None = None,
    done: Collection[str] = (),
) -> Estimate:
    """Measure a few passes and multiply.

    Parameters
    ----------
    defence, classifier, threat, effort
        As for `evaluate_adaptive`.
    x, y : arrays or Tensors
        A few images and labels are enough.
    images : int, optional
        How many will be attacked; the effort's number when left out.
    done : collection of str
        Keys of the units that need not be done again; see `evaluate_adaptive`.
    """
    threat, effort = Threat.parse(threat), Effort.named(effort)
    few, labels = placed(classifier, x, y, 8)
    target = Target(defence, classifier, len(few), draws=effort.draws, seed=0)
    target.probe(few)
    rows = torch.arange(len(few), device=few.device)

    def value(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        return dlr(defence.relaxed(part), labels[index]), None

    def bare(part: torch.Tensor, index: torch.Tensor) -> tuple[torch.Tensor, None]:
        return dlr(classifier.logits(part), labels[index]), None

    def seconds_of(asked: Target, climbed: Value) -> tuple[float, float]:
        forward = _timed(lambda: asked.logits(few, rows), few.device) / len(few)
        took = _timed(lambda: asked.gradient(climbed, few, rows), few.device)
        return forward, took / len(few) / asked.draws

    forward, backward = seconds_of(target, value)
    undefended = seconds_of(Target(Undefended(classifier), classifier, len(few), draws=1, seed=0), bare)
    job = Job(
        target, few, labels, threat, effort, 0, torch.ones_like(labels, dtype=torch.bool), _no_screening
    )
    names = tuple(name for name in ATTACKS if not why_not(name, job))
    spent = {name: nominal(name, job) for name in names}
    tried, slopes = (sum(part[k] for part in spent.values()) for k in (0, 1))
    seconds = {name: forward * asked + backward * climbed for name, (asked, climbed) in spent.items()}
    open_share, proving = _open_share(defence, few, labels, threat)
    units = {name: took * (open_share if name in CLIMBS else 1.0) for name, took in seconds.items()}
    units = {name: took + (proving if name == "screening" else 0.0) for name, took in units.items()}
    bare_seconds = undefended[0] * tried + undefended[1] * slopes
    if effort.doubling:
        more = 4.0 if defence.randomized else 2.0  # twice the steps, each of twice the draws
        again = [name for name in names if name not in ONCE]
        units |= {f"{name}/doubled": more * units[name] for name in again}
        bare_seconds += more * sum(undefended[k] * spent[name][k] for name in again for k in (0, 1))
    units["baseline"] = bare_seconds
    seen = {threat}
    for factor in effort.curve:
        at = threat.scaled(factor, few.shape)
        if at not in seen:
            seen.add(at)
            there = open_share if at.epsilon <= threat.epsilon else 1.0
            units |= {f"curve/{factor:g}/{name}": there * seconds.get(name, 0.0) for name in ON_THE_CURVE}
    total = sum(took for key, took in units.items() if key not in done)
    return Estimate(total * (images or effort.images), tried, slopes, forward, backward, *undefended, names)


def _open_share(defence: Defence, x: torch.Tensor, y: torch.Tensor, threat: Threat) -> tuple[float, float]:
    """Share of images that have a place where nothing is proven, judged by a few, and seconds to know it.

    Of so few the share is drawn towards a half (Laplace's rule): all of them may be proven by chance.
    """
    if threat.norm != "patch":
        return 1.0, 0.0
    side, began = int(threat.epsilon), time.perf_counter()
    proven = defence.certified_places(x, y, (side, side))
    if proven is None:
        return 1.0, 0.0
    left = int((~proven).flatten(1).any(1).sum())
    return (left + 1) / (len(x) + 2), (time.perf_counter() - began) / len(x)


def _no_screening() -> Screened:
    raise InputError("an estimate screens no places: it counts them.")


def nominal(name: str, job: Job) -> tuple[int, int]:
    """Deployed predictions and gradients of one image in an attack that breaks nothing."""
    draws, patch = job.target.draws, job.threat.norm == "patch"
    places = 1
    for length in job.x.shape[-2:]:
        places *= -(-(length - int(job.threat.epsilon) + 1) // job.effort.stride) if patch else 1
    if name == "noise":
        return job.effort.draws * draws, 0
    if name == "square":
        return job.queries * draws, 0
    if name == "screening":
        return places, draws
    rounds = min(job.effort.places, places) if patch else job.effort.restarts
    steps = rounds * job.steps
    many = {"every-mask": job.effort.masks, "saliency-hiding": 3}.get(name, 1)
    asked = 0 if job.target.exact and name != "transfer" else -(-steps // job.target.every)
    return asked * draws, steps * many * draws


def _timed(call: Callable[[], Any], device: torch.device) -> float:
    """Seconds of a second call, until the device is done with it; the first one warms up."""
    for _ in range(2):
        began = time.perf_counter()
        call()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
    return time.perf_counter() - began
