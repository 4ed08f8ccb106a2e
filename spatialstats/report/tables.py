"""Rows of the report's tables as plain dictionaries of finished strings."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from spatialstats.report import text
from spatialstats.report.charts import ratio
from spatialstats.report.curves import accuracy_strip
from spatialstats.report.palette import SEGMENTS

Json = Mapping[str, Any]
MOST_REGIONS = 40

REGIONS = {"roi": "RoI", "roa": "RoA"}
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
        for kind in ("effect", "energy"):
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


def neutralization_rows(attack: Json, key: str) -> list[dict[str, Any]]:
    """One row a defended accuracy, with everything that must stand beside it."""
    rows = []
    for index, row in enumerate(attack.get("neutralization") or []):
        rows.append(
            {
                "knowledge": knowledge(row),
                "oracle": "oracle" in knowledge(row),
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
                        "swapped",
                        "blob",
                    )
                },
                **{
                    name: cell(row.get(name), sign=True, points=True)
                    for name in ("gain_over_swapped", "gain_over_blob")
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
            "chosen": bool(row.get("chosen")),
        }
        for row in attack.get("fills") or []
    ]


def region_rows(attack: Json) -> tuple[list[dict[str, str]], list[dict[str, str]], int]:
    """Regions of the overall densities, regions by class, and how many were left out."""
    overall: list[dict[str, str]] = []
    by_class: list[dict[str, str]] = []
    regions = sorted(
        attack.get("regions") or [],
        key=lambda r: (
            str(r.get("class") or ""),
            str(r.get("mask")),
            str(r.get("method")),
            -(r.get("mass") or 0),
        ),
    )
    for region in regions:
        (overall if region.get("class") is None else by_class).append(_region(region))
    left_out = max(0, len(overall) - MOST_REGIONS) + max(0, len(by_class) - MOST_REGIONS)
    return overall[:MOST_REGIONS], by_class[:MOST_REGIONS], left_out


def _region(region: Json) -> dict[str, str]:
    def pair(values: Any, digits: int) -> str:
        return ", ".join(text.number(value, digits) for value in values or ()) or text.DASH

    box = region.get("bbox") or (None,) * 4
    return {
        "class": str(region.get("class") or "all"),
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
