"""Charts for papers; drawn with matplotlib, which only `write_figures` brings in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.report import text
from spatialstats.report.charts import kinds
from spatialstats.report.palette import LIGHT, SEGMENTS
from spatialstats.report.run import Run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

Json = Mapping[str, Any]
COLUMN, PAGE = 3.5, 7.2
INK, SOFT = "#191c21", "#6b727c"


def sheet(width: float, height: float) -> Figure:
    """An empty figure of this size in inches, known to no window system."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height))


def _error(item: Any) -> np.ndarray[Any, Any]:
    value, pair = text.point(item), text.ends(item)
    if value is None or pair is None:
        return np.zeros((2, 1))
    return np.array([[max(value - pair[0], 0.0)], [max(pair[1] - value, 0.0)]])


def shares(run: Run) -> Figure | None:
    """Area share against damage share per segment, one panel an attack."""
    formed = [attack for attack in run.attacks if attack.get("segments")]
    if not formed:
        return None
    figure = sheet(min(PAGE, 2.4 * len(formed) + 0.4), 2.3)
    axes = figure.subplots(1, len(formed), sharey=True, sharex=True, squeeze=False)[0]
    at = np.arange(len(SEGMENTS))
    for axis, attack in zip(axes, formed, strict=True):
        for i, name in enumerate(SEGMENTS):
            segment = attack["segments"].get(name) or {}
            for key, offset, alpha in (("area", -0.2, 0.3), ("damage", 0.2, 1.0)):
                value = text.point(segment.get(key))
                if value is not None:
                    axis.barh(i + offset, 100 * value, 0.36, color=LIGHT[name], alpha=alpha)
                    axis.errorbar(
                        100 * value,
                        i + offset,
                        xerr=100 * _error(segment.get(key)),
                        fmt="none",
                        ecolor=INK,
                        elinewidth=0.8,
                        capsize=1.5,
                    )
        axis.axvline(0, color=INK, lw=0.7)
        axis.set_title(attack.get("label"))
        axis.set_xlabel("% of area (pale) and of damage")
    axes[0].set_yticks(at, SEGMENTS)
    axes[0].invert_yaxis()
    return figure


def colocation(run: Run) -> Figure | None:
    """Lift in excess of swapped images, attacks and controls."""
    rows = [
        (attack, kind, item)
        for attack in run.attacks
        for kind in kinds(run.attacks)
        if (item := (attack.get("colocation") or {}).get(kind)) and text.known(item.get("effect"))
    ]
    if not rows:
        return None
    figure = sheet(COLUMN, 0.6 + 0.24 * len(rows))
    axis = figure.subplots()
    for i, (attack, kind, item) in enumerate(rows):
        colour = SOFT if attack.get("control") else INK
        axis.errorbar(
            item["effect"],
            i,
            xerr=_error(item),
            fmt="D" if kind == "energy" else "o",
            color=colour,
            mfc="white" if kind == "energy" else colour,
            ms=4,
            elinewidth=0.9,
            capsize=2,
        )
    names = [
        f"{attack.get('label')}{' (control)' if attack.get('control') else ''}, {kind}"
        for attack, kind, _ in rows
    ]
    axis.set_yticks(range(len(rows)), names)
    axis.axvline(0, color=INK, lw=0.7)
    axis.invert_yaxis()
    figure.supxlabel("overlap lift in excess of swapped images", fontsize=8)
    return figure


def sensitivity(run: Run) -> Figure | None:
    """Damage shares and lift excess over the top fraction."""
    found = [attack for attack in run.attacks if len(attack.get("sensitivity") or []) > 1]
    if not found:
        return None
    figure = sheet(min(PAGE, 2.4 * len(found) + 0.4), 3.6)
    axes = figure.subplots(2, len(found), sharex=True, sharey="row", squeeze=False)
    for j, attack in enumerate(found):
        rows = attack["sensitivity"]
        x = [100 * row["fraction"] for row in rows]
        for name in SEGMENTS:
            points = [text.point(((row.get("segments") or {}).get(name) or {}).get("damage")) for row in rows]
            y = [np.nan if p is None else 100 * p for p in points]
            axes[0, j].plot(x, y, color=LIGHT[name], lw=1.4, label=name)
        lifts = [text.point(row.get("lift")) for row in rows]
        bands = [text.ends(row.get("lift")) or (np.nan, np.nan) for row in rows]
        axes[1, j].fill_between(x, [b[0] for b in bands], [b[1] for b in bands], color=INK, alpha=0.15, lw=0)
        axes[1, j].plot(x, [np.nan if v is None else v for v in lifts], color=INK, lw=1.4)
        for i in (0, 1):
            axes[i, j].axhline(0, color=INK, lw=0.6)
        axes[0, j].set_title(attack.get("label"))
        axes[1, j].set_xlabel("top fraction, %")
    axes[0, 0].set_ylabel("damage share, %")
    axes[1, 0].set_ylabel("lift excess")
    axes[0, 0].legend(fontsize=6.5)
    return figure


def neutralization(run: Run) -> Figure | None:
    """Defended accuracy beside its controls and ceiling, with knowledge; static results say so."""
    rows = [(attack, row) for attack in run.attacks for row in attack.get("neutralization") or []]
    if not rows:
        return None
    figure = sheet(PAGE, 0.9 + 0.26 * len(rows))
    axis = figure.subplots()
    marks = (
        ("attacked", "o", "white"),
        ("swapped", "x", SOFT),
        ("blob", "+", SOFT),
        ("scattered", "D", SOFT),
        ("ceiling", "|", INK),
        ("clean", "|", SOFT),
        ("neutralized", "o", INK),
    )
    for i, (_, row) in enumerate(rows):
        for name, shape, fill in marks:
            value = text.point(row.get(name))
            if value is not None:
                bars = 100 * _error(row[name]) if name == "neutralized" else None
                axis.errorbar(
                    100 * value,
                    i,
                    xerr=bars,
                    fmt=shape,
                    mec=SOFT if fill == SOFT else INK,
                    mfc="white" if shape == "D" else fill,
                    ecolor=INK,
                    ms={"|": 9, "D": 4}.get(shape, 5),
                    elinewidth=0.9,
                    capsize=2,
                    label=name if i == 0 else None,
                )
    names = [_row_name(attack, row) for attack, row in rows]
    axis.set_yticks(range(len(rows)), names)
    axis.invert_yaxis()
    axis.set_xlim(-2, 102)
    figure.supxlabel(
        "accuracy, % (static: the attack did not know the defence; no robustness claim)", fontsize=8
    )
    figure.legend(loc="outside upper right", ncols=7, fontsize=7)
    return figure


def _row_name(attack: Json, row: Json) -> str:
    known = row.get("knowledge") or {}
    return (
        f"{attack.get('label')}: {row.get('mask')}, {row.get('fill')} ({known.get('roi')}/{known.get('roa')})"
    )
