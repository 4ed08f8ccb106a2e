"""Defences, evaluated: what ``spatialstats defend`` does, for scripts."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from spatialstats import named
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.defences.run import Evaluation, defend
from spatialstats.engine.files import RESULTS
from spatialstats.engine.progress import Progress, Silent
from spatialstats.report.defence_figures import write_defence_figures
from spatialstats.report.defences import build_defence_report

__all__ = ["run"]


def run(
    config: DefendConfig,
    out: Path,
    *,
    resume: bool = False,
    progress: Progress | None = None,
    command: str = "",
) -> dict[str, Any]:
    """Evaluate defences as a configuration says, and write the folder and its report.

    Parameters
    ----------
    config : DefendConfig
        The settings.
    out : Path
        The folder.
    resume : bool
        Whether `out` may hold an evaluation that was cut off.
    progress : Progress, optional
        Who is told.
    command : str
        How it was called, for the record.

    Returns
    -------
    dict
        What ``results.json`` holds.
    """
    told = progress or Silent()
    if config.threads is not None:
        torch.set_num_threads(config.threads)
    dataset = named.find_dataset(config, config.dataset)
    for note in dataset.notes:
        told.say(note)
    classifier = named.find_model(config, config.model, dataset)
    defend(Evaluation.of(config, dataset, classifier, told), out, resume=resume, command=command)
    write_defence_figures(out)
    build_defence_report(out)
    results: dict[str, Any] = json.loads((out / RESULTS).read_text())
    return results
