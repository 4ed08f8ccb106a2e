"""Confidence sets, the contrast with noise, and the controls as figures for papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from spatialstats.report import scales, text
from spatialstats.report.controls import SMALL
from spatialstats.report.palette import DIVERGING, LIGHT, colormap
from spatialstats.report.plots import INK, PAGE, SOFT, sheet
from spatialstats.report.run import Run
from spatialstats.report.where import LEVEL, SETS

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def where(run: Run) -> Figure | None:
    """Certain, possible and no for RoI, RoA and RoA without RoI, and attack less noise; a row an attack."""
    attacks = [
        attack
        for attack in run.attacks
        if run.map(f"{attack.get('name')}/where_roa") is not None
        or run.map(f"{attack.get('name')}/beyond_noise") is not None
    ]
    if not attacks:
        return None
    figure = sheet(PAGE, 0.4 + 1.75 * len(attacks))
    axes = figure.subplots(len(attacks), 4, squeeze=False)
    for i, attack in enumerate(attacks):
        for j, (key, label, colour) in enumerate(SETS):
            grades = run.map(f"{attack['name']}/where_{key}")
            _blank(axes[i, j], label if i == 0 else "")
            if grades is not None:
                _graded(axes[i, j], grades, LIGHT[colour.removeprefix("seg-")])
        _blank(axes[i, 3], "attack − equal noise" if i == 0 else "")
        _contrast(axes[i, 3], run, str(attack["name"]))
        axes[i, 0].set_ylabel(attack.get("label"))
    figure.supxlabel(
        "full: certain, pale: possible (95 %); right: pixels that differ by max-t at 5 % outlined", fontsize=7
    )
    return figure


def _blank(axis: Axes, title: str) -> None:
    axis.set_xticks([])
    axis.set_yticks([])
    axis.set_title(title)


def _graded(axis: Axes, grades: np.ndarray, colour: str) -> None:
    from matplotlib.colors import ListedColormap, to_rgba

    ramp = ListedColormap([to_rgba("#eef1f4"), to_rgba(colour, 0.35), to_rgba(colour, 1.0)])
    axis.imshow(grades, cmap=ramp, vmin=-0.5, vmax=2.5)


def _contrast(axis: Axes, run: Run, name: str) -> None:
    from matplotlib.colors import ListedColormap

    effect, p = run.map(f"{name}/beyond_noise"), run.map(f"{name}/beyond_noise_p_max_t")
    if effect is None:
        axis.set_axis_off()
        return
    top = scales.round_up(float(np.quantile(np.abs(effect), 0.998)))
    picture = axis.imshow(effect, cmap=ListedColormap(colormap(255, DIVERGING) / 255), vmin=-top, vmax=top)
    axis.figure.colorbar(picture, ax=axis, shrink=0.8)
    if p is not None and 0 < int((p <= LEVEL).sum()) < p.size:
        fine = np.kron(np.asarray(p <= LEVEL, dtype=float), np.ones((8, 8)))
        rows, columns = ((np.arange(n) + 0.5) / 8 - 0.5 for n in fine.shape)
        axis.contour(columns, rows, fine, levels=[0.5], colors="white", linewidths=0.9)


def controls(run: Run) -> Figure | None:
    """The swap excess of each attack beside that of its controls, one panel an attack."""
    attacks = [attack for attack in run.attacks if (attack.get("controls") or {}).get("rows")]
    if not attacks:
        return None
    names = list(dict.fromkeys(row["key"] for attack in attacks for row in attack["controls"]["rows"]))
    figure = sheet(PAGE, 0.7 + 0.3 * len(names))
    axes = figure.subplots(1, len(attacks), sharex=True, sharey=True, squeeze=False)[0]
    for axis, attack in zip(axes, attacks, strict=True):
        for row in attack["controls"]["rows"]:
            pair, at = text.ends(row), names.index(row["key"])
            if pair is None:
                continue
            colour = INK if at == 0 else SOFT
            axis.plot(pair, (at, at), color=colour, lw=0.9)
            axis.plot(row["effect"], at, "o", color=colour, ms=4)
        axis.axvline(0, color=INK, lw=0.7)
        axis.set_title(attack.get("label"))
    axes[0].set_yticks(range(len(names)), [f"{name} ({SMALL.get(name, '')})" for name in names])
    axes[0].invert_yaxis()
    figure.supxlabel("excess of the overlap lift over swapped images, with 95 % interval", fontsize=8)
    return figure
