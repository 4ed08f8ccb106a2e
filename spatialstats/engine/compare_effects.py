"""The table of a comparison: numbers of both sides and their differences, paired where the runs allow it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from spatialstats.engine.compare_pairing import Pairing, Side
from spatialstats.segments import SEGMENTS
from spatialstats.stats.differences import independent_difference, ratio_difference
from spatialstats.stats.intervals import Interval, bootstrap_mean, paired_difference
from spatialstats.stats.swap import swap_family
from spatialstats.stats.wording import finite

Json = dict[str, Any]
Unit = Literal["share", "lift"]
ORDER = ("contested", "protected", "neutralizable", "background")
CEILINGS = {
    "neutralizable": "ceiling, neutralizable put back",
    "roa": "ceiling, whole RoA put back",
    "roi": "ceiling, whole RoI put back",
}
BESIDE = ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling", "swapped", "blob", "scattered")


@dataclass(frozen=True)
class EffectRow:
    """One number of both sides, and its difference.

    Parameters
    ----------
    key, title : str
        Its name, and what it is.
    group : str
        Where it stands in the table: "accuracy", "damage share", "area", "lift", "ceiling".
    unit : {"share", "lift"}
        Shares lie in [0, 1].
    a, b : float
        The two sides.
    difference, low, high : float
        ``a - b`` with its interval; NaN where there is none.
    n : int
        Images it stands on.
    paired : bool
        Whether the two sides were compared image by image.
    method : str
        How the interval was made.
    """

    key: str
    title: str
    group: str
    unit: Unit
    a: float
    b: float
    difference: float
    low: float
    high: float
    n: int
    paired: bool
    method: str

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return bool(self.low > 0 or self.high < 0)

    def to_dict(self) -> Json:
        """Ready for JSON, None in place of NaN."""
        return {name: finite(value) for name, value in asdict(self).items()} | {"clear": self.clear}


def effect_rows(
    a: Side, b: Side, pairing: Pairing, *, alpha: float, n_resamples: int, seed: int
) -> tuple[EffectRow, ...]:
    """All rows of the table, in order; those that a side has no data for are left out."""
    level = 1 - alpha
    rows = _accuracies(a, b, pairing, level)
    both = _formed(a, b, pairing)
    if both.any():
        rows += _shares(a, b, pairing, both, seed, level)
    rows += _lifts(a, b, pairing, n_resamples, seed, level)
    rows += _ceilings(a, b, level)
    return tuple(rows)


def _column(side: Side, rows: np.ndarray, name: str) -> np.ndarray:
    return np.asarray(side.samples[name].to_numpy()[rows])


def _row(
    key: str, title: str, group: str, unit: Unit, sides: tuple[float, float], found: Interval, paired: bool
) -> EffectRow:
    return EffectRow(
        key, title, group, unit, float(sides[0]), float(sides[1]), found.value, found.low, found.high,
        found.n, paired, found.method,
    )  # fmt: skip


def _accuracies(a: Side, b: Side, pairing: Pairing, level: float) -> list[EffectRow]:
    rows = []
    of = ((a, pairing.a), (b, pairing.b))
    clean = [_column(side, at, "correct").astype(bool) for side, at in of]
    labels = [_column(side, at, "label") for side, at in of]
    attacked = [_column(side, at, f"{side.attack}.prediction") for side, at in of]
    robust = [ok & (seen == label) for ok, seen, label in zip(clean, attacked, labels, strict=True)]
    tables = [("robust", "accuracy under attack", robust)]
    if a.path.resolve() != b.path.resolve():
        tables.insert(0, ("clean", "clean accuracy", clean))
    for key, title, (first, second) in tables:
        found = paired_difference(first, second, confidence=level)
        rows.append(_row(key, title, "accuracy", "share", (first.mean(), second.mean()), found, True))
    return rows


def _formed(a: Side, b: Side, pairing: Pairing) -> np.ndarray:
    """Which shared images have an RoA and damage shares on both sides, bool (n,)."""
    both = np.ones(pairing.n, bool)
    for side, at in ((a, pairing.a), (b, pairing.b)):
        column = f"{side.attack}.shapley.contested"
        if column not in side.samples:  # a control has none
            return np.zeros(pairing.n, bool)
        both &= np.isfinite(_column(side, at, column).astype(np.float64))
    return both


def _shares(a: Side, b: Side, pairing: Pairing, both: np.ndarray, seed: int, level: float) -> list[EffectRow]:
    rows: list[EffectRow] = []
    of = ((a, pairing.a[both]), (b, pairing.b[both]))
    for what, group in (("shapley", "damage share"), ("area", "area")):
        values = [
            np.stack([_column(side, at, f"{side.attack}.{what}.{s}") for s in SEGMENTS], 1).astype(np.float64)
            for side, at in of
        ]
        whole = [one.sum(1) for one in values]
        for segment in ORDER:
            first, second = (one[:, SEGMENTS.index(segment)] for one in values)
            if what == "area":
                found = paired_difference(first, second, confidence=level)
                sides = first.mean(), second.mean()
            else:
                found = ratio_difference((first, whole[0]), (second, whole[1]), seed=seed, confidence=level)
                sides = _ratio(first, whole[0]), _ratio(second, whole[1])
            rows.append(
                _row(f"{what}.{segment}", f"{group} of {segment}", group, "share", sides, found, True)
            )
    return rows


def _ratio(top: np.ndarray, bottom: np.ndarray) -> float:
    return float(top.sum() / bottom.sum()) if bottom.sum() > 0 else float("nan")


def _lifts(a: Side, b: Side, pairing: Pairing, n_resamples: int, seed: int, level: float) -> list[EffectRow]:
    """Overlap lift, and its excess over swapped images, of the images that keep their masks."""
    names = ("row", "shape", "roi", "*roa")
    kept = [side.kept(names) for side in (a, b)]
    if tuple(kept[0]["shape"]) != tuple(kept[1]["shape"]):
        return []
    at = []
    for one, side, rows in zip(kept, (a, b), (pairing.a, pairing.b), strict=True):
        place = {int(row): i for i, row in enumerate(one["row"])}
        at.append(np.array([place.get(int(row), -1) for row in _column(side, rows, "row")]))
    both = (at[0] >= 0) & (at[1] >= 0)
    masks = {
        key: tuple(one[name][where[both]] for name in ("roi", "*roa"))
        for key, one, where in zip(("A", "B"), kept, at, strict=True)
    }
    n_pixels = int(np.prod(kept[0]["shape"]))
    family = swap_family(
        {key: (roi, roa) for key, (roi, roa) in masks.items()}, n_pixels, n_resamples=n_resamples, seed=seed
    )
    if family.n < 10:
        return []
    first, second = (family.row(key) for key in ("A", "B"))
    excess = bootstrap_mean(family.per_image["A"] - family.per_image["B"], seed, confidence=level)
    sides = first.effect, second.effect
    title = "overlap lift beyond swapped images"
    return [_row("lift_excess", title, "lift", "lift", sides, excess, True)]


def _ceilings(a: Side, b: Side, level: float) -> list[EffectRow]:
    rows: list[EffectRow] = []
    found = [side.entry.get("ceilings") or {} for side in (a, b)]
    if not all(found):
        return rows
    for key, title in CEILINGS.items():
        sides = [one[key] for one in found]
        rows.append(_unpaired(f"ceiling.{key}", title, sides, level))
    return rows


def _unpaired(key: str, title: str, sides: list[Json], level: float) -> EffectRow:
    n = (int(sides[0]["n"]), int(sides[1]["n"]))
    hits = (round(sides[0]["value"] * n[0]), round(sides[1]["value"] * n[1]))
    found = independent_difference(hits, n, confidence=level)
    return _row(key, title, "ceiling", "share", (sides[0]["value"], sides[1]["value"]), found, False)


def defended_rows(a: Side, b: Side, *, alpha: float) -> list[Json]:
    """Neutralized accuracies that both runs have, each with all that must stand beside it.

    The images of the report split are not kept one by one, so the difference is unpaired.
    """
    level, rows = 1 - alpha, []
    theirs = {_key(row): row for row in b.entry.get("neutralization") or []}
    for row in a.entry.get("neutralization") or []:
        other = theirs.get(_key(row))
        if other is None or not (row["neutralized"]["n"] and other["neutralized"]["n"]):
            continue
        difference = _unpaired(
            "neutralized", "neutralized", [row["neutralized"], other["neutralized"]], level
        )
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
