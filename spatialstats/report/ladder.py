"""The ladder of co-location: how far the evidence goes that an attack hits where this model looks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from spatialstats.report import svg, text
from spatialstats.report.svg import el

Json = Mapping[str, Any]
WIDTH, LEFT, RIGHT, ROW, TOP = 400.0, 152.0, 348.0, 34.0, 8.0
LINES = {
    "population": ("population", "against any two images"),
    "class": ("class", "against the same class"),
    "content": ("image content", "RoI of other models"),
    "model": ("this model", "own RoI − other models'"),
    "noise": ("beyond noise", "attack − equal noise"),
    "model beyond noise": ("both", "this model, beyond noise"),
}
"""Label and small print of every rung."""


def rungs(attack: Json) -> list[Json]:
    """The rungs of an attack's ladder in order, the contrast of contrasts last; none without a ladder."""
    ladder = attack.get("ladder")
    return [*ladder["rungs"], ladder["model_noise"]] if ladder else []


def domain(attacks: Sequence[Json]) -> tuple[float, float]:
    """One axis for the ladders of all attacks, so that switching tabs compares them."""
    values = [0.0, 0.05]
    for attack in attacks:
        for rung in rungs(attack):
            values += [v for v in (rung.get("low"), rung.get("high")) if v is not None]
    pad = 0.06 * (max(values) - min(values))
    return min(values) - pad, max(values) + pad


def ladder_forest(attack: Json, ends: tuple[float, float], uid: str) -> Markup | None:
    """Excess of the overlap lift with its interval on every rung; None without a ladder.

    Parameters
    ----------
    attack : mapping
        One attack of ``results.json``.
    ends : pair of float
        Ends of the axis, from `domain`.
    uid : str
        Prefix of the ids in this picture.
    """
    found = rungs(attack)
    if not found:
        return None
    x = svg.scale(*ends, LEFT, RIGHT)
    bottom = TOP + ROW * len(found)
    parts = []
    for tick in svg.ticks(*ends, about=4):
        parts.append(svg.line(x(tick), TOP - 4, x(tick), bottom, "grid" if tick else "zero"))
        parts.append(svg.text(x(tick), bottom + 14, text.number(tick, 1, sign=True), "axis-text", "middle"))
    spoken = []
    for i, rung in enumerate(found):
        drawn, words = _row(rung, TOP + i * ROW, x)
        parts.append(el("g", *drawn))
        spoken.append(words)
    title = f"Evidence that {attack.get('label')} hits where this model looks, with 95 % intervals"
    return svg.chart(WIDTH, bottom + 20, title, "; ".join(spoken) + ".", uid, *parts)


def _row(rung: Json, y: float, x: Any) -> tuple[list[Markup], str]:
    name, small = LINES.get(str(rung.get("key")), (str(rung.get("key")), ""))
    parts = [svg.text(4, y + 14, name, "row-label"), svg.text(4, y + 28, small, "axis-text")]
    middle = y + ROW / 2 - 1
    value, pair = rung.get("excess"), text.ends(rung)
    if value is None or pair is None:
        parts.append(svg.text(max(x(0), LEFT) + 8, middle + 4, "not tested", "axis-text"))
        return parts, f"{name}: not tested"
    quiet = "" if rung.get("above") else " control"
    parts.append(svg.whisker(x(pair[0]), x(pair[1]), middle, 4, "whisker" + quiet))
    parts.append(el("circle", cx=x(value), cy=middle, r=5, class_="mark mark-effect" + quiet))
    parts.append(svg.text(WIDTH - 4, middle + 4.5, text.number(value, 2, sign=True), "value", "end"))
    said = f"{name}: {text.number(value, 3, sign=True)} {text.bracket(rung, 3, fraction=False, sign=True)}"
    return parts, said


def ladder_rows(attack: Json) -> list[dict[str, str]]:
    """The data behind the chart."""
    return [
        {
            "title": str(rung.get("title")),
            "observed": text.number(rung.get("observed"), 3),
            "reference": text.number(rung.get("reference"), 3),
            "excess": text.number(rung.get("excess"), 3, sign=True),
            "range": text.bracket(rung, 3, fraction=False, sign=True),
            "p": text.p_value(rung) if rung.get("p_value") is not None else text.DASH,
            "n": text.count(rung.get("n")),
            "null": str(rung.get("null")),
        }
        for rung in rungs(attack)
    ]


def ladder_parts(
    attack: Json, ends: tuple[float, float], uid: str, models: Sequence[Json] = ()
) -> dict[str, Any]:
    """What the page shows of one attack's ladder; an empty chart without one."""
    held = attack.get("ladder") or {}
    right = {
        str(model.get("name")): text.percent(text.point(model.get("clean_accuracy"))) for model in models
    }
    return {
        "forest": ladder_forest(attack, ends, uid),
        "verdict": held.get("verdict"),
        "sentence": held.get("sentence"),
        "others": ", ".join(
            f"{name} ({right.get(name, text.DASH)} right)" for name in held.get("others") or ()
        )
        or "none",
        "rows": ladder_rows(attack),
    }
