"""An evaluation of defences from its first unit to its results."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from spatialstats.defence.adaptive.threat import Threat
from spatialstats.engine.defences.build import made_for
from spatialstats.engine.defences.evaluation import Evaluation
from spatialstats.engine.defences.forecast import forecast
from spatialstats.engine.defences.results import cell_json, results_json
from spatialstats.engine.defences.store import Store
from spatialstats.engine.defences.strips import write_strips
from spatialstats.engine.defences.units import (
    Arrays,
    Made,
    attacked,
    certified,
    missing,
    refuse_contradictions,
    static,
)
from spatialstats.engine.files import RESULTS, write_json
from spatialstats.engine.provenance import Clock

__all__ = ["Evaluation", "defend"]

Cell = tuple[str, Threat]


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
    cells: list[Cell] = [(spec, threat) for threat in threats for spec in config.defences]
    store = Store(out)
    store.refuse(resume=resume)
    if not store.is_new:
        Store.create(out, config, evaluation.fingerprints, resume=resume)  # of the same job, or refused
        if store.complete:
            evaluation.progress.say(f"{out} is complete already.")
            return out
    few = evaluation.report.read(np.arange(min(8, len(evaluation.report))))
    evaluation.classifier.check(few)
    for threat in threats:
        threat.budget(evaluation.report.shape)
    found = finished(evaluation, store, cells)
    # Whatever cannot be made is told before a file is written.
    made = made_cells(evaluation, [cell for cell in cells if cell not in found])
    store = Store.create(out, config, evaluation.fingerprints, resume=resume)
    clock = Clock([evaluation.classifier], store.folder() / "time.json")
    evaluation.progress.say(forecast(evaluation, store, made, len(cells)))
    rows: dict[Cell, Arrays] = {}
    for threat in dict.fromkeys(threat for _, threat in made):
        with clock.stage("static"):
            rows |= static(evaluation, store, made, threat)
    for cell, (whole, defence) in made.items():
        with clock.stage("certificates"):
            rows[cell] |= certified(evaluation, store, defence, *cell)
        with clock.stage("adaptive"):
            adaptive = attacked(evaluation, store, defence, *cell, rows[cell])
        refuse_contradictions(rows[cell], adaptive, cell[1])
        strips = write_strips(evaluation, store, defence, adaptive, *cell)
        found[cell] = cell_json(evaluation, whole, defence, cell[1], rows[cell], adaptive, strips)
        store.finish(found[cell], cell[0], cell[1].spec)
        clock.save()
    in_order = [found[cell] for cell in cells]
    write_json(out / RESULTS, results_json(evaluation, in_order, clock, command=command))
    return out


def finished(evaluation: Evaluation, store: Store, cells: list[Cell]) -> dict[Cell, dict[str, Any]]:
    """What is known of the cells that are done: all that is left of them is to be shown."""
    found = {}
    for spec, threat in cells:
        known = store.finished(spec, threat.spec)
        if known is not None and not missing(evaluation, store, "static", threat.spec):
            found[spec, threat] = known
    return found


def made_cells(evaluation: Evaluation, cells: list[Cell]) -> Made:
    """The defences of cells; a prior mask is learnt here, from attacks on the locate split."""
    made: Made = {}
    learnt_on = evaluation.learnt_on()
    evaluation.progress.start("defences made, masks learnt", len(cells))
    for spec, threat in cells:
        made[spec, threat] = made_for(spec, threat, evaluation.classifier, learnt_on)
        evaluation.progress.advance(1)
    return made
