"""The figures of a comparison as SVG and PNG files for papers."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.engine.files import read_arrays
from spatialstats.engine.job import COMPARISON, read_results
from spatialstats.report.compare_charts import GROUPS, SHORT, limit_of
from spatialstats.report.figures import save_figure, style
from spatialstats.report.palette import OPPOSED, colormap
from spatialstats.report.plots import INK, PAGE, SOFT, sheet

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

COLOURS = {"a_above": "#3d1f6e", "b_above": "#8a3a00"}
"""Of the outlines; those of the page, too."""


def write_compare_figures(folder: Path) -> list[Path]:
    """Draws the figures of a comparison.

    Parameters
    ----------
    folder : Path
        What `spatialstats.compare` wrote.

    Returns
    -------
    list of Path
        ``figures/difference`` and ``figures/effects``, each as SVG and PNG.
    """
    results = read_results(folder, COMPARISON)
    maps = read_arrays(folder / "maps.npz")
    where = folder / "figures"
    where.mkdir(exist_ok=True)
    written = []
    with style():
        for name, figure in (("difference", difference(results, maps)), ("effects", effects(results))):
            written += [save_figure(figure, where / f"{name}.{kind}") for kind in ("svg", "png")]
    return written


def difference(results: dict[str, Any], maps: dict[str, np.ndarray]) -> Figure:
    """Both mean maps on one scale, and their difference with the confidence sets."""
    from matplotlib.colors import ListedColormap
    from matplotlib.lines import Line2D

    figure = sheet(PAGE, 2.7)
    axes = figure.subplots(1, 3)
    top = max(float(maps["mean_a"].max()), float(maps["mean_b"].max())) or 1.0
    ramp = ListedColormap(colormap() / 255)
    for axis, name, letter, key in zip(axes, results["names"], "AB", ("mean_a", "mean_b"), strict=False):
        axis.imshow(maps[key], cmap=ramp, vmin=0, vmax=top)
        axis.set_title(f"{letter}: {name}")
    figure.colorbar(
        axes[0].images[0], ax=axes[:2], shrink=0.7, location="bottom", label=results["map"]["unit"]
    )
    limit = limit_of(maps)
    shown = axes[2].imshow(
        maps["difference"], cmap=ListedColormap(colormap(255, OPPOSED) / 255), vmin=-limit, vmax=limit
    )
    axes[2].set_title("A − B")
    figure.colorbar(shown, ax=axes[2], shrink=0.9, location="bottom", label="mean difference")
    for name in ("a_above", "b_above"):
        _line(axes[2], maps[f"{name}/certain"], "-", COLOURS[name])
        _line(axes[2], maps[f"{name}/possible"], ":", COLOURS[name])
    marked = np.argwhere(maps["significant"])
    if len(marked) and "clusters" not in maps:
        axes[2].plot(marked[:, 1], marked[:, 0], ".", ms=1.2, color=INK)
    for axis in axes:
        axis.set_xticks([])
        axis.set_yticks([])
        axis.spines[:].set_visible(False)
    margin = results["sets"]["margin"]
    lines = [
        Line2D([], [], color=INK, lw=1, ls="-", label=f"certain: differs by more than {margin:g}"),
        Line2D([], [], color=INK, lw=1, ls=":", label="possible"),
    ]
    figure.legend(handles=lines, loc="outside lower right", ncols=2)
    return figure


def _line(axis: Axes, mask: np.ndarray, dash: str, colour: str) -> None:
    if np.any(mask) and not np.all(mask):
        fine = np.kron(np.asarray(mask, float), np.ones((8, 8)))
        rows, columns = ((np.arange(n) + 0.5) / 8 - 0.5 for n in fine.shape)
        axis.contour(columns, rows, fine, levels=[0.5], colors=[colour], linestyles=dash, linewidths=0.9)


def effects(results: dict[str, Any]) -> Figure:
    """Differences with their intervals; hollow where unpaired, grey where 0 is not excluded."""
    panels = [
        ("A − B in percentage points", 100.0, [r for r in results["effects"] if r["group"] in GROUPS]),
        ("A − B, overlap lift", 1.0, [r for r in results["effects"] if r["unit"] == "lift"]),
    ]
    panels = [panel for panel in panels if panel[2]]
    heights = [len(rows) + 1 for _, _, rows in panels]
    figure = sheet(PAGE / 2 + 0.6, 0.5 + 0.24 * sum(heights))
    axes = figure.subplots(len(panels), 1, squeeze=False, height_ratios=heights)[:, 0]
    for axis, (label, scale, rows) in zip(axes, panels, strict=True):
        for i, row in enumerate(rows):
            if row["difference"] is None:
                axis.text(0, i, " not measured", va="center", color=SOFT)
                continue
            colour = INK if row["clear"] else SOFT
            if row["low"] is not None:
                axis.plot((scale * row["low"], scale * row["high"]), (i, i), color=colour, lw=0.9)
            face = colour if row["paired"] else "white"
            axis.plot(scale * row["difference"], i, "o", color=colour, mfc=face, ms=4)
        axis.axvline(0, color=INK, lw=0.7)
        axis.set_yticks(range(len(rows)), [SHORT.get(row["key"], row["title"]) for row in rows])
        axis.set_ylim(len(rows) - 0.4, -0.6)
        axis.set_xlabel(label)
    return figure
