"""Flags on what the attacks found, attack against attack on the same images, and on their budgets."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from scipy import stats

from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive.result import MOVES, AdaptiveResult
from spatialstats.defence.check import CARLINI, OURS, TRAMER, Check
from spatialstats.defence.probe import AT_ONCE, Probe
from spatialstats.stats.discordant import mcnemar_test

__all__ = ["DOUBLED", "paired_flags"]

DOUBLED = "twice the effort changes nothing"  # the name of one check
ALPHA, COMPARISONS = 0.05, 4
SLACK = 0.02  # of the images an honest attack may miss what another one finds
Bools = npt.NDArray[np.bool_]
FOLLOWING = ("white-box", "straight-through")
MISLEADING = ("saliency-hiding", "decoy", "clean-mask", "attacked-mask", "every-mask", "roi-only")


def misses(count: int, n: int) -> float:
    """p of so many images missed by an attack that misses `SLACK` of them."""
    return float(stats.binom.sf(count - 1, n, SLACK)) if count else 1.0


def paired_flags(adaptive: AdaptiveResult, single: Bools | None) -> list[Check]:
    """The checks of attack against attack; see `checklist`.

    Parameters
    ----------
    adaptive : AdaptiveResult
    single : numpy.ndarray, optional
        bool (N,): right after one step of the whole budget along the white-box gradient.
    """
    found = adaptive.outcomes
    followed = [found[name] for name in FOLLOWING if name in found and found[name].ran]
    if not followed:
        return [Check("attack against attack", None, "No white-box attack was run.", CARLINI)]
    white: Bools = np.logical_and.reduce([one.robust for one in followed])
    rivals = {
        "gradient-free search breaks no more": ("Square", found.get("square")),
        "transfer breaks no more": ("the transferred attack", found.get("transfer")),
        "random noise breaks no more": ("random noise", found.get("noise")),
    }
    if single is None:
        rivals["places alone break no more"] = ("an unoptimised patch", found.get("screening"))
    checks = [
        compared(name, one.robust, white, what, drawn=adaptive.randomized)
        if one is not None and one.ran
        else Check(name, None, f"Not run: {one.skipped if one else 'not asked for'}.", CARLINI)
        for name, (what, one) in rivals.items()
    ]
    if single is not None:
        what = "one step of the budget"
        checks.append(
            compared("one step breaks no more than many", single, white, what, drawn=adaptive.randomized)
        )
    return [*checks, rises(adaptive), doubled(adaptive), misled(adaptive, white)]


def compared(name: str, robust: Bools, white: Bools, what: str, *, drawn: bool) -> Check:
    """Whether a weaker attack breaks what the white-box one does not.

    Where a defence draws, each verdict is a single draw: an image may fall to the one and not to
    the other by luck, so that lone misses say nothing, and the few comparisons share the level.
    """
    broken = mcnemar_test(~robust, ~white, alternative="greater")
    n, p, q = broken.n, broken.p_value, misses(broken.only_first, broken.n)
    said = (
        f"Of {n} images {what} alone breaks {broken.only_first}, the white-box attack alone "
        f"{broken.only_second} (McNemar's exact one-sided p = {p:.3g}"
    )
    if drawn:
        return Check(name, p < ALPHA / COMPARISONS, f"{said}, of single draws).", CARLINI)
    said += f"; as many misses of an attack that misses {100 * SLACK:.0f} %: p = {q:.3g})."
    return Check(name, p < ALPHA or q < ALPHA, said, CARLINI)


def rises(adaptive: AdaptiveResult) -> Check:
    """Whether success comes near to all images as the budget grows."""
    name = "success rises to all images with the budget"
    if not adaptive.curve:
        return Check(name, None, "No success-against-budget curve was asked for.", CARLINI)
    path = ", ".join(f"{100 * p.robust.mean():.0f} % at {p.threat.text}" for p in adaptive.curve)
    return Check(name, not adaptive.reaches_zero, f"Robust accuracy: {path}.", CARLINI)


def doubled(adaptive: AdaptiveResult) -> Check:
    """Whether twice the budget of gradients and queries breaks more."""
    name = DOUBLED
    if adaptive.moved is None:
        return Check(name, None, "Twice the effort was not tried.", CARLINI)
    n = len(adaptive.clean)
    said = f"Twice the steps, queries and draws lower the worst case by {100 * adaptive.moved:.1f} points"
    if adaptive.randomized:
        # Another draw gives some images back: what is lost must outweigh what is won by luck.
        lost = mcnemar_test(adaptive.first, adaptive.both, alternative="greater")
        told = (
            f"{said} ({lost.only_first} of {n} images lost, {lost.only_second} won by single draws; "
            f"exact one-sided p = {lost.p_value:.3g})."
        )
        return Check(name, lost.p_value < ALPHA, told, CARLINI)
    count = round(adaptive.moved * n)
    p = float(stats.binom.sf(count - 1, n, MOVES)) if count > 0 else 1.0
    told = f"{said} ({count} of {n} images; p = {p:.3g} if it were {100 * MOVES:.0f} point)."
    return Check(name, p < ALPHA, told, CARLINI)


def misled(adaptive: AdaptiveResult, white: Bools) -> Check:
    """Whether attacks on the mask break more than the plain white-box one: information."""
    name = "attacks that move or freeze the mask"
    ran = {key: adaptive.outcomes[key] for key in MISLEADING if key in adaptive.outcomes}
    ran = {key: one for key, one in ran.items() if one.ran}
    if not ran:
        return Check(name, None, "None applies: no mask belongs to an image.", OURS)
    counts = {key: int((~one.robust & white).sum()) for key, one in ran.items()}
    best = max(counts, key=lambda key: counts[key])
    said = f"{best} breaks {counts[best]} of {len(white)} images that the end-to-end attack does not: " + (
        "that one is not the strongest, the worst case counts." if counts[best] else "no more is found."
    )
    return Check(name, None, said, TRAMER)


def single_step(probe: Probe, x: torch.Tensor, y: torch.Tensor) -> Bools | None:
    """bool (N,): right after one step of the whole budget along the white-box gradient.

    None for a patch, whose single step is the screening of its places.
    """
    if probe.threat.norm == "patch":
        return None
    whole = Probe(probe.defence, x, y, probe.threat, int(derived(probe.seed, 5)))
    slope, _ = whole.gradient(x)
    moved = whole.moved(x, -slope, 1.0)
    with torch.no_grad():
        if probe.defence.randomized:
            probe.defence.reseed(int(derived(probe.seed, 6)) % 2**31)
        said = torch.cat([probe.defence(part) for part in moved.split(AT_ONCE)]).argmax(1)
    found: Bools = (said == y).cpu().numpy()
    return found
