"""The table of a comparison: numbers of both sides and their differences, paired where the runs allow it."""

from __future__ import annotations

import numpy as np

from spatialstats.engine.comparison.pairing import Pairing, Side
from spatialstats.engine.comparison.restored import ceiling_rows
from spatialstats.engine.comparison.rows import EffectRow, row_of
from spatialstats.segments import SEGMENTS
from spatialstats.stats.differences import ratio_difference
from spatialstats.stats.intervals import bootstrap_mean, paired_difference
from spatialstats.stats.swap import swap_family

ORDER = ("contested", "protected", "neutralizable", "background")


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
    rows += ceiling_rows(a, b, pairing, level)
    return tuple(rows)


def _accuracies(a: Side, b: Side, pairing: Pairing, level: float) -> list[EffectRow]:
    rows = []
    of = ((a, pairing.a), (b, pairing.b))
    clean = [side.column(at, "correct").astype(bool) for side, at in of]
    labels = [side.column(at, "label") for side, at in of]
    attacked = [side.column(at, f"{side.attack}.prediction") for side, at in of]
    robust = [ok & (seen == label) for ok, seen, label in zip(clean, attacked, labels, strict=True)]
    tables = [("robust", "accuracy under attack", robust)]
    if a.path.resolve() != b.path.resolve():
        tables.insert(0, ("clean", "clean accuracy", clean))
    for key, title, (first, second) in tables:
        found = paired_difference(first, second, confidence=level)
        rows.append(row_of(key, title, "accuracy", "share", (first.mean(), second.mean()), found, True))
    return rows


def _formed(a: Side, b: Side, pairing: Pairing) -> np.ndarray:
    """Which shared images have an RoA and damage shares on both sides, bool (n,)."""
    both = np.ones(pairing.n, bool)
    for side, at in ((a, pairing.a), (b, pairing.b)):
        column = f"{side.attack}.shapley.contested"
        if column not in side.samples:  # a control has none
            return np.zeros(pairing.n, bool)
        both &= np.isfinite(side.column(at, column).astype(np.float64))
    return both


def _shares(a: Side, b: Side, pairing: Pairing, both: np.ndarray, seed: int, level: float) -> list[EffectRow]:
    rows: list[EffectRow] = []
    of = ((a, pairing.a[both]), (b, pairing.b[both]))
    for what, group in (("shapley", "damage share"), ("area", "area")):
        values = [
            np.stack([side.column(at, f"{side.attack}.{what}.{s}") for s in SEGMENTS], 1).astype(np.float64)
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
                row_of(f"{what}.{segment}", f"{group} of {segment}", group, "share", sides, found, True)
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
        at.append(np.array([place.get(int(row), -1) for row in side.column(rows, "row")]))
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
    return [row_of("lift_excess", title, "lift", "lift", sides, excess, True)]
