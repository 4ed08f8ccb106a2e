"""What an evaluation of defences will take, before it is begun: static, certified and adaptive work."""

from __future__ import annotations

import time

import numpy as np

from spatialstats.attacks.seeds import RowSeed
from spatialstats.defence.adaptive.estimate import Estimate, estimate
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.engine.defences.build import static_attack
from spatialstats.engine.defences.evaluation import Evaluation
from spatialstats.engine.defences.store import Store
from spatialstats.engine.defences.units import Made, certifier, missing

__all__ = ["forecast"]

FEW = 4  # images that the static attack is timed on
DEFENDED, BARE = 3, 3  # passes of an image: clean, attacked, located; ceiling and two controls


def forecast(evaluation: Evaluation, store: Store, made: Made, cells: int) -> str:
    """About what is left to do if nothing breaks, measured on a few passes of the cells that are not done.

    Parameters
    ----------
    evaluation, store : Evaluation and Store
    made : dict
        The cells that are not done.
    cells : int
        Of all.
    """
    if not made:
        return f"all {cells} cells (defence x threat) are done: they are but put together."
    x, y = evaluation.attacked_images()
    each = {
        (spec, threat): estimate(
            defence,
            evaluation.classifier,
            x[:8],
            y[:8],
            threat,
            evaluation.effort,
            done=store.outcomes("adaptive", spec, threat.spec),
        )
        for (spec, threat), (_, defence) in made.items()
    }
    parts = {
        "static": static_seconds(evaluation, store, each),
        "certificates": certified_seconds(evaluation, store, made, each),
        "adaptive": sum(one.seconds for one in each.values()),
    }
    shares = ", ".join(f"{name} {span(seconds)}" for name, seconds in parts.items() if seconds > 0)
    plural = "s" if len(made) > 1 else ""
    done = f"; {cells - len(made)} of {cells} are done" if len(made) < cells else ""
    most = f"about {span(sum(parts.values()))} if nothing breaks ({shares})"
    return (
        f"{len(made)} cell{plural} (defence x threat){done}, {len(evaluation.report)} images, {len(x)} of "
        f"them attacked adaptively: {most}, less where images fall early; "
        "what is done is kept, and --resume goes on from it."
    )


def static_seconds(evaluation: Evaluation, store: Store, each: dict[tuple[str, Threat], Estimate]) -> float:
    """Of the attack that does not know of the defences, and of their predictions with all controls."""
    seconds = 0.0
    for threat in dict.fromkeys(threat for _, threat in each):
        left = missing(evaluation, store, "static", threat.spec)
        if not left:
            continue
        size = evaluation.classifier.batch_size
        n = sum(-(-len(rows) // size) * size for rows in left)  # micro-batches are padded
        own = [one for (_, at), one in each.items() if at == threat]
        passes = sum(
            DEFENDED * one.seconds_of_a_prediction + BARE * one.seconds_of_a_bare_prediction for one in own
        )
        seconds += n * (attack_seconds(evaluation, threat) + 2 * own[0].seconds_of_a_bare_prediction + passes)
    return seconds


def attack_seconds(evaluation: Evaluation, threat: Threat) -> float:
    """Of the static attack on one image, measured."""
    attack = static_attack(threat, evaluation.report.shape)
    rows = np.arange(min(FEW, len(evaluation.report)))
    x = evaluation.classifier.as_images(evaluation.report.read(rows))
    y = evaluation.classifier.as_images(evaluation.report.labels[rows]).long()
    began = time.perf_counter()
    attack(evaluation.classifier, x, y, seed=RowSeed(0, 0)).cpu()
    return (time.perf_counter() - began) / len(rows)


def certified_seconds(
    evaluation: Evaluation, store: Store, made: Made, each: dict[tuple[str, Threat], Estimate]
) -> float:
    """Of every mask and every pair of masks, as if no image failed."""
    seconds = 0.0
    for (spec, threat), (_, defence) in made.items():
        proves = certifier(defence, threat)
        if proves is not None:
            n = sum(map(len, missing(evaluation, store, "certified", spec, threat.spec)))
            m = len(proves.family((evaluation.report.shape[1], evaluation.report.shape[2])))
            seconds += n * m * (m + 1) / 2 * each[spec, threat].seconds_of_a_bare_prediction
    return seconds


def span(seconds: float) -> str:
    """In minutes, or in hours where there are many."""
    minutes = max(1, round(seconds / 60))
    return f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{minutes} minute{'s' * (minutes > 1)}"
