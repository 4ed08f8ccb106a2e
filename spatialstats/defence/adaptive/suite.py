"""The attacks on a defence by name, which of them apply, and one of them run from start to end."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import torch

from spatialstats.attacks.ascent import Best
from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive import end_to_end, frozen, gradient_free, misleading, roi_only
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.job import Attempt, Job, attempted
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.screening import Screened, screen
from spatialstats.defence.adaptive.target import Target
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.certified_places import refuse_broken_places
from spatialstats.defence.defence import Defence
from spatialstats.errors import unknown
from spatialstats.models import Classifier

__all__ = ["ATTACKS", "CLIMBS", "LABELS", "outcome", "run_attack_on", "survivors", "verdict", "why_not"]

Shared = list[tuple[tuple[Any, ...], Screened]]
CLIMBS: dict[str, Attempt] = {
    "transfer": end_to_end.transfer,
    "white-box": end_to_end.white_box,
    "straight-through": end_to_end.straight_through,
    "clean-mask": frozen.clean_mask,
    "attacked-mask": frozen.attacked_mask,
    "every-mask": frozen.every_mask,
    "roi-only": roi_only.roi_only,
    "saliency-hiding": misleading.saliency_hiding,
    "decoy": misleading.decoy,
}
OTHERS: dict[str, Callable[[Job], Best]] = {
    "noise": gradient_free.noise,
    "square": gradient_free.square,
    "screening": gradient_free.screening,
}
ATTACKS = ("noise", "transfer", "screening", "square", *[name for name in CLIMBS if name != "transfer"])
LABELS = {
    "noise": "random noise",
    "transfer": "transfer from the undefended model",
    "screening": "every place of the patch, not optimised",
    "square": "Square, no gradient",
    "white-box": "white box, end to end",
    "straight-through": "white box, straight through the mask",
    "clean-mask": "mask held where the clean image has it",
    "attacked-mask": "mask held where the attacked image has it",
    "every-mask": "one perturbation for every mask",
    "roi-only": "only where nothing is hidden",
    "saliency-hiding": "saliency kept as it was",
    "decoy": "decoy elsewhere",
}
MASKED = ("clean-mask", "attacked-mask", "every-mask", "roi-only")
MOVING = ("clean-mask", "attacked-mask", "every-mask", "saliency-hiding", "decoy")
CLEAN, VERDICT = 1_000_001, 1_000_002  # streams of draws


def why_not(name: str, job: Job) -> str:
    """Why an attack has nothing to attack here; empty where it has."""
    defence, family = job.target.defence, job.family
    if name == "screening" and job.threat.norm != "patch":
        return "only a patch has places"
    if name in ("noise", "transfer", "screening", "square", "white-box"):
        return ""
    if name == "straight-through":
        same = job.target.exact or type(defence).relaxed is Defence.relaxed
        return "the white-box attack follows the defence exactly" if same else ""
    fixed = family is not None and len(family) == 1
    if name in MOVING and fixed:
        return "the mask is the same for every image: the white-box attack goes through it"
    hides = bool(job.clean_masks.any()) or (family is not None and bool(family.any()))
    if not hides and name in (*MASKED, "saliency-hiding", "decoy"):
        return "the defence hides no pixels of these images"
    per_image = bool(job.clean_masks.any())
    if name in ("clean-mask", "attacked-mask", "saliency-hiding", "decoy") and not per_image:
        return "no mask belongs to an image: all of them are tried at once (every-mask)"
    if name == "roi-only":
        free = roi_only.always_open(job)
        if free is not None and not bool(free.any()):
            return "every pixel is hidden by some mask, so no region is always open"
    return ""


def run_attack_on(
    name: str,
    defence: Defence,
    classifier: Classifier,
    x: torch.Tensor,
    y: torch.Tensor,
    threat: Threat,
    effort: Effort,
    seed: int,
    *,
    only: np.ndarray | None = None,
    shared: Shared | None = None,
    begins: Callable[[], None] = lambda: None,
) -> Outcome:
    """One attack on a defence: a pure function of its arguments.

    Parameters
    ----------
    name : str
        One of `ATTACKS`.
    defence, classifier : Defence and Classifier
        The deployed thing, and the undefended model.
    x, y : Tensor, (N, C, H, W) and (N,)
        Images in [0, 1] and true labels.
    threat, effort, seed
        What may be changed, how hard to try, and the source of everything random.
    only : numpy.ndarray, optional
        bool (N,): which images to attack; the others, broken by something else, count as broken.
    shared : list, optional
        Screenings of other attacks on the same defence and images; they change no result, and new
        ones are added.
    begins : callable
        Told when the attack has something to attack, before it does.

    Returns
    -------
    Outcome
    """
    if name not in ATTACKS:
        raise unknown("adaptive attack", name, ATTACKS)
    target = Target(defence, classifier, len(x), draws=effort.draws, seed=int(derived(seed, 7)), labels=y)
    target.probe(x)
    rows = torch.arange(len(x), device=x.device)
    with target.watched():
        # A draw that errs says nothing of the next one: of a randomized defence every image is attacked.
        chosen = torch.ones_like(rows, dtype=torch.bool)
        if not defence.randomized:
            chosen = verdict(target, x, y, rows, derived(seed, CLEAN))
        if only is not None:
            chosen &= torch.from_numpy(np.asarray(only, bool)).to(x.device)
        target.tried.zero_()
        stream = derived(seed, 100 + ATTACKS.index(name))

        def screener() -> Screened:
            before = target.passes
            found = screened(defence, classifier, x, y, threat, effort, seed, chosen, shared)
            target.passes = before  # counted where the screening is an attack of its own
            return found

        job = Job(target, x, y, threat, effort, int(stream), chosen, screener)
        skipped = why_not(name, job)
        best = Best.of(x)
        if not skipped:
            begins()
            if threat.norm == "patch" and name in CLIMBS and bool(chosen.any()):
                job.right = chosen & job.screened.open
            best = attempted(job, CLIMBS[name]) if name in CLIMBS else OTHERS[name](job)
        tried = target.tried.clone()
        asked = chosen & (torch.isfinite(best.margin) | defence.randomized)
        robust = chosen.clone()
        hit = asked.nonzero()[:, 0]
        robust[hit] = verdict(
            target, best.x_adv[hit], y[hit], hit, derived(seed, VERDICT + ATTACKS.index(name))
        )
        if threat.norm == "patch" and proves(defence) and bool(chosen.any()) and not skipped:
            proven = job.screened.proven
            if proven is not None:
                refuse_broken_places(proven, x, best.x_adv, chosen & ~robust, int(threat.epsilon))
    setting: dict[str, Any] = {
        "threat": threat.spec,
        "effort": effort.name,
        "seed": seed,
        "steps": job.steps if name in CLIMBS else 0,
        "queries": job.queries if name == "square" else 0,
        "passes_of_a_prediction": target.cost,
        "draws": target.draws,
    }
    if threat.norm == "patch" and bool(chosen.any()) and not skipped and name in (*CLIMBS, "screening"):
        on = "defence" if job.screened.deployed else "model"
        setting |= {"screened": job.screened.places, "screened_on": on}
        if name in CLIMBS:
            setting["proven"] = int((chosen & ~job.screened.open).sum())
    total = int(target.gradients.sum()) if name != "screening" else 0
    blind = target.blind_steps / total if total else 0.0
    return outcome(name, target, best, robust, tried, setting, blind_steps=blind, skipped=skipped)


def outcome(
    name: str,
    target: Target,
    best: Best,
    robust: torch.Tensor,
    tried: torch.Tensor,
    setting: dict[str, Any],
    *,
    blind_steps: float = 0.0,
    skipped: str = "",
) -> Outcome:
    """What an attack found and what it took, as arrays."""
    return Outcome(
        name,
        robust.cpu().numpy(),
        best.margin.cpu().numpy().astype(np.float32),
        tried.numpy(),
        target.gradients.numpy().copy(),
        target.passes,
        blind_steps,
        skipped,
        setting,
        best.x_adv.cpu().numpy(),
    )


def screened(
    defence: Defence,
    classifier: Classifier,
    x: torch.Tensor,
    y: torch.Tensor,
    threat: Threat,
    effort: Effort,
    seed: int,
    chosen: torch.Tensor,
    shared: Shared | None,
) -> Screened:
    """The places of a patch: from another attack that screened these images too, or screened now."""
    key = (threat, effort.stride, effort.places, seed if defence.randomized else 0)
    for known, found in shared or []:
        if known == key and bool((found.rows | ~chosen).all()):
            return found
    target = Target(defence, classifier, len(x), draws=effort.draws, seed=int(derived(seed, 8)))
    target.probe(x)
    with target.watched():
        made = screen(target, x, y, threat, effort, chosen)
    made = replace(made, passes=target.passes)
    if shared is not None:
        shared.append((key, made))
    return made


def proves(defence: Defence) -> bool:
    """Whether a defence has certificates of single places at all."""
    return type(defence).certified_places is not Defence.certified_places


def verdict(target: Target, x: torch.Tensor, y: torch.Tensor, rows: torch.Tensor, seed: int) -> torch.Tensor:
    """bool (M,): whether the deployed defence is right, in one draw of its own seed."""
    if not len(x):
        return torch.zeros(0, dtype=torch.bool, device=x.device)
    fresh = Target(target.defence, target.classifier, len(target.tried), draws=1, seed=int(seed))
    fresh.cost = target.cost
    return fresh.logits(x, rows).argmax(1) == y


def survivors(outcomes: list[Outcome], among: np.ndarray, *, randomized: bool) -> np.ndarray:
    """bool (N,): which of some images (bool (N,)) are right under every attack.

    Of a randomized defence each image's attack is the one of the lowest margin in the attack's own
    draws, and its verdict is that of a draw which no attack saw: a worst case over verdicts
    would count bad luck as robustness lost.  For the same reason a draw without an attack, which is
    what `among` is, counts only where no attack ran.
    """
    ran = [one for one in outcomes if one.ran]
    if not ran:
        return among.copy()
    robust = np.stack([one.robust for one in ran])
    if not randomized:
        return np.asarray(robust.all(0) & among)
    worst = np.stack([one.margin for one in ran]).argmin(0)
    return np.asarray(robust[worst, np.arange(robust.shape[1])])
