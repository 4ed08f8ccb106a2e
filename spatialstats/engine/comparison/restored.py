"""Accuracies with true pixels put back or with a fill: both sides and their difference."""

from __future__ import annotations

from typing import Any

import pandas as pd

from spatialstats.engine.comparison.pairing import FEWEST, Pairing, Side
from spatialstats.engine.comparison.rows import EffectRow, row_of
from spatialstats.stats.differences import independent_difference
from spatialstats.stats.intervals import paired_difference

Json = dict[str, Any]
CEILINGS = {
    "neutralizable": "ceiling, neutralizable put back",
    "roa": "ceiling, whole RoA put back",
    "roi": "ceiling, whole RoI put back",
}
BESIDE = ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling", "swapped", "blob", "scattered")


def ceiling_rows(a: Side, b: Side, pairing: Pairing, level: float) -> list[EffectRow]:
    """Restoration ceilings, paired where both runs keep them image by image; none without an RoA."""
    found = [side.entry.get("ceilings") or {} for side in (a, b)]
    if not all(found):
        return []
    return [
        _kept(f"ceiling.{key}", title, "ceiling", f"ceiling.{key}", (a, b), pairing, level)
        or _unpaired(f"ceiling.{key}", title, "ceiling", [one[key] for one in found], level)
        for key, title in CEILINGS.items()
    ]


def _kept(
    key: str, title: str, group: str, column: str, sides: tuple[Side, Side], pairing: Pairing, level: float
) -> EffectRow | None:
    """A share that both runs keep image by image, on the shared images that have it; else None."""
    names = [f"{side.attack}.{column}" for side in sides]
    if any(name not in side.samples for side, name in zip(sides, names, strict=True)):
        return None
    values = [
        pd.array(side.column(at, name), dtype="boolean")
        for side, at, name in zip(sides, (pairing.a, pairing.b), names, strict=True)
    ]
    both = ~(values[0].isna() | values[1].isna())
    if both.sum() < FEWEST:
        return None
    first, second = (one[both].to_numpy(bool) for one in values)
    found = paired_difference(first, second, confidence=level)
    return row_of(key, title, group, "share", (first.mean(), second.mean()), found, True)


def _unpaired(key: str, title: str, group: str, sides: list[Json], level: float) -> EffectRow:
    n = (int(sides[0]["n"]), int(sides[1]["n"]))
    hits = (round(sides[0]["value"] * n[0]), round(sides[1]["value"] * n[1]))
    found = independent_difference(hits, n, confidence=level)
    return row_of(key, title, group, "share", (sides[0]["value"], sides[1]["value"]), found, False)


def defended_rows(a: Side, b: Side, pairing: Pairing, *, alpha: float) -> list[Json]:
    """Neutralized accuracies that both runs have, each with all that must stand beside it.

    The difference is paired over the shared images of the report split, where both runs keep these one by
    one; otherwise it is of all images of each run, unpaired.
    """
    level, rows = 1 - alpha, []
    theirs = {_key(row): row for row in b.entry.get("neutralization") or []}
    for row in a.entry.get("neutralization") or []:
        other = theirs.get(_key(row))
        if other is None or not (row["neutralized"]["n"] and other["neutralized"]["n"]):
            continue
        column = f"defended.{row['mask']}.neutralized"
        told, whole = ("neutralized", "neutralized", "defended"), [row["neutralized"], other["neutralized"]]
        difference = _kept(*told, column, (a, b), pairing, level) or _unpaired(*told, whole, level)
        rows.append(
            {
                "mask": row["mask"],
                "knowledge": row["knowledge"],
                "deployable": row["deployable"] and other["deployable"],
                "static": bool(row.get("static", True) or other.get("static", True)),
                "a": {"fill": row["fill"], **{name: row.get(name) for name in BESIDE}},
                "b": {"fill": other["fill"], **{name: other.get(name) for name in BESIDE}},
                "adaptive": {"a": row.get("adaptive"), "b": other.get("adaptive")},
                "difference": difference.to_dict(),
            }
        )
    return rows


def _key(row: Json) -> tuple[str, str, str, bool]:
    knowledge = row["knowledge"]
    return row["mask"], knowledge["roi"], knowledge["roa"], bool(knowledge["labels"])
