"""The work of an evaluation of defences, unit by unit; what a file holds already is not done again."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from spatialstats.attacks import run_attack
from spatialstats.defence.adaptive.evaluate import evaluate_adaptive
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.certify import certify, refuse_broken
from spatialstats.defence.defence import Defence
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.engine.defences.build import static_attack
from spatialstats.engine.defences.evaluation import Evaluation
from spatialstats.engine.defences.static import static_rows
from spatialstats.engine.defences.store import Store
from spatialstats.engine.files import read_arrays, write_arrays
from spatialstats.engine.plan import derive_seed

__all__ = [
    "Arrays",
    "Made",
    "attacked",
    "certified",
    "certifier",
    "missing",
    "refuse_contradictions",
    "static",
]

Arrays = dict[str, np.ndarray]
Made = dict[tuple[str, Threat], tuple[str, Defence]]
"""Of every cell (specification and threat) the completed specification, and the defence."""


def chunks_of(evaluation: Evaluation, store: Store, *parts: str) -> list[tuple[int, Path, np.ndarray]]:
    """Number, file and rows of every chunk of the report images."""
    chunks = enumerate(chunked(len(evaluation.report), evaluation.config.chunk_size))
    return [(number, store.folder(*parts) / f"{number:05d}.npz", rows) for number, rows in chunks]


def missing(evaluation: Evaluation, store: Store, *parts: str) -> list[np.ndarray]:
    """The rows of the chunks that are not there yet."""
    return [rows for _, path, rows in chunks_of(evaluation, store, *parts) if not path.exists()]


def certifier(defence: Defence, threat: Threat) -> PatchCleanser | None:
    """The defence, if it proves anything against a threat: its masks must cover a patch of that size."""
    if threat.norm != "patch" or not isinstance(defence, PatchCleanser):
        return None
    return defence if min(defence.sides) >= threat.epsilon else None


def static(
    evaluation: Evaluation, store: Store, made: Made, threat: Threat
) -> dict[tuple[str, Threat], Arrays]:
    """For each cell of a threat the rows of `static_rows` of all images; the attack is made once a chunk."""
    report, config = evaluation.report, evaluation.config
    attack = static_attack(threat, report.shape)
    chunks: list[Arrays] = []
    evaluation.progress.start(f"static: {threat.text}", len(report))
    for number, path, rows in chunks_of(evaluation, store, "static", threat.spec):
        if not path.exists():
            seed = derive_seed(config.seed, "static", threat.spec, number)
            x, y = report.read(rows), report.labels[rows]
            hit = run_attack(attack, evaluation.classifier, x, y, seed=seed)
            arrays = {
                "undefended.clean": evaluation.classifier.predict(x) == y,
                "undefended.static": hit.prediction == y,
            }
            for k, spec in enumerate(config.defences):
                _, defence = made[spec, threat]
                found = static_rows(defence, evaluation.classifier, x, y, hit.x_adv, seed)
                arrays |= {f"{k}.{name}": value for name, value in found.items()}
            write_arrays(path, arrays)
        chunks.append(read_arrays(path))
        evaluation.progress.advance(len(rows))
    bare = {f"undefended.{name}": value for name, value in joined(chunks, "undefended.").items()}
    return {(spec, threat): joined(chunks, f"{k}.") | bare for k, spec in enumerate(config.defences)}


def certified(evaluation: Evaluation, store: Store, defence: Defence, spec: str, threat: Threat) -> Arrays:
    """Certificates of all images, where the defence gives any against the threat."""
    proves = certifier(defence, threat)
    if proves is None:
        return {}
    report = evaluation.report
    chunks: list[Arrays] = []
    evaluation.progress.start(f"certificates: {threat.text}", len(report))
    for _, path, rows in chunks_of(evaluation, store, "certified", spec, threat.spec):
        if not path.exists():
            x = evaluation.classifier.as_images(report.read(rows))
            y = evaluation.classifier.as_images(report.labels[rows]).long()
            found = certify(proves, x, y)
            spent = np.array([found.predictions, found.exhaustive, found.masks])
            write_arrays(
                path,
                {"certified": found.certified, "spent": spent, "placements": np.array([found.placements])},
            )
        chunks.append(read_arrays(path))
        evaluation.progress.advance(len(rows))
    spent = np.stack([chunk.pop("spent") for chunk in chunks])
    placements = chunks[0]["placements"]
    return {
        "certified": np.concatenate([chunk["certified"] for chunk in chunks]),
        "certified.spent": np.array([*spent[:, :2].sum(0), spent[0, 2]]),
        "certified.placements": placements,
        "certified.patch": np.array(proves.sides),
    }


def attacked(
    evaluation: Evaluation, store: Store, defence: Defence, spec: str, threat: Threat, rows: Arrays
) -> AdaptiveResult:
    """The adaptive attacks of a cell, each kept as soon as it is there; the static attack counts too."""
    x, y = evaluation.attacked_images()
    place = ("adaptive", spec, threat.spec)

    def keep(key: str, outcome: Outcome) -> None:
        store.keep(outcome, key, *place)

    return evaluate_adaptive(
        defence,
        evaluation.classifier,
        x,
        y,
        threat,
        effort=evaluation.effort,
        seed=derive_seed(evaluation.config.seed, *place),
        static=(rows["static"][: len(x)], rows["undefended.static"][: len(x)]),
        done=store.outcomes(*place),
        store=keep,
        progress=evaluation.progress.say,
    )


def refuse_contradictions(rows: Arrays, adaptive: AdaptiveResult, threat: Threat) -> None:
    """Stop where an image was certified, and broken by anything that stayed inside the threat."""
    if "certified" not in rows:
        return
    refuse_broken(rows["certified"], ~rows["static"])
    few = len(adaptive.clean)
    for outcome in (*adaptive.outcomes.values(), *adaptive.doubled.values()):
        if outcome.ran:
            refuse_broken(rows["certified"][:few], ~outcome.robust)
    for point in adaptive.curve:
        if point.threat.epsilon <= threat.epsilon:
            refuse_broken(rows["certified"][:few], ~point.robust)


def chunked(n: int, size: int) -> list[np.ndarray]:
    """Rows 0..n-1 in chunks; one row alone joins the chunk before it, so that masks can be swapped."""
    starts = list(range(0, n, size))
    if len(starts) > 1 and n - starts[-1] == 1:
        starts.pop()
    return [np.arange(a, b) for a, b in zip(starts, [*starts[1:], n], strict=True)]


def joined(chunks: list[Arrays], prefix: str) -> Arrays:
    """The arrays of a prefix, laid end to end; those that some chunk lacks are left out."""
    names = {name for name in chunks[0] if name.startswith(prefix)}
    names = {name for name in names if all(name in chunk for chunk in chunks)}
    return {
        name.removeprefix(prefix): np.concatenate([chunk[name] for chunk in chunks]) for name in sorted(names)
    }
