"""Flags on what a defence answers: its own draws, its neighbours, and outputs that hide a slope."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spatialstats.defence.check import ATHALYE, AUTOATTACK, CARLINI, OURS, Check
from spatialstats.defence.probe import Probe

__all__ = ["output_flags"]

CLOSE = 1e-3  # of the larger logit: what kernels for other batch sizes may differ by
FEW = 6
SATURATED, UNMOVED = 0.5, 0.2  # shares of images, of images and directions
STEP = 1 / 16  # of the radius


def output_flags(probe: Probe) -> list[Check]:
    """The checks of a defence's answers; see `checklist`."""
    return [draws(probe), neighbours(probe), probabilities(probe), saturation(probe), stairs(probe)]


def draws(probe: Probe) -> Check:
    """Whether the same question gets the same answer, or at least does for the same seed."""
    name = "draws are declared and can be fixed"
    first = probe.logits(probe.x)
    away = max(_apart(first, probe.logits(probe.x)) for _ in range(2))
    what = "in the same draws " if probe.defence.randomized else ""
    said = f"Asked three times {what}about {len(probe.x)} images, logits differ by at most {away:.2g}"
    if probe.defence.randomized:
        said += "; it says that it draws, so the attacks average over fresh draws"
    return Check(name, not away <= CLOSE, f"{said}.", AUTOATTACK)


def neighbours(probe: Probe) -> Check:
    """Whether an answer depends on the other images of the batch."""
    name = "an image's answer does not depend on its batch"
    if probe.defence.randomized:
        return Check(name, None, "Not asked: a defence that draws may draw otherwise in another batch.", OURS)
    x = probe.x[:FEW]
    with torch.no_grad():
        alone = torch.cat([probe.defence(x[i : i + 1]) for i in range(len(x))])
        others = [x.flip(0), 1 - x, torch.zeros_like(x)]
        beside = [probe.defence(torch.cat([x, other]))[: len(x)] for other in others]
    away = max(_apart(alone, one) for one in beside)
    said = f"{len(x)} images alone and beside {len(others)} kinds of neighbours: logits differ by {away:.2g}."
    return Check(name, not away <= CLOSE, said, OURS)


def probabilities(probe: Probe) -> Check:
    """Whether the output is probabilities, in which differences drown."""
    z = probe.logits(probe.x)
    sums = z.sum(1)
    low, high = float(z.min()), float(z.max())
    flag = low >= -1e-6 and bool((sums - sums.mean()).abs().max() <= 1e-3 * sums.mean().abs().clamp_min(1e-9))
    said = (
        f"Outputs lie in [{low:.3g}, {high:.3g}] and sum to {float(sums.min()):.4g}..{float(sums.max()):.4g}"
    )
    return Check("outputs are logits", flag, said + (": probabilities." if flag else "."), AUTOATTACK)


def saturation(probe: Probe) -> Check:
    """Whether cross-entropy has no slope left in single precision."""
    z = probe.logits(probe.x)
    top = F.softmax(z, 1).amax(1)
    share = float((top == 1).float().mean())
    spread = float((z.amax(1) - z.median(1).values).median())
    said = (
        f"Of {len(z)} images, {100 * share:.0f} % have a probability that is exactly 1 in single precision "
        f"(median lead over the median class {spread:.3g}): cross-entropy has no slope there."
    )
    return Check("cross-entropy is not saturated", share > SATURATED, said, CARLINI)


def stairs(probe: Probe) -> Check:
    """Whether answers stay put, to the last bit, when images move a little."""
    name = "outputs move when images move"
    still = []
    for number, x in enumerate((probe.x, probe.nearby(90))):
        before = probe.logits(x)
        for k in range(2):
            after = probe.logits(probe.moved(x, probe.random(100 + 2 * number + k), STEP))
            still.append((after == before).all(1).float().mean())
    share = float(torch.stack(still).mean())
    said = f"{100 * share:.0f} % of random steps of 1/16 of the budget change no bit of the logits"
    flag: bool | None = share > UNMOVED
    if flag and probe.has_stand_in:
        flag, said = None, f"{said}; the attacker follows the declared stand-in, which is judged below"
    return Check(name, flag, f"{said}.", ATHALYE)


def _apart(a: torch.Tensor, b: torch.Tensor) -> float:
    """Largest difference, relative to the larger logit of the row; infinite where one is NaN."""
    scale = torch.maximum(a.abs().amax(1), b.abs().amax(1)).clamp_min(1e-6)
    found = float(((a - b).abs().amax(1) / scale).nan_to_num(torch.inf).max())
    return found
