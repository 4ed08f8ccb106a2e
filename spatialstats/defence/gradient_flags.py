"""Flags on the gradient that an attacker of a defence follows: is it there, and does it tell the truth?"""

from __future__ import annotations

import torch

from spatialstats.defence.adaptive.end_to_end import TEMPERATURES
from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.check import ATHALYE, AUTOATTACK, CARLINI, OURS, TRAMER, Check
from spatialstats.defence.probe import Probe

__all__ = ["gradient_flags"]

BLIND = 0.05  # of the gradients
STEP, DIRECTIONS = 1 / 64, 6  # of the radius; random directions at an image
EXPLAINED = 0.5  # of the variance of the margin's changes
RANDOM, BEATEN = 8, 0.3  # random steps against one along the gradient; share of images where one is better
DISAGREES = 0.1


def gradient_flags(probe: Probe, adaptive: AdaptiveResult) -> list[Check]:
    """The checks of an attacker's gradient; see `checklist`."""
    places = (probe.x, probe.nearby(0))
    found = [probe.gradient(x) for x in places]
    return [
        blind(probe, found, adaptive),
        predicts(probe, places, found),
        beats_random(probe, places, found),
        agrees(probe, places),
        at_inference(probe),
    ]


def blind(probe: Probe, found: list[tuple[torch.Tensor, torch.Tensor]], adaptive: AdaptiveResult) -> Check:
    """Whether gradients are missing, zero or not finite."""
    lost = float(torch.cat([one for _, one in found]).float().mean())
    spent = adaptive.outcomes.get("white-box")
    steps = spent.blind_steps if spent is not None and spent.ran else 0.0
    said = (
        f"{100 * lost:.0f} % of the gradients at {len(probe.x)} images and beside them, and "
        f"{100 * steps:.0f} % of the white-box attack's, are zero, missing or not finite."
    )
    return Check("the attack's gradient exists", max(lost, steps) > BLIND, said, AUTOATTACK)


def predicts(
    probe: Probe, places: tuple[torch.Tensor, ...], found: list[tuple[torch.Tensor, torch.Tensor]]
) -> Check:
    """Whether the gradient foretells what small random steps do to what it is the gradient of.

    Random directions, not its own: one that is right but covers a few pixels fails here.
    """
    name = "the gradient predicts small steps"
    said, truth = [], []
    for number, (x, (slope, _)) in enumerate(zip(places, found, strict=True)):
        for k in range(DIRECTIONS):
            there = probe.random(20 + number * DIRECTIONS + k)
            ahead, behind = probe.moved(x, there, STEP), probe.moved(x, -there, STEP)
            said.append(((ahead - behind) * slope).flatten(1).sum(1))
            truth.append(probe.stand_in_margins(ahead) - probe.stand_in_margins(behind))
    a, b = torch.stack(said).double(), torch.stack(truth).double()
    # Of each image by itself: a few steep images must not speak for all.
    left = ((a - b) ** 2).sum(0) / (b**2).sum(0).clamp_min(1e-300)
    share = float((1 - left).nan_to_num(-1.0).clamp_min(-1).median())
    told = (
        f"Of what {2 * DIRECTIONS} random steps of 1/{round(1 / STEP)} of the budget do to the "
        f"margin that the attack follows, its gradient explains {100 * max(share, 0):.0f} % "
        f"(median of {a.shape[1]} images)."
    )
    return Check(name, share < EXPLAINED, told, ATHALYE)


def beats_random(
    probe: Probe, places: tuple[torch.Tensor, ...], found: list[tuple[torch.Tensor, torch.Tensor]]
) -> Check:
    """Whether one step along the gradient lowers the deployed margin more than a few random ones."""
    shares, falls, best_falls = [], [], []
    for number, (x, (slope, _)) in enumerate(zip(places, found, strict=True)):
        before = probe.margins(x)
        along = torch.stack([probe.margins(probe.moved(x, -slope, size)) for size in (0.5, 1.0)]).amin(0)
        tried = [
            probe.margins(probe.moved(x, probe.random(40 + number * RANDOM + k), 1.0)) for k in range(RANDOM)
        ]
        lowest = torch.stack(tried).amin(0)
        shares.append((lowest < along).float())
        falls.append(before - along)
        best_falls.append(before - lowest)
    share = float(torch.cat(shares).mean())
    fall, best = float(torch.cat(falls).median()), float(torch.cat(best_falls).median())
    stuck = fall <= 0
    said = (
        f"One step of the budget along the attack's gradient lowers the deployed margin by {fall:.3g} "
        f"(median), the best of {RANDOM} random steps by {best:.3g}; the random one is "
        f"better for {100 * share:.0f} % of the images."
    )
    return Check("a step along the gradient beats random steps", share > BEATEN or stuck, said, CARLINI)


def agrees(probe: Probe, places: tuple[torch.Tensor, ...]) -> Check:
    """Whether the stand-in decides as the deployed defence does."""
    name = "the stand-in decides as the defence does"
    if not probe.has_stand_in:
        return Check(name, None, "The attack follows the deployed defence itself.", TRAMER)
    differs = [probe.logits(x).argmax(1) != probe.stand_in(x, TEMPERATURES[-1]).argmax(1) for x in places]
    share = float(torch.cat(differs).float().mean())
    n = 2 * len(probe.x)
    said = f"At its coldest the stand-in gives another class to {100 * share:.0f} % of {n} images."
    return Check(name, share > DISAGREES, said, TRAMER)


def at_inference(probe: Probe) -> Check:
    """Whether the defence asks for gradients when it predicts: worth knowing, no fault by itself."""
    name = "gradients at inference"
    model, seen = probe.defence.model, []
    if not callable(model):
        return Check(name, None, "Unknown: the wrapped model cannot be watched.", AUTOATTACK)

    def watched(x: torch.Tensor) -> torch.Tensor:
        seen.append(torch.is_grad_enabled() and x.requires_grad)
        answer: torch.Tensor = model(x)
        return answer

    held = probe.defence._wrapped
    try:
        probe.defence._wrapped = (watched,)
        probe.logits(probe.x[:1])
    except (AttributeError, TypeError):  # it reads more of its model than its answers
        return Check(name, None, "Unknown: the defence reads more of its model than its answers.", OURS)
    finally:
        probe.defence._wrapped = held
    said = "takes gradients of the model" if any(seen) else "takes no gradient of the model"
    return Check(name, None, f"A defended prediction {said}.", AUTOATTACK)
