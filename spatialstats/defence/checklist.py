"""The checklist for evaluations of defences: what would make a defended accuracy unbelievable, looked for."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.adaptive.target import Target, placed
from spatialstats.defence.check import CARLINI, OURS, TRAMER, Check
from spatialstats.defence.control_masks import blob_masks
from spatialstats.defence.defence import Defence
from spatialstats.defence.gradient_flags import gradient_flags
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.output_flags import output_flags
from spatialstats.defence.paired_flags import paired_flags, single_step
from spatialstats.defence.probe import Probe
from spatialstats.errors import InputError
from spatialstats.models import Classifier
from spatialstats.models.seeded import seeded
from spatialstats.stats.discordant import mcnemar_test
from spatialstats.stats.intervals import paired_difference

__all__ = ["Check", "checklist", "flagged"]

IMAGES, PASSES = (12, 48), 192  # that are probed: fewer where one defended prediction takes many passes


def checklist(
    defence: Defence, classifier: Classifier, x: Any, y: Any, adaptive: AdaptiveResult, *, seed: int = 0
) -> tuple[Check, ...]:
    """Look for the signs of a defence that only seems robust.

    Parameters
    ----------
    defence : Defence
        As deployed.
    classifier : Classifier
        The undefended model.
    x, y : arrays or Tensors, (N, C, H, W) and (N,)
        The images that `adaptive` attacked, and true labels.
    adaptive : AdaptiveResult
        Of this defence on these images; its stored attacks are enough, no attacked image is read.
    seed : int
        Of all probes: the result is a function of the arguments, whatever was called before.

    Returns
    -------
    tuple of Check
        In the order: what is claimed, what the defence answers, its gradient, attack against
        attack, controls.  A flag says that the defended accuracy should not be believed before it is
        explained; no flag is no proof of robustness.

    Raises
    ------
    InputError
        If the images are not those of `adaptive`.
    """
    n = len(adaptive.clean)
    images, labels = placed(classifier, x, y, n)
    if len(images) != n or len(labels) != n:
        raise InputError(
            f"a checklist is of the images of its adaptive evaluation: expected {n}, got "
            f"{len(images)} images and {len(labels)} labels."
        )
    # Draws from torch's own generator must neither repeat nor disturb the caller's.
    with seeded(int(derived(seed, 1)) % 2**31, images.device):
        target = Target(defence, classifier, n, draws=1, seed=seed)
        target.probe(images)
        few = int(np.clip(PASSES / target.cost, *IMAGES))
        probe = Probe(defence, images, labels, adaptive.threat, seed, images=few)
        return (
            stated(defence, adaptive),
            clean_beside(adaptive),
            *output_flags(probe),
            *gradient_flags(probe, adaptive),
            *paired_flags(adaptive, single_step(probe, images, labels)),
            equal_area(defence, classifier, probe),
        )


def flagged(checks: tuple[Check, ...]) -> bool:
    """Whether any check speaks against the evaluation."""
    return any(one.flag for one in checks)


def stated(defence: Defence, adaptive: AdaptiveResult) -> Check:
    """Whether it is said what the attacker may do, and what the defender knows."""
    known = defence.knowledge
    said = (
        f"The attacker may change {adaptive.threat.text} and knows the defence; the defender's RoI is "
        f"{known.roi}, its RoA {known.roa}, true labels are {'' if known.labels else 'not '}used"
    )
    said += "." if known.is_defence else ": nobody could deploy it."
    return Check("the threat model is stated and deployable", not known.is_defence, said, CARLINI)


def clean_beside(adaptive: AdaptiveResult) -> Check:
    """What the defence costs without an attack: information, shown beside every defended number."""
    cost = paired_difference(adaptive.clean, adaptive.undefended_clean)
    said = (
        f"{100 * adaptive.clean.mean():.1f} % clean with the defence, "
        f"{100 * adaptive.undefended_clean.mean():.1f} % without it ({100 * cost.value:+z.1f} points "
        f"[{100 * cost.low:+z.1f}, {100 * cost.high:+z.1f}])."
    )
    return Check("clean accuracy beside it", None, said, CARLINI)


def equal_area(defence: Defence, classifier: Classifier, probe: Probe) -> Check:
    """Whether hiding as much anywhere does as well: then the gain is not one of location; information."""
    name = "own mask against a blob of equal area"
    if not isinstance(defence, NeutralizedModel):
        return Check(name, None, "Not applicable: not a mask and a fill of this package.", TRAMER)
    target = Target(defence, classifier, len(probe.x), draws=1, seed=probe.seed)
    y = probe.y

    def value(part: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, None]:
        return torch.nn.functional.cross_entropy(classifier.logits(part), y[rows], reduction="none"), None

    slope = target.gradient(value, probe.x, torch.arange(len(y), device=y.device))[0]
    attacked = probe.moved(probe.x, slope, 1.0)
    masks = defence.located(attacked)
    if not bool(masks.any()):
        return Check(name, None, "Not applicable: nothing is hidden in these images.", TRAMER)
    blobs = torch.from_numpy(blob_masks(masks.cpu().numpy(), probe.seed))
    with torch.no_grad():
        hits = [
            (torch.cat([classifier.logits(part) for part in made.split(64)]).argmax(1) == y).cpu().numpy()
            for made in (defence.fill(attacked, masks), defence.fill(attacked, blobs))
        ]
    own = mcnemar_test(hits[0], hits[1], alternative="greater")
    said = (
        f"After one step on the undefended model the own mask is right alone for {own.only_first}, a blob of "
        f"equal area alone for {own.only_second} of {own.n} images (exact one-sided p = {own.p_value:.3g}): "
        + ("where it hides matters." if own.p_value < 0.05 else "no gain from where it hides is shown.")
    )
    return Check(name, None, said, f"{TRAMER}; {OURS}")
