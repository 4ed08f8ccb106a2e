"""The page of an evaluation of defences: gathers what its template shows and writes one file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup

from spatialstats import __version__
from spatialstats.defence.adaptive.suite import LABELS
from spatialstats.engine.defences.words import by_threat, known
from spatialstats.engine.files import read_arrays
from spatialstats.engine.job import DEFENCES, read_results
from spatialstats.report import defence_charts, page, text
from spatialstats.report.images import picture_uri
from spatialstats.report.outlines import outline

Json = Mapping[str, Any]


def build_defence_report(folder: Path) -> Path:
    """Builds the report of an evaluation of defences from its files.

    Parameters
    ----------
    folder : Path
        What ``spatialstats defend`` wrote.

    Returns
    -------
    Path
        ``report.html`` in that folder: one file without outside references, written atomically.

    Raises
    ------
    InputError
        If the folder holds no finished evaluation.
    """
    results = read_results(Path(folder), DEFENCES)
    return page.write(Path(folder), render(results, Path(folder)))


def render(results: Json, folder: Path) -> str:
    """The page as text."""
    groups = by_threat(results["cells"])
    values = {
        "version": __version__,
        "found": results,
        "chips": chips(results),
        "marks": defence_charts.MARKS,
        "threats": [threat_parts(number, cells) for number, cells in enumerate(groups)],
        "cells": [cell_parts(number, cell, folder) for number, cell in enumerate(results["cells"])],
        "flagged": any(cell["adaptive"]["flags"] for cell in results["cells"]),
        "config": json.dumps(results["config"], indent=2),
    }
    return page.render("defences.html.j2", ("defences.css",), values)


def chips(results: Json) -> list[dict[str, str]]:
    """Short facts that qualify everything on the first screen."""
    data, effort = results["data"], results["effort"]
    found = [
        {"label": "model", "value": results["model"]["name"]},
        {
            "label": "images",
            "value": f"{text.count(data['report'])} of the report split, "
            f"{text.count(data['adaptive'])} attacked adaptively",
        },
        {"label": "learnt on", "value": f"{text.count(data['locate'])} other images"},
        {"label": "effort", "value": effort["name"]},
    ]
    if not effort["conclusive"]:
        found.append({"label": "too weak", "value": "to conclude", "kind": "warn"})
    flagged = sum(bool(cell["adaptive"]["flags"]) for cell in results["cells"])
    if flagged:
        found.append(
            {"label": "caution", "value": f"{flagged} of {len(results['cells'])} worst cases", "kind": "warn"}
        )
    return found


def threat_parts(number: int, cells: list[Json]) -> dict[str, Any]:
    """The charts of one threat."""
    return {
        "text": cells[0]["threat_text"],
        "chart": defence_charts.accuracies(cells, f"acc-{number}"),
        "curve": defence_charts.curves(cells, f"curve-{number}"),
        "legend": defence_charts.legend(cells),
    }


def cell_parts(number: int, cell: Json, folder: Path) -> dict[str, Any]:
    """One defence against one threat, as finished strings."""
    static, adaptive = cell["static"], cell["adaptive"]
    return {
        "id": f"cell-{number}",
        "title": f"{cell['label']} against {cell['threat_text']}",
        "spec": cell["spec"],
        "sentence": cell["sentence"],
        "knowledge": known(cell),
        "deployable": cell["deployable"],
        "ours": ", ".join(cell["ours"]),
        "cautioned": bool(adaptive["flags"]),
        "checklist": cell.get("checklist") or [],
        "numbers": [
            (
                "worst case",
                *shown(adaptive["worst_case"]),
                "attacks that know the defence, and the static one",
            ),
            (
                "undefended worst case",
                *shown(adaptive["undefended_worst_case"]),
                "as many trials and gradients",
            ),
            ("gain over no defence", *points(adaptive["gain_over_no_defence"]), mcnemar(adaptive)),
            ("certified", *shown((cell["certified"] or {}).get("certified")), certificate_note(cell)),
            ("clean", *shown(static["clean"]), f"{shown(static['undefended_clean'])[0]} without the defence"),
            ("static", *shown(static["static"]), static["claim"]),
            ("restoration ceiling", *shown(static["ceiling"]), "true pixels back where it hid some"),
            ("another image's mask", *shown(static["swapped"]), gain_note(static["gain_over_swapped"])),
            ("equal-area blob", *shown(static["blob"]), gain_note(static["gain_over_blob"])),
        ],
        "attacks": attack_rows(adaptive),
        "skipped": skipped_rows(adaptive),
        "strips": strips(cell, folder),
        "latency": f"{1000 * cell['latency_s']['one']:.1f} ms one image alone, "
        f"{1000 * cell['latency_s']['batch']:.2f} ms in a batch "
        f"({1000 * cell['undefended_latency_s']['batch']:.2f} ms without the defence)",
    }


def shown(item: Any) -> tuple[str, str, str]:
    """An accuracy, its interval and its n."""
    n = text.count(item.get("n")) if isinstance(item, Mapping) else ""
    return text.percent(text.point(item)), text.bracket(item), n


def points(item: Any) -> tuple[str, str, str]:
    """A difference in points."""
    value = text.point(item)
    said = text.DASH if value is None else text.number(100 * value, 1, sign=True) + " points"
    return said, text.bracket(item, sign=True), text.count(item.get("n")) if item else ""


def gain_note(item: Any) -> str:
    """How much the defence gains over a control."""
    if text.point(item) is None:
        return ""
    said, bracket, _ = points(item)
    return f"own − control {said} {bracket}"


def mcnemar(adaptive: Json) -> str:
    """The test beside the gain."""
    return f"McNemar's exact p = {adaptive['gain_over_no_defence']['mcnemar_p']:.3g}"


def certificate_note(cell: Json) -> str:
    """What a certificate speaks of."""
    found = cell["certified"]
    if found is None:
        return "the defence certifies nothing here"
    return (
        f"{text.percent(found['placements'], 0)} of all places, {text.count(found['predictions'])} masked "
        f"predictions of {text.count(found['exhaustive'])} without early exit"
    )


def attack_rows(adaptive: Json) -> list[dict[str, Any]]:
    """The attacks that ran, each with what it spent and what twice the budget broke besides."""
    rows = []
    for name, one in adaptive["attacks"].items():
        if one["skipped"]:
            continue
        again, said, more = adaptive["doubled"].get(name), shown(one["robust_accuracy"]), ""
        if again and not adaptive["randomized"]:
            # The doubled attack goes at what had resisted everything; the others count as broken.
            before = adaptive["worst_case_before_doubling"]
            more = text.count(round(before["n"] * (before["value"] - again["robust_accuracy"]["value"])))
        rows.append(
            {
                "label": LABELS.get(name, name),
                "robust": said[0],
                "range": said[1],
                "doubled": more,
                "tried": text.number(one["tried"]["mean"], 0),
                "gradients": text.number(one["gradients"]["mean"], 0),
                "zero": text.percent(one["zero_gradients"], 0) if one["gradients"]["mean"] else "",
            }
        )
    return rows


def skipped_rows(adaptive: Json) -> list[tuple[str, str]]:
    """The attacks that have nothing to attack, by reason."""
    reasons: dict[str, list[str]] = {}
    for name, one in adaptive["attacks"].items():
        if one["skipped"]:
            reasons.setdefault(one["skipped"], []).append(LABELS.get(name, name))
    return [(reason, "; ".join(names)) for reason, names in reasons.items()]


def strips(cell: Json, folder: Path) -> list[dict[str, Any]]:
    """Images for the eye: clean, attacked, located, neutralized."""
    said = cell.get("strips") or {}
    path = folder / str(said.get("file", ""))
    if not said or not path.is_file():
        return []
    arrays = read_arrays(path)
    found = []
    for i, words in enumerate(said["images"]):
        pictures: list[tuple[str, str, Markup | None, str, str]] = [
            ("clean", picture(arrays["clean"][i]), None, words["undefended_clean"], words["clean"]),
            (
                "attacked",
                picture(arrays["attacked"][i]),
                None,
                words["undefended_attacked"],
                words["attacked"],
            ),
        ]
        mask = arrays["located"][i]
        if mask.any():
            pictures.append(("located", pictures[1][1], Markup(outline(mask)), "", ""))
            pictures.append(("neutralized", picture(arrays["neutralized"][i]), None, "", words["attacked"]))
        height, width = mask.shape
        found.append(
            {
                "label": words["label"],
                "attack": words["attack"],
                "right": words["attacked"] == words["label"],
                "height": height,
                "width": width,
                "pictures": [
                    dict(zip(("name", "uri", "outline", "bare", "defended"), one, strict=True))
                    for one in pictures
                ],
            }
        )
    return found


def picture(image: np.ndarray) -> str:
    """A float image (C, H, W) as a data URI."""
    return picture_uri(np.rint(np.clip(image, 0, 1) * 255).astype(np.uint8))
