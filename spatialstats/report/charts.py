"""The two charts of the first screen: paired share bars, and co-location effects with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spatialstats.report import svg, text
from spatialstats.report.palette import SEGMENTS
from spatialstats.report.svg import el

Json = Mapping[str, Any]
NOTED = " (see the note)"

BAR_WIDTH, BAR_LEFT, BAR_RIGHT = 500.0, 112.0, 406.0
FOREST_WIDTH, FOREST_LEFT, FOREST_RIGHT = 400.0, 130.0, 340.0


def ratio(segment: Json) -> float | None:
    """Damage share over area share."""
    area, damage = text.point(segment.get("area")), text.point(segment.get("damage"))
    return damage / area if area and damage is not None else None


def share_bars(segments: Json, label: str, uid: str, domain: tuple[float, float]) -> Markup:
    """Area share against damage share of every segment, with intervals.

    Parameters
    ----------
    segments : mapping
        ``segments`` of one attack in ``results.json``.
    label : str
        The attack's label.
    uid : str
        Prefix of the ids in this picture.
    domain : pair of float
        Ends of the shared axis, as fractions.
    """
    x = svg.scale(*domain, BAR_LEFT, BAR_RIGHT)
    row, top = 56.0, 22.0
    bottom = top + row * len(SEGMENTS)
    parts = [svg.text(BAR_WIDTH, 11, "accuracy if restored", "axis-text", "end")]
    for tick in svg.ticks(*domain):
        parts.append(svg.line(x(tick), top - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(svg.text(x(tick), bottom + 14, text.percent(tick, 0), "axis-text", "middle"))
    spoken = []
    for index, name in enumerate(SEGMENTS):
        segment = segments.get(name) or {}
        y = top + index * row
        parts += _pair(segment, name, y, x)
        spoken.append(
            f"{name}: {text.percent(text.point(segment.get('area')))} of the area, "
            f"{text.percent(text.point(segment.get('damage')))} of the damage"
        )
    title = f"Area share against damage share per segment, {label}"
    return svg.chart(BAR_WIDTH, bottom + 20, title, "; ".join(spoken) + ".", uid, *parts)


def _pair(segment: Json, name: str, y: float, x: Any) -> list[Markup]:
    times = ratio(segment)
    parts = [
        svg.text(0, y + 19, name, "row-label"),
        svg.text(0, y + 35, f"{text.number(times, 1)}× its area" if times is not None else "", "axis-text"),
    ]
    for key, offset, height, class_ in (
        ("area", 5.0, 15.0, "bar-area"),
        ("damage", 24.0, 19.0, "bar-damage"),
    ):
        item = segment.get(key)
        value, pair = text.point(item), text.ends(item)
        middle = y + offset + height / 2
        if value is None:
            parts.append(svg.text(x(0) + 6, middle + 4, text.DASH, "value"))
            continue
        left, right = sorted((x(0), x(value)))
        parts.append(
            el(
                "rect",
                x=left,
                y=y + offset,
                width=max(right - left, 0.75),
                height=height,
                class_=f"{class_} seg-{name}",
                rx=1.5,
            )
        )
        reach = right
        if pair is not None:
            parts.append(svg.whisker(x(pair[0]), x(pair[1]), middle, 3.5))
            reach = max(right, x(pair[1]))
        weight = "value strong" if key == "damage" else "value"
        parts.append(svg.text(reach + 6, middle + 4.5, text.percent(value), weight))
    restored = text.point(segment.get("restored"))
    parts.append(svg.text(BAR_WIDTH, y + 38, text.percent(restored), "value", "end"))
    return parts


def share_domain(attacks: Sequence[Json]) -> tuple[float, float]:
    """One axis for the bars of all attacks, so that switching tabs compares them."""
    values = [0.0, 0.1]
    for attack in attacks:
        for name in SEGMENTS:
            for key in ("area", "damage"):
                item = ((attack.get("segments") or {}).get(name) or {}).get(key)
                values += [v for v in (text.point(item), *(text.ends(item) or ())) if v is not None]
    low, high = min(values), max(values)
    room = 0.17 * (high - min(low, 0.0))  # for the number behind the longest bar
    return (low - 0.02 if low < 0 else 0.0), high + room


def lift_forest(attacks: Sequence[Json], keys: Mapping[str, str], uid: str) -> Markup:
    """Lift in excess of the image-swap null with intervals, every attack and its two attack maps.

    Parameters
    ----------
    attacks : sequence of mapping
        ``attacks`` of ``results.json``.
    keys : mapping of str to str
        Attack name to the short key that the page's script knows it by.
    uid : str
        Prefix of the ids in this picture.
    """
    rows, values = [], [0.0]
    for attack in attacks:
        tests = attack.get("colocation") or {}
        marks = [(kind, tests.get(kind)) for kind in kinds(attacks)]
        rows.append((attack, marks))
        for _, item in marks:
            values += [v for v in (text.point(_lift(item)), *(text.ends(item) or ())) if v is not None]
    low, high = min(values), max(values)
    pad = 0.06 * ((high - low) or 1.0)
    domain = (low - pad, high + pad)
    x = svg.scale(*domain, FOREST_LEFT, FOREST_RIGHT)
    row = 54.0 if len(rows) <= 4 else max(34.0, 216.0 / len(rows))
    top, bottom = 12.0, 12.0 + row * max(len(rows), 1)
    parts = [
        el(
            "rect",
            x=-4,
            y=top + i * row,
            width=FOREST_WIDTH + 4,
            height=row - 4,
            rx=4,
            class_="row-back",
            data_row=keys.get(str(attack.get("name"))),
        )
        for i, (attack, _) in enumerate(rows)
    ]
    for tick in svg.ticks(*domain, about=4):
        parts.append(svg.line(x(tick), top - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(
            svg.text(
                x(tick), bottom + 14, text.number(tick, _digits(domain), sign=True), "axis-text", "middle"
            )
        )
    spoken = []
    for index, (attack, marks) in enumerate(rows):
        y = top + index * row
        drawn, words = _forest_row(attack, marks, y, row, x)
        parts.append(el("g", *drawn))
        spoken.append(f"{attack.get('label')}: {words}")
    title = "Lift in excess of swapped images, with 95 % intervals"
    return svg.chart(FOREST_WIDTH, bottom + 20, title, "; ".join(spoken) + ".", uid, *parts)


def kinds(attacks: Sequence[Json]) -> list[str]:
    """The attack maps that were tested: the one that regions come from, then the energy map."""
    found = dict.fromkeys(kind for attack in attacks for kind in attack.get("colocation") or {})
    return [kind for kind in found if kind != "energy"] + [kind for kind in found if kind == "energy"]


def _digits(domain: tuple[float, float]) -> int:
    return 1 if domain[1] - domain[0] > 0.5 else 2


def _lift(item: Any) -> Any:
    return {"value": item.get("effect")} if isinstance(item, Mapping) else None


def _forest_row(
    attack: Json, marks: list[tuple[str, Any]], y: float, row: float, x: Any
) -> tuple[list[Markup], str]:
    control = bool(attack.get("control"))
    label = str(attack.get("label") or attack.get("name"))
    lines = list(zip(wrap(label), ("row-label", "axis-text"), strict=False))
    if control and (len(lines) == 1 or row >= 50):  # a low row has no room for a third line: grey marks tell
        lines.append(("control", "axis-text"))
    first = y + (row - 4) / 2 + 5 - 7 * (len(lines) - 1)
    parts = [svg.text(4, first + 14 * i, part, class_) for i, (part, class_) in enumerate(lines)]
    words = []
    for index, (kind, item) in enumerate(marks):
        middle = y + row * ((0.28 + 0.38 * index) if len(marks) > 1 else 0.46)
        value, pair = text.point(_lift(item)), text.ends(item)
        if value is None:
            formed = kind == "energy" or (attack.get("effect") or {}).get("formed", True)
            absent = "too few regions" if formed else "no region formed"
            parts.append(svg.text(max(x(0), FOREST_LEFT) + 8, middle + 4, absent, "axis-text"))
            words.append(absent)
            continue
        if pair is not None:
            parts.append(
                svg.whisker(x(pair[0]), x(pair[1]), middle, 4, "whisker " + ("control" if control else ""))
            )
        at = x(value)
        class_ = f"mark mark-{kind}" + (" control" if control else "")
        if kind != "energy":
            parts.append(el("circle", cx=at, cy=middle, r=5, class_=class_))
        else:
            parts.append(
                el("path", d=f"M{at:.2f} {middle - 5.5:.2f}l5.5 5.5l-5.5 5.5l-5.5 -5.5z", class_=class_)
            )
        shown = text.number(value, 2, sign=True) + ("†" if item.get("note") else "")
        parts.append(svg.text(FOREST_WIDTH - 4, middle + 4.5, shown, "value", "end"))
        said = f"{kind} map {text.number(value, 2, sign=True)} {text.bracket(item, 2, fraction=False)}"
        words.append(said + (NOTED if item.get("note") else ""))
    return parts, ", ".join(words)


def wrap(label: str, limit: int = 14, small: int = 20) -> list[str]:
    """A label on one line or two, the second in small print, cut where even they do not hold it."""
    if len(label) <= limit + 2:
        return [label]
    head, words = "", label.split()
    while words and (not head or len(head) + 1 + len(words[0]) <= limit):
        head = f"{head} {words.pop(0)}".strip()
    rest = " ".join(words)
    return [short(head, limit), short(rest, small)] if rest else [short(head, limit)]


def short(label: str, limit: int) -> str:
    """A label cut to what the margin of a chart holds."""
    return label if len(label) <= limit else label[: limit - 1].rstrip() + "…"
