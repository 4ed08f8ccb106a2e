"""Rows of the report's tables as plain dictionaries of finished strings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from spatialstats.report import text
from spatialstats.report.charts import kinds, ratio
from spatialstats.report.curves import accuracy_strip
from spatialstats.report.palette import SEGMENTS

Json = Mapping[str, Any]
MOST_REGIONS = 6
"""Regions shown of one mask by one method."""
ORDER = ("roi", "roa", "neutralizable")

REGIONS = {"roi": "RoI", "roa": "RoA", "neutralizable": "RoA − RoI"}
CONTROLS = ("swapped", "blob", "scattered")
MASKS = {"roa-minus-roi": "RoA − RoI", "roa": "whole RoA", "prior": "learnt mask"}


def cell(item: Any, *, sign: bool = False, points: bool = False) -> dict[str, str]:
    """Value and interval of an interval; `points` writes differences in percentage points."""
    value = text.percent(text.point(item), unit=not points, sign=sign)
    return {"value": value, "range": text.bracket(item, sign=False)}


def share_rows(segments: Json) -> list[dict[str, Any]]:
    """The data behind the share bars."""
    rows = []
    for name in SEGMENTS:
        segment = segments.get(name) or {}
        rows.append(
            {
                "name": name,
                "area": cell(segment.get("area")),
                "damage": cell(segment.get("damage")),
                "ratio": text.number(ratio(segment), 2),
                "restored": cell(segment.get("restored")),
            }
        )
    return rows


def lift_rows(attacks: list[Json]) -> list[dict[str, Any]]:
    """The data behind the co-location chart."""
    rows = []
    for attack in attacks:
        for kind in kinds(attacks):
            item = (attack.get("colocation") or {}).get(kind)
            if not item:
                continue
            rows.append(
                {
                    "attack": attack.get("label"),
                    "control": bool(attack.get("control")),
                    "map": kind,
                    "observed": text.number(item.get("observed"), 3),
                    "swapped": text.number(item.get("swapped"), 3),
                    "effect": text.number(item.get("effect"), 3, sign=True),
                    "range": text.bracket(item, 3, fraction=False, sign=True),
                    "z": text.number(item.get("z"), 1),
                    "p": text.p_value(item),
                    "p_adjusted": text.p_value({"p_value": item.get("p_adjusted")}),
                    "n_adjusted": text.count(item.get("n_adjusted")),
                    "n": text.count(item.get("n")),
                    "note": item.get("note"),
                }
            )
    return rows


def knowledge(row: Json) -> str:
    """Where the masks came from, in words."""
    known = row.get("knowledge") or {}
    labels = "labels" if known.get("labels") else "no labels"
    return f"{known.get('roi', '?')} RoI, {known.get('roa', '?')} RoA, {labels}"


def deployable(row: Json) -> bool:
    """Whether a defender could have the row's mask; of runs that do not say it, by the knowledge."""
    known = row.get("knowledge") or {}
    oracle = "oracle" in (known.get("roi"), known.get("roa")) or bool(known.get("labels"))
    return bool(row.get("deployable", not oracle))


def above_ceiling(row: Json) -> str | None:
    """What must be said of a neutralized accuracy shown to lie above its ceiling; None of others."""
    own, ceiling = text.point(row.get("neutralized")), text.point(row.get("ceiling"))
    excess_ends = text.ends(row.get("gain_over_ceiling"))
    if own is None or ceiling is None or excess_ends is None or excess_ends[0] <= 0:
        return None
    mask = MASKS.get(str(row.get("mask")), str(row.get("mask")))
    scattered = text.point(row.get("scattered"))
    compare = f" (scattered pixels: {text.percent(scattered)})" if scattered is not None else ""
    excess = f"{text.percent(own - ceiling, unit=False)} {text.bracket(row.get('gain_over_ceiling'))}".strip()
    return (
        f"{mask}: {text.percent(own)} lies above the ceiling of {text.percent(ceiling)}, by {excess} points. "
        f"The restored pixels do not explain the excess; compare the scattered control{compare}."
    )


def neutralization_rows(attack: Json, key: str) -> list[dict[str, Any]]:
    """One row a defended accuracy, with everything that must stand beside it."""
    rows = []
    for index, row in enumerate(attack.get("neutralization") or []):
        rows.append(
            {
                "knowledge": knowledge(row),
                "deployable": deployable(row),
                "above": above_ceiling(row),
                "mask": MASKS.get(str(row.get("mask")), str(row.get("mask"))),
                "fill": row.get("fill"),
                "area": text.percent(row.get("area"), 0),
                "n": text.count(row.get("n")),
                "static": row.get("static", True),
                "strip": accuracy_strip(row, f"n{index}-{key}"),
                **{
                    name: cell(row.get(name))
                    for name in (
                        "clean",
                        "clean_neutralized",
                        "attacked",
                        "neutralized",
                        "ceiling",
                        *CONTROLS,
                    )
                },
                **{
                    f"gain_over_{name}": cell(row.get(f"gain_over_{name}"), sign=True, points=True)
                    for name in CONTROLS
                },
            }
        )
    return rows


def fill_rows(attack: Json) -> list[dict[str, Any]]:
    """Fills as they did on the choose split."""
    return [
        {
            "fill": row.get("fill"),
            "accuracy": cell(row.get("choose_accuracy")),
            "clean": cell(row.get("choose_clean")),
            "chosen": bool(row.get("chosen")),
        }
        for row in attack.get("fills") or []
    ]


def region_rows(attack: Json, shared: Sequence[Json] = ()) -> tuple[dict[str, list[dict[str, str]]], int]:
    """The weightiest regions of the densities: a list a method, and how many were left out.

    Parameters
    ----------
    attack : mapping
        One attack of ``results.json``.
    shared : sequence of mapping
        Regions that belong to no attack: those of importance.
    """
    found: dict[str, list[dict[str, str]]] = {}
    kept: dict[tuple[str, ...], int] = {}
    regions = [*shared, *(attack.get("regions") or [])]
    regions.sort(key=lambda region: (_order(region), -(region.get("mass") or 0)))
    for region in regions:
        of = tuple(str(region.get(name)) for name in ("method", "mask", "class"))
        kept[of] = kept.get(of, 0) + 1
        if kept[of] <= MOST_REGIONS:
            found.setdefault(str(region.get("method") or "regions"), []).append(_region(region))
    found = dict(sorted(found.items(), key=lambda item: item[0] != "components"))
    return found, sum(max(0, n - MOST_REGIONS) for n in kept.values())


def _order(region: Json) -> tuple[str, int]:
    mask = region.get("mask")
    return str(region.get("class") or ""), ORDER.index(mask) if mask in ORDER else len(ORDER)


def _region(region: Json) -> dict[str, str]:
    def pair(values: Any, digits: int) -> str:
        return ", ".join(text.number(value, digits) for value in values or ()) or text.DASH

    box = region.get("bbox") or (None,) * 4
    return {
        "class": str(region.get("class") or "all"),
        "kind": str(region.get("mask")),
        "mask": REGIONS.get(str(region.get("mask")), str(region.get("mask"))),
        "method": str(region.get("method", "")),
        "label": text.count(region.get("label")),
        "area": text.count(region.get("area")),
        "centroid": pair(region.get("centroid"), 1),
        "rows": f"{text.count(box[0])}–{text.count(box[2])}",
        "columns": f"{text.count(box[1])}–{text.count(box[3])}",
        "eccentricity": text.number(region.get("eccentricity"), 2),
        "mass": text.number(region.get("mass"), 1),
        "peak": text.number(region.get("peak"), 2),
        "importance": text.number(region.get("mean_importance"), 3),
        "attack": text.number(region.get("mean_attack"), 3),
    }


def outcome_rows(attacks: list[Json]) -> list[dict[str, Any]]:
    """Attack, budget, robust accuracy, outcomes and the quality of the effect map."""
    rows = []
    for attack in attacks:
        outcomes, effect = attack.get("outcomes") or {}, attack.get("effect") or {}
        error = effect.get("completeness_error")
        rows.append(
            {
                "label": attack.get("label"),
                "control": bool(attack.get("control")),
                "budget": (attack.get("budget") or {}).get("text"),
                "robust": cell(attack.get("robust_accuracy")),
                **{
                    name: text.count(outcomes.get(name))
                    for name in ("misclassified", "resisted", "succeeded")
                },
                "error": text.percent(error, 2),
                "cancellation": text.number(effect.get("cancellation"), 2),
                "formed": "yes" if effect.get("formed") else f"no: {effect.get('reason') or 'no net change'}",
                "n_formed": text.count(effect.get("n_formed")),
            }
        )
    return rows
