"""The pictures of a comparison: the difference map with its outlines, both means, the forest of effects."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from spatialstats.report import svg, text
from spatialstats.report.images import picture_uri, reduce, sprite_uri
from spatialstats.report.outlines import outline
from spatialstats.report.palette import OPPOSED, colormap
from spatialstats.report.svg import el

Json = Mapping[str, Any]
Maps = Mapping[str, NDArray[Any]]

SIDE = 224
"""Pixels a side that a map is drawn with at the most."""
DOTTED = 64
"""Pixels a side up to which each significant pixel has its own dot."""

WIDTH, LEFT, RIGHT, ROW = 460.0, 176.0, 378.0, 23.0
GROUPS = ("accuracy", "damage share", "ceiling")
SHORT = {
    "clean": "clean accuracy",
    "robust": "accuracy under attack",
    "shapley.contested": "damage on contested",
    "shapley.protected": "damage on protected",
    "shapley.neutralizable": "damage on neutralizable",
    "shapley.background": "damage on background",
    "ceiling.neutralizable": "ceiling, neutralizable",
    "ceiling.roa": "ceiling, RoA",
    "ceiling.roi": "ceiling, RoI",
    "lift_excess": "lift beyond swaps",
}


def limit_of(maps: Maps) -> float:
    """Where the scale of the difference ends, on both sides."""
    found = float(np.abs(maps["difference"]).max())
    return found if found > 0 else 1.0


def difference_map(maps: Maps, results: Json, uid: str = "diff") -> Markup:
    """The mean difference in colour, with the confidence sets as outlines and what is significant.

    Parameters
    ----------
    maps : mapping of str to numpy.ndarray
        ``maps.npz`` of a comparison.
    results : mapping
        Its ``results.json``.
    uid : str
        Prefix of the ids in this picture.
    """
    difference = np.asarray(maps["difference"], np.float64)
    height, width = difference.shape
    small = reduce(difference[None], SIDE)[0]
    codes = np.rint((np.clip(small / limit_of(maps), -1, 1) + 1) * 127).astype(np.uint8)
    uri = picture_uri(colormap(255, OPPOSED)[codes].transpose(2, 0, 1))
    parts = [el("image", href=uri, width=width, height=height, preserveAspectRatio="none", class_="pixels")]
    marked = np.asarray(maps["significant"], bool)
    if marked.any():
        clusters = "clusters" in maps
        dots = not clusters and max(height, width) <= DOTTED
        path = _dots(marked) if dots else outline(marked)
        parts.append(el("path", d=path, class_="signs" if dots else "signs cluster"))
    for name in ("a_above", "b_above"):
        for grade in ("possible", "certain"):
            path = outline(np.asarray(maps[f"{name}/{grade}"], bool))
            if path:
                parts.append(el("path", d=path, class_=f"set-halo {grade}"))
                parts.append(el("path", d=path, class_=f"set {grade} {name}"))
    counts = [int(np.asarray(maps[f"{name}/certain"]).sum()) for name in ("a_above", "b_above")]
    said = (
        f"Mean difference from {text.number(difference.min(), 3)} to {text.number(difference.max(), 3)}; "
        f"{int(marked.sum())} pixels marked by the test; certain: A above B at {counts[0]}, B above A at "
        f"{counts[1]}."
    )
    first, second = results["names"]
    return el(
        "svg",
        el("title", f"Where {first} and {second} differ", id=f"{uid}-t"),
        el("desc", said, id=f"{uid}-d"),
        *parts,
        viewBox=f"0 0 {width} {height}",
        role="img",
        aria_labelledby=f"{uid}-t {uid}-d",
        class_="photo difference",
    )


def _dots(mask: NDArray[np.bool_]) -> str:
    return "".join(f"M{x + 0.38:.2f} {y + 0.38:.2f}h.24v.24h-.24z" for y, x in np.argwhere(mask).tolist())


def mean_maps(maps: Maps) -> tuple[str, str, float]:
    """Both means as pictures on one scale from 0, and where it ends."""
    both = reduce(np.stack([maps["mean_a"], maps["mean_b"]]).astype(np.float32), SIDE)
    top = float(both.max())
    return sprite_uri(both[:1], top), sprite_uri(both[1:], top), top


def forest(effects: Sequence[Json], uid: str = "forest") -> Markup:
    """Differences with their intervals: shares in points on one axis, the lift on its own below it.

    Parameters
    ----------
    effects : sequence of mapping
        ``effects`` of ``results.json``.
    uid : str
        Prefix of the ids in this picture.
    """
    parts: list[Markup] = []
    spoken: list[str] = []
    top = 8.0
    for unit in ("share", "lift"):
        rows = [row for row in effects if row["unit"] == unit and (unit == "lift" or row["group"] in GROUPS)]
        if not rows:
            continue
        drawn, words = _panel(rows, top, unit)
        parts += drawn
        spoken += words
        top += ROW * len(rows) + 44
    title = "Differences A − B with their intervals"
    return svg.chart(WIDTH, max(top - 18, 20), title, "; ".join(spoken) + ".", uid, *parts)


def _panel(rows: Sequence[Json], top: float, unit: str) -> tuple[list[Markup], list[str]]:
    values = [0.0] + [
        v for row in rows for v in (row["difference"], row["low"], row["high"]) if v is not None
    ]
    low, high = min(values), max(values)
    pad = 0.06 * ((high - low) or 0.1)
    x = svg.scale(low - pad, high + pad, LEFT, RIGHT)
    bottom = top + ROW * len(rows)
    parts = []
    for tick in svg.ticks(low - pad, high + pad, about=4):
        parts.append(svg.line(x(tick), top - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(svg.text(x(tick), bottom + 13, _shown(tick, unit, tick=True), "axis-text", "middle"))
    name = "percentage points" if unit == "share" else "overlap lift"
    parts.append(svg.text(0, bottom + 13, f"A − B, {name}", "axis-text"))
    spoken = []
    for i, row in enumerate(rows):
        middle = top + i * ROW + ROW / 2
        label = SHORT.get(str(row["key"]), str(row["title"]))
        parts.append(svg.text(0, middle + 4.5, label, "effect-label"))
        value, pair = row["difference"], text.ends(row)
        if value is None:
            parts.append(svg.text(max(x(0), LEFT) + 8, middle + 4, "not measured", "axis-text"))
            spoken.append(f"{row['title']}: not measured")
            continue
        quiet = "" if row["clear"] else " control"
        if pair is not None:
            parts.append(svg.whisker(x(pair[0]), x(pair[1]), middle, 4, "whisker" + quiet))
        kind = "mark-effect" if row["paired"] else "mark-energy"
        parts.append(el("circle", cx=x(value), cy=middle, r=4.6, class_=f"mark {kind}{quiet}"))
        parts.append(svg.text(WIDTH - 2, middle + 4.5, _shown(value, unit), "value", "end"))
        ends = f" [{_shown(pair[0], unit)}, {_shown(pair[1], unit)}]" if pair else ""
        spoken.append(f"{row['title']}: {_shown(value, unit)}{ends}")
    return parts, spoken


def _shown(value: float, unit: str, *, tick: bool = False) -> str:
    if unit == "share":
        digits = 0 if tick and abs(100 * value - round(100 * value)) < 1e-9 else 1
        return text.number(100 * value, digits, sign=True)
    return text.number(value, 2 if tick else 3, sign=True)
