"""Charts of an evaluation of defences: every accuracy of a cell on one axis, and success against budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spatialstats.report import svg, text
from spatialstats.report.charts import short
from spatialstats.report.svg import el

Json = Mapping[str, Any]

WIDTH, LEFT, RIGHT, ROW = 620.0, 212.0, 560.0, 34.0
CURVE_WIDTH, CURVE_HEIGHT = 400.0, 190.0
MARKS = {
    "worst": "worst case over attacks that know the defence",
    "certified": "certified",
    "static": "static: an attack that did not know of it",
    "ceiling": "restoration ceiling of the static attack",
    "clean": "clean",
}
DASHES = ("", "7 3", "2 3", "9 3 2 3", "4 4")


def accuracies(cells: Sequence[Json], uid: str) -> Markup:
    """One row a defence against one threat, and the undefended model first.

    Parameters
    ----------
    cells : sequence of mapping
        Cells of one threat, as `results.json` has them.
    uid : str
        Prefix of the ids in this picture.
    """
    x = svg.scale(0, 1, LEFT, RIGHT)
    top = 10.0
    bottom = top + ROW * (len(cells) + 1)
    parts: list[Markup] = []
    for tick in (0, 0.25, 0.5, 0.75, 1):
        parts.append(svg.line(x(tick), top - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(svg.text(x(tick), bottom + 14, text.percent(tick, 0), "axis-text", "middle"))
    first = cells[0]
    bare = {
        "clean": first["static"]["undefended_clean"],
        "static": first["static"]["undefended_static"],
        "worst": _weakest([cell["adaptive"]["undefended_worst_case"] for cell in cells]),
    }
    spoken = []
    rows = [("no defence", bare, False)]
    rows += [(cell["label"], values_of(cell), bool(cell["adaptive"]["flags"])) for cell in cells]
    for index, (label, values, flagged) in enumerate(rows):
        y = top + (index + 0.5) * ROW
        parts.append(svg.text(0, y + 4, short(label, 25), "row-label" if index else "axis-text"))
        parts.append(svg.line(x(0), y, x(1), y, "rail"))
        parts += [mark for name in reversed(MARKS) for mark in _mark(name, values.get(name), x, y)]
        worst = text.point(values.get("worst"))
        parts.append(
            svg.text(WIDTH, y + 4.5, text.percent(worst) + ("†" if flagged else ""), "value strong", "end")
        )
        spoken.append(
            f"{label}: "
            + ", ".join(
                f"{name} {text.percent(text.point(values.get(name)))}"
                for name in MARKS
                if text.point(values.get(name)) is not None
            )
        )
    title = f"Accuracies of defences against {first['threat_text']}"
    return svg.chart(WIDTH, bottom + 20, title, "; ".join(spoken) + ".", uid, *parts)


def values_of(cell: Json) -> dict[str, Any]:
    """The accuracies of a cell by the name of their mark."""
    return {
        "worst": cell["adaptive"]["worst_case"],
        "certified": (cell["certified"] or {}).get("certified"),
        "static": cell["static"]["static"],
        "ceiling": cell["static"]["ceiling"],
        "clean": cell["static"]["clean"],
    }


def curves(cells: Sequence[Json], uid: str) -> Markup | None:
    """Robust accuracy against the attacker's budget; one line a defence, told apart by dashes and labels."""
    drawn = [cell for cell in cells if len(cell["adaptive"]["curve"]) > 1]
    if not drawn:
        return None
    factors = sorted({point["factor"] for cell in drawn for point in cell["adaptive"]["curve"]})
    at = {factor: index for index, factor in enumerate(factors)}
    left, right, top, bottom = 40.0, CURVE_WIDTH - 8, 8.0, CURVE_HEIGHT - 34
    x = svg.scale(0, max(1, len(factors) - 1), left, right)
    y = svg.scale(0, 1, bottom, top)
    parts: list[Markup] = []
    for tick in (0, 0.5, 1):
        parts.append(svg.line(left, y(tick), right, y(tick), "grid" if tick else "zero"))
        parts.append(svg.text(left - 6, y(tick) + 4, text.percent(tick, 0), "axis-text", "end"))
    for factor, index in at.items():
        anchor = "end" if index == len(factors) - 1 else "middle"
        parts.append(svg.text(x(index), bottom + 15, f"{factor:g}×", "axis-text", anchor))
    spoken = []
    for k, cell in enumerate(drawn):
        points = [
            (x(at[point["factor"]]), y(point["robust_accuracy"]["value"]))
            for point in cell["adaptive"]["curve"]
        ]
        path = "M" + "L".join(f"{a:.1f} {b:.1f}" for a, b in points)
        dash = DASHES[k % len(DASHES)]
        parts.append(el("path", d=path, class_="curve stroke-ink", stroke_dasharray=dash or None))
        parts += [el("circle", cx=a, cy=b, r=3, class_="mark") for a, b in points]
        spoken.append(
            f"{cell['label']}: "
            + ", ".join(
                f"{point['factor']:g} times {text.percent(point['robust_accuracy']['value'])}"
                for point in cell["adaptive"]["curve"]
            )
        )
    title = f"Accuracy against the attacker's budget, multiples of {drawn[0]['threat_text']}"
    return svg.chart(CURVE_WIDTH, CURVE_HEIGHT - 12, title, "; ".join(spoken) + ".", uid, *parts)


def legend(cells: Sequence[Json]) -> list[dict[str, str]]:
    """Names and dashes of the lines of `curves`."""
    drawn = [cell for cell in cells if len(cell["adaptive"]["curve"]) > 1]
    return [
        {"label": cell["label"], "dash": DASHES[k % len(DASHES)] or "none"} for k, cell in enumerate(drawn)
    ]


def _weakest(intervals: Sequence[Json]) -> Json:
    """The lowest of several accuracies: the undefended model under the most trials."""
    return min(intervals, key=lambda item: float(item["value"]))


def _mark(name: str, item: Any, x: Any, y: float) -> list[Markup]:
    value, pair = text.point(item), text.ends(item)
    if value is None:
        return []
    at, parts = x(value), []
    if name == "worst":
        if pair is not None:
            parts.append(svg.whisker(x(pair[0]), x(pair[1]), y, 5))
        parts.append(el("circle", cx=at, cy=y, r=6, class_="mark"))
    elif name == "certified":
        parts.append(el("path", d=f"M{at - 6:.1f} {y + 5:.1f}h12l-6 -11z", class_="mark certified"))
    elif name == "static":
        parts.append(el("circle", cx=at, cy=y, r=5, class_="mark-energy mark control"))
    else:
        class_ = "ref ref-ceiling" if name == "ceiling" else "ref"
        parts.append(svg.line(at, y - 9, at, y + 9, class_))
    return parts
