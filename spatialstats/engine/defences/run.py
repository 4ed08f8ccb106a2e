"""An evaluation of defences from its first unit to its results."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from spatialstats import __version__, kernels
from spatialstats.attacks import run_attack
from spatialstats.data import SPLITS, Dataset, splits
from spatialstats.defence.adaptive.effort import Effort
from spatialstats.defence.adaptive.estimate import estimate
from spatialstats.defence.adaptive.evaluate import evaluate_adaptive
from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.certify import certify, refuse_broken
from spatialstats.defence.defence import Defence
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.engine.defences.build import made_for, static_attack
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.defences.results import cell_json, results_json
from spatialstats.engine.defences.static import static_rows
from spatialstats.engine.defences.store import Store
from spatialstats.engine.defences.strips import write_strips
from spatialstats.engine.plan import derive_seed
from spatialstats.engine.progress import Progress, Silent
from spatialstats.engine.provenance import Clock
from spatialstats.engine.rundir import RESULTS, read_arrays, write_arrays, write_json
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Evaluation", "defend"]

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Evaluation:
    """The parts of an evaluation, fixed before its first unit.

    Parameters
    ----------
    config : DefendConfig
        The settings.
    classifier : Classifier
        The undefended model.
    report : Dataset
        The images of the `report` split that are used, in a seeded order.
    locate : Dataset
        Those of the `locate` split, likewise.
    progress : Progress
        Who is told.
    """

    config: DefendConfig
    classifier: Classifier
    report: Dataset
    locate: Dataset
    progress: Progress = Silent()  # noqa: RUF009 - it has no state

    @classmethod
    def of(
        cls, config: DefendConfig, dataset: Dataset, classifier: Classifier, progress: Progress
    ) -> Evaluation:
        """Split the images by their content, and draw."""
        parts = splits(dataset.digests())

        def drawn(name: str, n: int) -> Dataset:
            rows = np.flatnonzero(parts == SPLITS.index(name))
            # Sets are often sorted by class: in a seeded order, the first few stand for all.
            order = kernels.pairing(len(rows), derive_seed(config.seed, name), 0) if len(rows) else rows
            return dataset.subset(rows[np.asarray(order, np.int64)][:n])

        report, locate = drawn("report", config.n), drawn("locate", config.located)
        if len(report) < 2 or not len(locate):
            raise InputError(
                f"defences are learnt and judged on splits by content, but {len(dataset)} images leave "
                f"{len(locate)} to learn on and {len(report)} to judge: pass more images."
            )
        return cls(config, classifier, report, locate, progress)

    @property
    def effort(self) -> Effort:
        """How hard the adaptive attacks try, and on how many images."""
        preset = Effort.named(self.config.effort)
        return replace(preset, images=min(self.config.adaptive or preset.images, len(self.report)))

    @property
    def fingerprints(self) -> dict[str, str]:
        """What a resumed evaluation must share with the one that was cut off, beside the settings."""
        model = self.classifier
        return {
            "version": __version__,
            "data": self.report.fingerprint,
            "model": model.fingerprint,
            "passes": f"batches of {model.batch_size} on {model.device}",
        }

    def learnt_on(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels of the locate split."""
        return self.locate.read(np.arange(len(self.locate))), self.locate.labels

    def attacked_images(self) -> tuple[np.ndarray, np.ndarray]:
        """Images and labels for the adaptive attacks: the first of the report split."""
        rows = np.arange(self.effort.images)
        return self.report.read(rows), self.report.labels[rows]


def defend(evaluation: Evaluation, out: Path, *, resume: bool = False, command: str = "") -> Path:
    """Evaluate every defence against every threat, and write ``results.json``.

    Parameters
    ----------
    evaluation : Evaluation
        The parts.
    out : Path
        The folder.
    resume : bool
        Whether `out` may hold an evaluation that was cut off.
    command : str
        How it was called, for the record.

    Returns
    -------
    Path
        `out`.
    """
    config = evaluation.config
    threats = [Threat.parse(spec) for spec in config.threats]
    cells = [(spec, threat) for threat in threats for spec in config.defences]
    Store(out).refuse(resume=resume)
    few = evaluation.report.read(np.arange(min(8, len(evaluation.report))))
    evaluation.classifier.check(few)
    for threat in threats:
        threat.budget(evaluation.report.shape)
    # Whatever cannot be made is told before a file is written.
    made = {cell: made_for(*cell, evaluation.classifier, evaluation.learnt_on()) for cell in cells}
    store = Store.create(out, config, evaluation.fingerprints, resume=resume)
    if store.complete:
        evaluation.progress.say(f"{out} is complete already.")
        return out
    clock = Clock([evaluation.classifier], store.folder() / "time.json")
    evaluation.progress.say(forecast(evaluation, made))
    rows: dict[tuple[str, Threat], Arrays] = {}
    for threat in threats:
        with clock.stage("static"):
            these = {spec: made[spec, threat][1] for spec in config.defences}
            rows |= {
                (spec, threat): found for spec, found in static(evaluation, store, these, threat).items()
            }
    found = []
    for cell in cells:
        whole, defence = made[cell]
        with clock.stage("certificates"):
            rows[cell] |= certified(evaluation, store, defence, *cell)
        with clock.stage("adaptive"):
            adaptive = attacked(evaluation, store, defence, *cell)
        clock.save()
        refuse_contradictions(rows[cell], adaptive, cell[1])
        strips = write_strips(evaluation, store, defence, adaptive, *cell)
        found.append(cell_json(evaluation, whole, defence, cell[1], rows[cell], adaptive, strips))
    write_json(out / RESULTS, results_json(evaluation, found, clock, command=command))
    return out


def forecast(evaluation: Evaluation, made: dict[tuple[str, Threat], tuple[str, Defence]]) -> str:
    """What the adaptive attacks will take at most, measured on a few passes."""
    x, y = evaluation.attacked_images()
    seconds = sum(
        estimate(defence, evaluation.classifier, x[:8], y[:8], threat, evaluation.effort).seconds
        for (_, threat), (_, defence) in made.items()
    )
    span = f"{seconds / 3600:.1f} hours" if seconds >= 5400 else f"{max(1, round(seconds / 60))} minutes"
    return (
        f"{len(made)} cells (defence x threat), {len(x)} images attacked adaptively in each: at most {span}, "
        "less where images fall early; what is done is kept, and --resume goes on from it."
    )


def static(
    evaluation: Evaluation, store: Store, defences: dict[str, Defence], threat: Threat
) -> dict[str, Arrays]:
    """For each defence the rows of `static_rows` over all images; the attack is made once a chunk."""
    report, config = evaluation.report, evaluation.config
    attack = static_attack(threat, report.shape)
    chunks: list[Arrays] = []
    evaluation.progress.start(f"static: {threat.text}", len(report))
    for number, rows in enumerate(chunked(len(report), config.chunk_size)):
        path = store.folder("static", threat.spec) / f"{number:05d}.npz"
        if not path.exists():
            seed = derive_seed(config.seed, "static", threat.spec, number)
            x, y = report.read(rows), report.labels[rows]
            hit = run_attack(attack, evaluation.classifier, x, y, seed=seed)
            arrays = {
                "undefended.clean": evaluation.classifier.predict(x) == y,
                "undefended.static": hit.prediction == y,
            }
            for k, defence in enumerate(defences.values()):
                found = static_rows(defence, evaluation.classifier, x, y, hit.x_adv, seed)
                arrays |= {f"{k}.{name}": value for name, value in found.items()}
            write_arrays(path, arrays)
        chunks.append(read_arrays(path))
        evaluation.progress.advance(len(rows))
    return {
        spec: {
            **joined(chunks, f"{k}."),
            **{f"undefended.{name}": value for name, value in joined(chunks, "undefended.").items()},
        }
        for k, spec in enumerate(defences)
    }


def certified(evaluation: Evaluation, store: Store, defence: Defence, spec: str, threat: Threat) -> Arrays:
    """Certificates of all images, where the defence gives any against the threat."""
    if threat.norm != "patch" or not isinstance(defence, PatchCleanser):
        return {}
    report = evaluation.report
    chunks: list[Arrays] = []
    evaluation.progress.start(f"certificates: {threat.text}", len(report))
    for number, rows in enumerate(chunked(len(report), evaluation.config.chunk_size)):
        path = store.folder("certified", spec, threat.spec) / f"{number:05d}.npz"
        if not path.exists():
            x = evaluation.classifier.as_images(report.read(rows))
            y = evaluation.classifier.as_images(report.labels[rows]).long()
            found = certify(defence, x, y)
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
    }


def attacked(
    evaluation: Evaluation, store: Store, defence: Defence, spec: str, threat: Threat
) -> AdaptiveResult:
    """The adaptive attacks of a cell, each kept as soon as it is there."""
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
