"""All adaptive attacks on a defence, unit by unit, so that each can be stored and none is run twice."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch

from spatialstats.attacks.seeds import derived
from spatialstats.defence.adaptive.baseline import allowance, run_baseline
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.result import NEAR_ZERO, AdaptiveResult, CurvePoint
from spatialstats.defence.adaptive.suite import ATTACKS, LABELS, Shared, run_attack_on, survivors, verdict
from spatialstats.defence.adaptive.target import Target, placed
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.defence import Defence
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.errors import InputError, unknown
from spatialstats.models import Classifier

__all__ = ["evaluate_adaptive"]

ON_THE_CURVE = ("transfer", "white-box")
ONCE = ("noise", "screening")  # not tried again with twice the budget
Progress = Callable[[str], None]
Store = Callable[[str, Outcome], None]


def evaluate_adaptive(
    defence: Defence,
    classifier: Classifier,
    x: Any,
    y: Any,
    threat: Threat | str,
    *,
    effort: Effort | str = "default",
    seed: int = 0,
    attacks: Iterable[str] | None = None,
    static: tuple[np.ndarray, np.ndarray] | None = None,
    done: Mapping[str, Outcome] | None = None,
    store: Store | None = None,
    progress: Progress | None = None,
) -> AdaptiveResult:
    """Attack a defence in every way that is known, and report the worst case.

    Parameters
    ----------
    defence : Defence
        What is deployed; success counts on its `forward` alone.
    classifier : Classifier
        The undefended model, for transfer and as the baseline.
    x, y : arrays or Tensors, (N, C, H, W) and (N,)
        Images in [0, 1] and true labels; the first ``effort.images`` of them are attacked.
    threat : Threat or str
        ``linf:8/255``, ``l2:0.5``, ``patch:5x5``.
    effort : Effort or str
        How hard to try: ``quick``, ``default``, ``full``.
    seed : int
        Of everything random.
    attacks : iterable of str, optional
        Some of `ATTACKS`; all that apply when left out.
    static : (numpy.ndarray, numpy.ndarray), optional
        bool (N,) each, of the same images: right with the defence, and without, under an attack within
        the threat that knew of no defence.  What it broke is broken in the worst case too, unless the
        defence draws.
    done : mapping of str to Outcome, optional
        Units of an earlier run of the same settings, by key; they are not run again.
    store : callable, optional
        Gets the key and the outcome of every unit as soon as it is there.
    progress : callable, optional
        Gets a sentence before each unit that has something to attack.

    Returns
    -------
    AdaptiveResult

    Raises
    ------
    InputError
        If images and labels do not fit, an attack is unknown, or gradients would be rounded.

    Notes
    -----
    Units are ``white-box``, ``white-box/doubled``, ``baseline`` and ``curve/0.5/white-box``.  Each is
    a pure function of the defence, the images, the threat, the effort, the seed and, for the latter
    three kinds, of the units before it.  On a defence that draws, an image's row decides its draws.
    """
    threat, effort = Threat.parse(threat), Effort.named(effort)
    images, labels = placed(classifier, x, y, effort.images)
    if len(images) == 0 or len(images) != len(labels):
        raise InputError(
            f"an adaptive evaluation needs images with one label each, got {len(images)} and {len(labels)}."
        )
    if static is not None:
        static = tuple(np.asarray(part, bool)[: len(images)] for part in static)  # type: ignore[assignment]
        if any(len(part) != len(images) for part in static):
            raise InputError(f"static outcomes must be of the {len(images)} images that are attacked.")
    chosen = tuple(ATTACKS if attacks is None else attacks)
    for name in chosen:
        if name not in ATTACKS:
            raise unknown("adaptive attack", name, ATTACKS)
    classifier.check(images)
    known, say = dict(done or {}), progress or (lambda _: None)
    shared: Shared = []

    def unit(key: str, run: Callable[[], Outcome]) -> Outcome:
        if key not in known:
            known[key] = run()
            if store is not None:
                store(key, known[key])
        if len(known[key].robust) != len(images):
            raise InputError(
                f"the stored outcome {key!r} is of {len(known[key].robust)} images, not of {len(images)}: "
                "it belongs to another run; delete it."
            )
        return known[key]

    def attack(name: str, at: Threat, how: Effort, key: str, only: np.ndarray | None = None) -> Outcome:
        text = f"{defence.name}, {at.text}: {LABELS[name]} ({how.name})"
        own = int(derived(seed, how.steps * 10_000 + how.queries))

        def run() -> Outcome:
            return run_attack_on(
                name,
                defence,
                classifier,
                images,
                labels,
                at,
                how,
                own,
                only=only,
                shared=shared,
                begins=lambda: say(text),
            )

        return unit(key, run)

    def bare() -> Outcome:
        say(f"no defence, {threat.text}: {tried} examples and {gradients} gradients an image")
        return run_baseline(
            classifier, images, labels, threat, effort, seed, tried=tried, gradients=gradients
        )

    outcomes = {name: attack(name, threat, effort, name) for name in chosen}
    clean = _right(defence, classifier, images, labels, seed)
    among = clean if static is None else clean & static[0]
    # Verdicts of a randomized defence are draws: none may choose what the next attack is tried on.
    everything = np.ones(len(images), bool)
    left = everything if defence.randomized else survivors(list(outcomes.values()), among, randomized=False)
    doubled: dict[str, Outcome] = {}
    if effort.doubling:
        again = effort.doubled()
        for name, one in outcomes.items():
            if one.ran and name not in ONCE:
                doubled[name] = attack(name, threat, again, f"{name}/doubled", left)
    within = [*outcomes.values(), *doubled.values()]
    tried, gradients = allowance(within)
    spent = {"tried": tried, "gradients": gradients}
    if "baseline" in known and not spent.items() <= known["baseline"].setting.items():
        del known["baseline"]  # it had other numbers than the attacks that it stands beside
    baseline = unit("baseline", bare)

    def standing(found: list[Outcome], inside: bool) -> np.ndarray:
        return survivors(found, among if inside else clean, randomized=defence.randomized)

    curve = _curve(threat, effort, images.shape, within, standing, defence.randomized, attack)
    return AdaptiveResult(
        defence.spec,
        classifier.name,
        threat,
        effort,
        seed,
        defence.knowledge.to_dict(),
        defence.randomized,
        clean,
        _right(Undefended(classifier), classifier, images, labels, seed),
        outcomes,
        doubled,
        baseline,
        curve,
        *(static or (None, None)),
    )


def _right(
    defence: Defence, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, seed: int
) -> np.ndarray:
    """bool (N,): right without an attack, in one draw."""
    target = Target(defence, classifier, len(x), draws=1, seed=seed)
    target.probe(x)
    return verdict(target, x, y, torch.arange(len(x), device=x.device), seed).cpu().numpy()


def _curve(
    threat: Threat,
    effort: Effort,
    shape: Sequence[int],
    within: list[Outcome],
    standing: Callable[[list[Outcome], bool], np.ndarray],
    randomized: bool,
    attack: Callable[..., Outcome],
) -> tuple[CurvePoint, ...]:
    """Rising budgets, each on what the smaller ones left, until hardly anything is left.

    What breaks an image within a budget breaks it within every larger one.  Of a randomized defence
    every budget is tried on all images: what stands against some attacks is there a matter of draws.
    """
    points: list[CurvePoint] = []
    found: list[Outcome] = []
    seen: set[Threat] = set()
    inside = False
    for factor in effort.curve:
        at = threat.scaled(factor, tuple(shape))
        if at in seen:
            continue
        seen.add(at)
        if not inside and (at == threat or factor > 1):
            found, inside = [*found, *within], True
        for name in ON_THE_CURVE if at != threat else ():
            only = standing(found, inside)
            if randomized:
                only = np.ones_like(only)
            if only.any():
                found.append(attack(name, at, effort, f"curve/{factor:g}/{name}", only))
        points.append(CurvePoint(at, factor, standing(found, inside)))
        if factor >= 1 and points[-1].robust.mean() <= NEAR_ZERO:
            break
    return tuple(points)
