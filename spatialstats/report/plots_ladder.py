"""The ladder of co-location as a figure for papers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from spatialstats.report import text
from spatialstats.report.ladder import LINES, rungs
from spatialstats.report.plots import INK, PAGE, SOFT, sheet
from spatialstats.report.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def ladder(run: Run) -> Figure | None:
    """Excess of the overlap lift on every rung, one panel an attack; grey where 0 is not excluded."""
    attacks = [attack for attack in run.attacks if attack.get("ladder")]
    if not attacks:
        return None
    names = [LINES[rung["key"]] for rung in rungs(attacks[0])]
    figure = sheet(PAGE, 0.7 + 0.27 * len(names))
    axes = figure.subplots(1, len(attacks), sharex=True, sharey=True, squeeze=False)[0]
    for axis, attack in zip(axes, attacks, strict=True):
        for i, rung in enumerate(rungs(attack)):
            pair = text.ends(rung)
            if pair is None:
                axis.text(0, i, " not tested", va="center", color=SOFT)
                continue
            colour, value = INK if rung["above"] else SOFT, rung["excess"]
            axis.plot(pair, (i, i), color=colour, lw=0.9)
            axis.plot(value, i, "o", color=colour, ms=4)
        axis.axvline(0, color=INK, lw=0.7)
        axis.set_title(attack.get("label"))
    axes[0].set_yticks(range(len(names)), [f"{name} ({small})" for name, small in names])
    axes[0].invert_yaxis()
    figure.supxlabel("excess of the overlap lift, with 95 % interval", fontsize=8)
    return figure
