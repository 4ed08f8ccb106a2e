"""Small charts below the first screen: sensitivity curves, and accuracies in one table cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spatialstats.report import svg, text
from spatialstats.report.palette import SEGMENTS
from spatialstats.report.svg import el

Json = Mapping[str, Any]
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 410.0, 210.0, 44.0, 300.0, 10.0, 184.0
Points = list[tuple[float, float]]
CONTROL_MARKS = {
    "swapped": (3.5, "m0 -3.5l7 7m0 -7l-7 7"),
    "blob": (4.5, "h9m-4.5 -4.5v9"),
    "scattered": (0.0, "m0 -4.5l4.5 4.5l-4.5 4.5l-4.5 -4.5z"),
}
"""How far left of its value each control's mark begins, and its path: a cross, a plus, a hollow diamond."""


def _path(points: Points, x: Any, y: Any) -> str:
    return "M" + "L".join(f"{x(a):.2f} {y(b):.2f}" for a, b in points)


def _frame(xs: Sequence[float], domain: tuple[float, float], label: Any) -> tuple[list[Markup], Any, Any]:
    x, y = svg.scale(min(xs), max(xs), LEFT, RIGHT), svg.scale(*domain, BOTTOM, TOP)
    parts = []
    for tick in svg.ticks(*domain, about=5):
        parts.append(svg.line(LEFT, y(tick), RIGHT, y(tick), "grid" if tick else "zero"))
        parts.append(svg.text(LEFT - 6, y(tick) + 4, label(tick), "axis-text", "end"))
    for tick in svg.ticks(min(xs), max(xs), about=4):
        parts.append(svg.line(x(tick), BOTTOM, x(tick), BOTTOM + 4, "tick"))
        parts.append(svg.text(x(tick), BOTTOM + 17, text.percent(tick, 0), "axis-text", "middle"))
    return parts, x, y


def _spread(wanted: list[tuple[float, str]], gap: float = 13.0) -> dict[str, float]:
    """Label heights close to the wanted ones that do not overlap."""
    placed: dict[str, float] = {}
    last = -1e9
    for height, name in sorted(wanted):
        last = max(height, last + gap)
        placed[name] = last
    excess = max(0.0, last - (BOTTOM - 6))
    return {name: height - excess for name, height in placed.items()}


def share_curves(
    rows: Sequence[Json], key: str, label: str, uid: str, domain: tuple[float, float]
) -> Markup | None:
    """One line a segment over the top fraction: ``damage`` shares or accuracy once it is ``restored``."""
    lines: dict[str, Points] = {}
    for name in SEGMENTS:
        found = [(row["fraction"], ((row.get("segments") or {}).get(name) or {}).get(key)) for row in rows]
        lines[name] = [(a, value) for a, item in found if (value := text.point(item)) is not None]
    xs = [a for points in lines.values() for a, _ in points]
    if len(set(xs)) < 2:
        return None
    parts, x, y = _frame(xs, domain, lambda tick: text.percent(tick, 0))
    heights = _spread([(y(points[-1][1]), name) for name, points in lines.items() if points])
    for name, points in lines.items():
        if not points:
            continue
        parts.append(el("path", d=_path(points, x, y), class_=f"curve stroke-{name}"))
        parts.append(el("circle", cx=x(points[-1][0]), cy=y(points[-1][1]), r=3, class_=f"seg-{name}"))
        parts.append(svg.text(RIGHT + 8, heights[name] + 4, name, f"line-label label-{name}"))
    spoken = "; ".join(
        f"{name} from {text.percent(points[0][1])} to {text.percent(points[-1][1])}"
        for name, points in lines.items()
        if points
    )
    return svg.chart(WIDTH, HEIGHT, label, spoken + ".", uid, *parts)


def lift_curve(rows: Sequence[Json], label: str, uid: str, domain: tuple[float, float]) -> Markup | None:
    """Lift excess over the top fraction, with its band."""
    found = [(row["fraction"], row.get("lift")) for row in rows]
    points = [(a, value) for a, item in found if (value := text.point(item)) is not None]
    if len(points) < 2:
        return None
    parts, x, y = _frame([a for a, _ in points], domain, lambda tick: text.number(tick, 1, sign=True))
    band = [(a, pair) for a, item in found if (pair := text.ends(item)) is not None]
    if band:
        edge = [(a, low) for a, (low, _) in band] + [(a, high) for a, (_, high) in reversed(band)]
        parts.append(el("path", d=_path(edge, x, y) + "z", class_="band"))
    parts.append(el("path", d=_path(points, x, y), class_="curve stroke-ink"))
    parts += [el("circle", cx=x(a), cy=y(b), r=2.5, class_="mark") for a, b in points]
    ends = text.number(points[-1][1], 2, sign=True)
    parts.append(svg.text(RIGHT + 8, y(points[-1][1]) + 4, ends, "line-label"))
    spoken = f"from {text.number(points[0][1], 2, sign=True)} to {ends}."
    return svg.chart(WIDTH, HEIGHT, label, spoken, uid, *parts)


def curve_domain(attacks: Sequence[Json], key: str) -> tuple[float, float]:
    """One vertical axis for the same curve of all attacks."""
    values = [0.0]
    for attack in attacks:
        for row in attack.get("sensitivity") or []:
            if key == "lift":
                item = row.get("lift")
                values += [v for v in (text.point(item), *(text.ends(item) or ())) if v is not None]
            else:
                found = [
                    text.point((segment or {}).get(key)) for segment in (row.get("segments") or {}).values()
                ]
                values += [v for v in found if v is not None]
    low, high = min(values), max(values)
    span = (high - low) or 1.0
    return (low - 0.05 * span if low < 0 else 0.0), high + 0.05 * span


def accuracy_strip(row: Json, uid: str) -> Markup:
    """One defended accuracy among its references on a line from 0 to 100 %."""
    width, height, y, low = 200.0, 34.0, 11.0, 25.0
    x = svg.scale(0, 1, 8, width - 8)
    parts = [svg.line(x(0), y, x(1), y, "rail")]
    parts += [svg.line(x(tick), y - 3, x(tick), y + 3, "rail") for tick in (0, 0.5, 1)]
    value = {
        name: text.point(row.get(name))
        for name in (
            "attacked",
            "neutralized",
            *CONTROL_MARKS,
            "ceiling",
            "clean",
            "clean_neutralized",
        )
    }
    start, stop = value["attacked"], value["neutralized"]
    if start is not None and stop is not None:
        parts.append(svg.line(x(start), y, x(stop), y, "gain"))
    for name, reach in (("clean", 8.0), ("ceiling", 8.0)):
        if (at := value[name]) is not None:
            parts.append(svg.line(x(at), y - reach, x(at), y + reach, f"ref ref-{name}"))
    for name, (offset, shape) in CONTROL_MARKS.items():
        if (at := value[name]) is not None:
            parts.append(el("path", d=f"M{x(at) - offset:.2f} {low}{shape}", class_=f"ref ref-{name}"))
    if start is not None:
        parts.append(el("circle", cx=x(start), cy=y, r=4, class_="mark hollow"))
    if stop is not None:
        if (pair := text.ends(row.get("neutralized"))) is not None:
            parts.append(svg.whisker(x(pair[0]), x(pair[1]), y, 3))
        parts.append(el("circle", cx=x(stop), cy=y, r=4.5, class_="mark"))
    spoken = ", ".join(f"{name.replace('_', ' ')} {text.percent(found)}" for name, found in value.items())
    return svg.chart(width, height, "Accuracies of this row", spoken + ".", uid, *parts)
