"""The numbers of an evaluation as JSON: each defended accuracy with everything that belongs beside it."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from spatialstats.defence.adaptive.result import AdaptiveResult
from spatialstats.defence.adaptive.threat import Threat
from spatialstats.defence.certify import Certificates
from spatialstats.defence.checklist import checklist
from spatialstats.defence.defence import Defence
from spatialstats.defence.evaluate import accuracies, gains
from spatialstats.defence.neutralized import latency
from spatialstats.defence.rivals.plain import Undefended
from spatialstats.engine.defences.words import cell_sentence, headline
from spatialstats.engine.job import DEFENCES
from spatialstats.engine.provenance import Clock, versions
from spatialstats.stats.discordant import mcnemar_test
from spatialstats.stats.intervals import paired_difference

if TYPE_CHECKING:
    from spatialstats.engine.defences.evaluation import Evaluation

__all__ = ["cell_json", "results_json"]

Json = dict[str, Any]
Arrays = dict[str, np.ndarray]


def cell_json(
    evaluation: Evaluation,
    spec: str,
    defence: Defence,
    threat: Threat,
    rows: Arrays,
    adaptive: AdaptiveResult,
    strips: Json,
) -> Json:
    """One defence against one threat."""
    few = evaluation.classifier.as_images(evaluation.report.read(np.arange(min(64, len(evaluation.report)))))
    certificates = certificates_json(rows)
    x, y = evaluation.attacked_images()
    checks = checklist(defence, evaluation.classifier, x, y, adaptive, seed=adaptive.seed)
    cell = {
        "defence": defence.name,
        "label": defence.label,
        "spec": spec,
        "threat": threat.spec,
        "threat_text": threat.text,
        "knowledge": defence.knowledge.to_dict(),
        "deployable": defence.knowledge.is_defence,
        "ours": list(defence.ours),
        "static": static_json(rows),
        "adaptive": adaptive.to_dict(),
        "checklist": [one.to_dict() for one in checks],
        "certified": certificates,
        "latency_s": {"one": latency(defence, few[:1]), "batch": latency(defence, few, repeats=2)},
        "undefended_latency_s": {
            "one": latency(Undefended(evaluation.classifier), few[:1]),
            "batch": latency(Undefended(evaluation.classifier), few, repeats=2),
        },
        "strips": strips,
    }
    return cell | {"sentence": cell_sentence(cell)}


def static_json(rows: Arrays) -> Json:
    """Accuracies under the attack that did not know of the defence, and gains with paired intervals."""
    controls = ("ceiling", "swapped", "blob")
    said: Json = accuracies(rows, ("undefended.clean", "undefended.static", "clean", "static", *controls))
    said |= gains(rows, "static", controls)
    said["gain_over_no_defence"] = paired_difference(rows["static"], rows["undefended.static"]).to_dict() | {
        "mcnemar_p": mcnemar_test(rows["static"], rows["undefended.static"]).p_value
    }
    said["clean_cost"] = paired_difference(rows["clean"], rows["undefended.clean"]).to_dict()
    said["area"] = float(rows["area"].mean()) if "area" in rows else None
    return {key.replace("undefended.", "undefended_"): value for key, value in said.items()} | {
        "n": len(rows["static"]),
        "claim": "static: no robustness claim",
    }


def certificates_json(rows: Arrays) -> Json | None:
    """Certified accuracy; None where the defence certifies nothing against the threat."""
    if "certified" not in rows:
        return None
    made, exhaustive, masks = (int(value) for value in rows["certified.spent"])
    down, across = (int(side) for side in rows["certified.patch"])
    found = Certificates(
        rows["certified"], (down, across), float(rows["certified.placements"][0]), masks, made, exhaustive
    )
    return found.to_dict()


def results_json(evaluation: Evaluation, cells: list[Json], clock: Clock, *, command: str) -> Json:
    """What ``results.json`` holds."""
    model, report = evaluation.classifier, evaluation.report
    return {
        "kind": DEFENCES,
        "headline": headline(cells, evaluation.effort.conclusive),
        "config": evaluation.config.to_dict(),
        "effort": evaluation.effort.to_dict(),
        "data": {
            "name": report.name,
            "fingerprint": report.fingerprint,
            "classes": list(report.classes),
            "shape": list(report.shape),
            "report": len(report),
            "adaptive": evaluation.effort.images,
            "locate": len(evaluation.locate),
        },
        "model": {"name": model.name, "fingerprint": model.fingerprint, "n_classes": model.n_classes},
        "cells": cells,
        "provenance": {
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": command,
            "versions": versions(),
            "platform": platform.platform(),
            "cpu_count": os.cpu_count(),
            "threads": torch.get_num_threads(),
            "device": str(model.device),
            "seed": evaluation.config.seed,
            "time": clock.time(),
            "peak_memory_bytes": clock.peak_memory(),
        },
    }
