"""The figures of an evaluation of defences as SVG and PNG files for papers, and its table as CSV."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from spatialstats.engine.files import atomic
from spatialstats.engine.job import DEFENCES, read_results
from spatialstats.report import text
from spatialstats.report.defence_charts import MARKS, values_of
from spatialstats.report.figures import save_figure, style
from spatialstats.report.plots import INK, PAGE, SOFT, sheet

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["table_of", "write_defence_figures"]

DRAWN: dict[str, dict[str, Any]] = {
    "worst": {"marker": "o", "color": INK, "ms": 5},
    "certified": {"marker": "^", "color": "#2f84cb", "ms": 6},
    "static": {"marker": "o", "color": SOFT, "mfc": "white", "ms": 4.5},
    "ceiling": {"marker": "|", "color": INK, "ms": 9},
    "clean": {"marker": "|", "color": SOFT, "ms": 9},
}
LINES = ("-", "--", ":", "-.", (0, (3, 1, 1, 1, 1, 1)))


def write_defence_figures(folder: Path) -> list[Path]:
    """Draws the figures and writes the table of an evaluation.

    Parameters
    ----------
    folder : Path
        What ``spatialstats defend`` wrote.

    Returns
    -------
    list of Path
        ``figures/accuracies`` and ``figures/budgets``, each as SVG and PNG, and ``defences.csv``.
    """
    cells = read_results(folder, DEFENCES)["cells"]
    where = folder / "figures"
    where.mkdir(exist_ok=True)
    written = []
    with style():
        for name, figure in (("accuracies", accuracies(cells)), ("budgets", budgets(cells))):
            if figure is not None:
                written += [save_figure(figure, where / f"{name}.{kind}") for kind in ("svg", "png")]
    path = folder / "defences.csv"
    with atomic(path) as file:
        file.write(table_of(cells).to_csv(index=False).encode())
    return [*written, path]


def table_of(cells: list[dict[str, Any]]) -> pd.DataFrame:
    """One row a defence and threat: every accuracy with its interval and n, and the cautions."""
    rows = []
    for cell in cells:
        row: dict[str, Any] = {"defence": cell["spec"], "threat": cell["threat"]}
        row |= {f"knowledge_{key}": value for key, value in cell["knowledge"].items()}
        numbers = {
            **values_of(cell),
            "swapped": cell["static"]["swapped"],
            "blob": cell["static"]["blob"],
            "undefended_clean": cell["static"]["undefended_clean"],
            "undefended_static": cell["static"]["undefended_static"],
            "undefended_worst": cell["adaptive"]["undefended_worst_case"],
            "gain_over_no_defence": cell["adaptive"]["gain_over_no_defence"],
            "gain_over_swapped": cell["static"]["gain_over_swapped"],
        }
        for name, item in numbers.items():
            pair = text.ends(item) or (None, None)
            row |= {
                name: text.point(item),
                f"{name}_low": pair[0],
                f"{name}_high": pair[1],
                f"{name}_n": item["n"] if item else None,
            }
        row["mcnemar_p"] = cell["adaptive"]["gain_over_no_defence"]["mcnemar_p"]
        row["cautions"] = "; ".join(cell["adaptive"]["flags"])
        rows.append(row)
    return pd.DataFrame(rows)


def accuracies(cells: list[dict[str, Any]]) -> Figure:
    """Every accuracy of every cell on one axis, with the interval of the worst case."""
    figure = sheet(PAGE, 0.9 + 0.3 * len(cells))
    axis = figure.subplots()
    for i, cell in enumerate(cells):
        values = values_of(cell)
        pair = text.ends(values["worst"])
        if pair is not None:
            axis.plot([100 * end for end in pair], (i, i), color=INK, lw=0.9)
        for name, drawn in DRAWN.items():
            value = text.point(values[name])
            if value is not None:
                axis.plot(100 * value, i, ls="", label=MARKS[name] if i == 0 else None, **drawn)
    axis.set_yticks(range(len(cells)), [f"{cell['label']}, {cell['threat_text']}" for cell in cells])
    axis.set_ylim(len(cells) - 0.4, -0.6)
    axis.set_xlim(-2, 102)
    axis.set_xlabel("% of images")
    # Marks that the first cell lacks are named by the first that has them.
    named = {text: handle for handle, text in zip(*axis.get_legend_handles_labels(), strict=True)}
    for line in axis.lines:
        for name, drawn in DRAWN.items():
            same = line.get_marker() == drawn["marker"] and line.get_markersize() == drawn["ms"]
            if same and line.get_color() == drawn["color"]:
                named.setdefault(MARKS[name], line)
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=3)
    return figure


def budgets(cells: list[dict[str, Any]]) -> Figure | None:
    """What stays right against the attacker's budget, a panel a threat; None where no curve was asked for."""
    drawn = [cell for cell in cells if len(cell["adaptive"]["curve"]) > 1]
    if not drawn:
        return None
    threats = list(dict.fromkeys(cell["threat_text"] for cell in drawn))
    figure = sheet(min(PAGE, 2.6 * len(threats) + 0.4), 2.4)
    axes = figure.subplots(1, len(threats), sharey=True, squeeze=False)[0]
    for axis, threat in zip(axes, threats, strict=True):
        of_threat = [cell for cell in drawn if cell["threat_text"] == threat]
        for k, cell in enumerate(of_threat):
            points = cell["adaptive"]["curve"]
            axis.plot(
                [point["factor"] for point in points],
                [100 * point["robust_accuracy"]["value"] for point in points],
                ls=LINES[k % len(LINES)],
                color=INK,
                marker="o",
                ms=3,
                label=cell["label"],
            )
        axis.set_xscale("log", base=2)
        axis.set_xlabel(f"multiples of {threat}")
        axis.set_title(threat)
        axis.legend()
    axes[0].set_ylabel("% right in the worst case")
    axes[0].set_ylim(-2, 102)
    return figure
