"""The paper kit of a run: figures, tables, a methods paragraph and its references, in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spatialstats.engine.rundir import RunDirectory, atomic
from spatialstats.errors import InputError
from spatialstats.report import text
from spatialstats.report.figures import MAKERS, save_figure, style
from spatialstats.report.paper_latex import escape, lift, percent, table
from spatialstats.report.paper_references import bibliography
from spatialstats.report.paper_words import Cited, methods
from spatialstats.report.run import load_run

Json = Mapping[str, Any]

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage[margin=2.5cm]{geometry}
\usepackage{booktabs}
\usepackage{graphicx}
\begin{document}
\section*{Methods}
\input{methods}
\input{table}
\bibliographystyle{plain}
\bibliography{references}
\end{document}
"""


def paper_kit(run: str | Path, out: str | Path | None = None) -> Path:
    """Write what a paper needs of a run.

    Parameters
    ----------
    run : path
        A finished run.
    out : path, optional
        Folder; ``paper/`` in the run if none.  Files of an earlier kit in it are replaced.

    Returns
    -------
    Path
        The folder: ``methods.tex``, ``table.tex`` (needs booktabs and graphicx), ``references.bib`` (exactly
        the works that the methods cite), ``paper.tex`` that puts them together, ``figures/*.svg``.
    """
    directory = RunDirectory(Path(run))
    results = directory.results()
    if results.get("kind") == "comparison":
        raise InputError(f"{run} holds a comparison: name a run that `spatialstats analyze` wrote.")
    request = json.loads((directory.path / "run.json").read_text()) if _there(directory) else {}
    folder = Path(out) if out is not None else directory.path / "paper"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"the output must be a folder, but {folder} is a file: pass another --out.")
    cite = Cited()
    _write(folder / "methods.tex", methods(results, request, cite))
    _write(folder / "table.tex", tables(results))
    _write(folder / "references.bib", bibliography(cite.keys))
    _write(folder / "paper.tex", DOCUMENT)
    _figures(directory.path, folder / "figures")
    return folder


def _there(directory: RunDirectory) -> bool:
    return (directory.path / "run.json").is_file()


def _write(path: Path, content: str) -> None:
    with atomic(path) as file:
        file.write(content.encode())


def _figures(run: Path, folder: Path) -> None:
    held = load_run(run)
    folder.mkdir(parents=True, exist_ok=True)
    with style():
        for name, make in MAKERS.items():
            figure = make(held)
            if figure is not None:
                save_figure(figure, folder / f"{name}.svg")


def tables(results: Json) -> str:
    """The table of effects, and that of neutralized accuracies where there are any."""
    return "\n".join(part for part in (effects_table(results), defended_table(results)) if part)


def effects_table(results: Json) -> str:
    """One row an attack: accuracy left, damage and area of two segments, lift, ceiling."""
    kind = str(results["config"]["attack_map"])
    rows = []
    for attack in results["attacks"]:
        segments, ceilings = attack.get("segments") or {}, attack.get("ceilings") or {}
        cells = [escape(attack["label"]), percent(attack["robust_accuracy"])]
        for name in ("contested", "neutralizable"):
            of = segments.get(name) or {}
            cells += [percent(of.get("damage")), percent(of.get("area"))]
        cells += [lift((attack.get("colocation") or {}).get(kind)), percent(ceilings.get("neutralizable"))]
        rows.append(cells)
    columns = [
        "attack",
        "accuracy left",
        "contested: damage",
        "area",
        "neutralizable: damage",
        "area",
        "lift excess",
        "ceiling",
    ]
    caption = (
        f"{escape(results['model']['name'])} on {text.count(results['data']['n'])} images of "
        f"{escape(results['data']['name'])}, in \\% with 95\\,\\% intervals. Damage: share of the drop "
        "of the logit margin (exact Shapley values). Lift excess: overlap lift of the regions of importance "
        f"and attack beyond that of swapped images ({text.count(results['config']['n_resamples'])} "
        "permutations). Ceiling: accuracy with the true pixels back in the neutralizable segment."
    )
    return table(columns, rows, align="l" + "r" * 7, caption=caption, label="tab:where")


def defended_table(results: Json) -> str:
    """One row a neutralized accuracy, with everything that must stand beside it; empty without any."""
    rows, static = [], False
    for attack in results["attacks"]:
        for row in attack.get("neutralization") or []:
            known = row["knowledge"]
            knows = f"{known['roi']}, {known['roa']}" + (", labels" if known["labels"] else "")
            static |= bool(row.get("static", True))
            numbers = ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling", "swapped")
            cells = [escape(attack["label"]), escape(row["mask"]), escape(knows), escape(row["fill"])]
            rows.append([*cells, *(percent(row.get(name)) for name in numbers), text.count(row["n"])])
    if not rows:
        return ""
    columns = [
        "attack",
        "mask",
        "knowledge of RoI, RoA",
        "fill",
        "clean",
        "clean, neutralized",
        "attacked",
        "neutralized",
        "ceiling",
        "swapped mask",
        "$n$",
    ]
    claim = (
        " The attacks did not know of the defence: static numbers, no claim of robustness." if static else ""
    )
    caption = (
        "Accuracy on the report split in \\% with 95\\,\\% intervals. Ceiling: the true clean pixels put "
        "back. Swapped mask: the mask of another image. Oracle knowledge needs the clean image and is no "
        f"defence.{claim}"
    )
    return table(columns, rows, align="llll" + "r" * 7, caption=caption, label="tab:neutralization")
