"""Controls: what the same number is where nothing is looked at, and places that were searched."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spatialstats.report import svg, text
from spatialstats.report.svg import el

Json = Mapping[str, Any]
WIDTH, LEFT, RIGHT, ROW, TOP = 460.0, 190.0, 408.0, 34.0, 8.0
SMALL = {
    "this model": "RoI with the attack's RoA",
    "edges": "edge map as RoI, no model",
    "random weights": "RoI of the untrained model",
    "clipped noise": "RoI with the RoA of noise",
}
LOCATIONS = {
    "own": "RoI of this model",
    "others": "RoI of the other models",
    "own less others": "this model less the others",
}


def domain(attacks: Sequence[Json]) -> tuple[float, float]:
    """One axis for all attacks."""
    values = [0.0, 0.05]
    for attack in attacks:
        for row in (attack.get("controls") or {}).get("rows") or ():
            values += [v for v in (row.get("low"), row.get("high")) if text.known(v)]
    pad = 0.06 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def controls_forest(attack: Json, ends: tuple[float, float], uid: str) -> Markup | None:
    """Swap excess of the attack and of its controls with intervals; None without them.

    Parameters
    ----------
    attack : mapping
        One attack of ``results.json``.
    ends : pair of float
        Ends of the axis, from `domain`.
    uid : str
        Prefix of the ids in this picture.
    """
    rows = (attack.get("controls") or {}).get("rows") or ()
    if not rows:
        return None
    x, bottom = svg.scale(*ends, LEFT, RIGHT), TOP + ROW * len(rows)
    parts, spoken = [], []
    for tick in svg.ticks(*ends, about=4):
        parts.append(svg.line(x(tick), TOP - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(svg.text(x(tick), bottom + 14, text.number(tick, 1, sign=True), "axis-text", "middle"))
    for i, row in enumerate(rows):
        key, middle = str(row.get("key")), TOP + (i + 0.5) * ROW - 1
        quiet = "" if i == 0 else " control"
        parts.append(svg.text(4, TOP + i * ROW + 14, key, "row-label"))
        parts.append(svg.text(4, TOP + i * ROW + 28, SMALL.get(key, ""), "axis-text"))
        value, pair = text.point(row), text.ends(row)
        if value is None or pair is None:
            continue
        parts.append(svg.whisker(x(pair[0]), x(pair[1]), middle, 4, "whisker" + quiet))
        parts.append(el("circle", cx=x(value), cy=middle, r=5, class_="mark mark-effect" + quiet))
        parts.append(svg.text(WIDTH - 4, middle + 4.5, text.number(value, 2, sign=True), "value", "end"))
        spoken.append(f"{key} {text.number(value, 3, sign=True)} {_range(row, '')}")
    title = f"Swap excess of {attack.get('label')} and of its controls, with 95 % intervals"
    return svg.chart(WIDTH, bottom + 20, title, "; ".join(spoken) + ".", uid, *parts)


def controls_parts(attack: Json, ends: tuple[float, float], uid: str) -> dict[str, Any] | None:
    """What the page shows of one attack's controls; None without them."""
    held = attack.get("controls")
    if not held:
        return None
    return {
        "forest": controls_forest(attack, ends, uid),
        "sentence": held.get("sentence"),
        "left_out": held.get("left_out"),
        "n": text.count(held.get("n")),
        "rows": [
            {
                "title": row.get("title"),
                "observed": text.number(row.get("observed"), 3),
                "swapped": text.number(row.get("swapped"), 3),
                "effect": text.number(row.get("effect"), 3, sign=True),
                "range": _range(row, ""),
                "less": text.number(row.get("real_less"), 3, sign=True) if i else text.DASH,
                "less_range": _range(row, "real_less_") if i else "",
            }
            for i, row in enumerate(held.get("rows") or ())
        ],
    }


def _range(row: Json, prefix: str) -> str:
    ends = {end: row.get(prefix + end) for end in ("low", "high")}
    return text.bracket(ends, 3, fraction=False, sign=True)


def location_parts(attack: Json) -> dict[str, Any] | None:
    """The test of the places that an attack searched; None of attacks that tell none."""
    held = attack.get("location")
    if not held:
        return None
    tests = held.get("tests") or {}
    return {
        "value": held.get("value"),
        "unknown": text.count(held.get("n_unknown")),
        "rows": [
            {
                "title": LOCATIONS.get(key, key),
                "observed": text.percent(test.get("observed"), sign=key == "own less others"),
                "expected": text.percent(test.get("expected"), sign=key == "own less others"),
                "effect": text.percent(test.get("effect"), sign=True, unit=False),
                "range": text.bracket(test, sign=True),
                "p": text.p_value(test),
                "n": text.count(test.get("n")),
            }
            for key, test in tests.items()
        ],
        "sentence": (tests.get("own") or {}).get("sentence"),
    }
