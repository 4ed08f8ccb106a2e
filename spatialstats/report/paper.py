"""The paper kit of a run: figures, tables, a methods paragraph and its references, in one folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from spatialstats.engine.files import REQUEST, write_text
from spatialstats.engine.rundir import RunDirectory
from spatialstats.errors import InputError
from spatialstats.report import text
from spatialstats.report.figures import MAKERS, save_figure, style
from spatialstats.report.paper_latex import escape, group, lift, percent, stack, table
from spatialstats.report.paper_references import bibliography
from spatialstats.report.paper_words import Cited, methods
from spatialstats.report.run import load_run

Json = Mapping[str, Any]

DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\IfFileExists{lmodern.sty}{\usepackage{lmodern}}{}
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
"""Latin Modern where it is there: the default letters of T1 may be bitmaps, which publishers refuse."""


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
        the works that the methods cite), ``paper.tex`` that puts them together, ``figures/`` as SVG and PDF.
    """
    directory = RunDirectory(Path(run))
    results = directory.results()
    request = directory.request() if (directory.path / REQUEST).exists() else {}
    folder = Path(out) if out is not None else directory.path / "paper"
    if folder.exists() and not folder.is_dir():
        raise InputError(f"the output must be a folder, but {folder} is a file: pass another --out.")
    cite = Cited()
    write_text(folder / "methods.tex", methods(results, request, cite))
    write_text(folder / "table.tex", tables(results))
    write_text(folder / "references.bib", bibliography(cite.keys))
    write_text(folder / "paper.tex", DOCUMENT)
    _figures(directory.path, folder / "figures")
    return folder


def _figures(run: Path, folder: Path) -> None:
    held = load_run(run)
    folder.mkdir(parents=True, exist_ok=True)
    with style():
        for name, make in MAKERS.items():
            figure = make(held)
            if figure is not None:
                for kind in ("svg", "pdf"):  # pdflatex takes no SVG
                    save_figure(figure, folder / f"{name}.{kind}")


def tables(results: Json) -> str:
    """The table of effects, and that of neutralized accuracies where there are any."""
    return "\n".join(part for part in (effects_table(results), defended_table(results)) if part)


def effects_table(results: Json) -> str:
    """One row an attack: accuracy left, damage and area of two segments, lift, ceiling."""
    kind = str(results["config"]["attack_map"])
    rows = []
    for attack in results["attacks"]:
        segments, ceilings = attack.get("segments") or {}, attack.get("ceilings") or {}
        shares = [attack["robust_accuracy"]]
        for name in ("contested", "neutralizable"):
            of = segments.get(name) or {}
            shares += [of.get("damage"), of.get("area")]
        excess = lift((attack.get("colocation") or {}).get(kind), stacked=True)
        cells = [percent(share, stacked=True) for share in [*shares, ceilings.get("neutralizable")]]
        rows.append([escape(attack["label"]), *cells[:-1], excess, cells[-1]])
    columns = [
        "attack",
        stack("accuracy", "left"),
        stack("contested:", "damage"),
        "area",
        stack("neutralizable:", "damage"),
        "area",
        stack("lift", "excess"),
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
    """One row a neutralized accuracy, below its attack, beside all that belongs to it; empty without any."""
    columns = [
        "mask",
        "knowledge of RoI, RoA",
        "fill",
        stack("clean,", "neutralized"),
        "neutralized",
        "ceiling",
        "swapped mask",
    ]
    rows: list[list[str]] = []
    static = False
    for attack in results["attacks"]:
        found = attack.get("neutralization") or []
        if found:
            first = found[0]  # these are of the model without a defence, the same for every mask
            before = f"clean {percent(first['clean'])}, attacked {percent(first['attacked'])}"
            rows.append(
                group(f"{escape(attack['label'])}: {before}; $n$ = {text.count(first['n'])}", len(columns))
            )
        for row in found:
            known = row["knowledge"]
            knows = f"{known['roi']}, {known['roa']}" + (", labels" if known["labels"] else "")
            static |= bool(row.get("static", True))
            numbers = ("clean_neutralized", "neutralized", "ceiling", "swapped")
            cells = [escape(row["mask"]), escape(knows), escape(row["fill"])]
            rows.append([*cells, *(percent(row.get(name)) for name in numbers)])
    if not rows:
        return ""
    claim = (
        " The attacks did not know of the defence: static numbers, no claim of robustness." if static else ""
    )
    caption = (
        "Accuracy on the report split in \\% with 95\\,\\% intervals; clean and attacked: without a mask. "
        "Ceiling: the true clean pixels put back. Swapped mask: the mask of another image. Oracle knowledge "
        f"needs the clean image and is no defence.{claim}"
    )
    return table(columns, rows, align="lll" + "r" * 4, caption=caption, label="tab:neutralization")
