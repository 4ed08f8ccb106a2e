"""Attacks that search their place: the chosen location against the others that were screened."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialstats.engine.context import Context
from spatialstats.engine.merged import Merged
from spatialstats.engine.observe import Hit, Seen, attack_seed, spread
from spatialstats.engine.plan import derive_seed
from spatialstats.stats.location import location_test, window_means

Json = dict[str, Any]
FEWEST = 10
"""Images with a known location below which nothing is tested."""


def location_rows(context: Context, seen: Seen, hit: Hit) -> dict[str, np.ndarray]:
    """What share of RoI each screened location holds, and which was chosen, a row an image.

    Of attacks that tell their locations (`spatialstats.attacks.Patch.locations`); nothing of others.
    """
    locations = getattr(context.attacks[hit.name], "locations", None)
    if locations is None:
        return {}
    ok = seen.correct
    corners, size = locations(seen.x.shape, seed=attack_seed(context, seen.chunk, hit.name))
    corners = distinct(np.asarray(corners, np.int64))[ok]
    changed = (hit.attacked.x_adv[ok] != seen.x[ok]).any(1)
    rows = {
        "chosen": spread(chosen_location(changed, corners, size), ok, -1),
        "at_places": spread(shares(seen.roi[ok], corners, size), ok, np.nan),
    }
    if seen.others:
        theirs = [shares(roi[ok], corners, size) for roi, _ in seen.others]
        rows["others_at_places"] = spread(np.stack(theirs, 2), ok, np.nan)
    return {f"row.{hit.name}.{key}": values for key, values in rows.items()}


def distinct(corners: np.ndarray) -> np.ndarray:
    """Corners (N, L, 2) with those that an earlier one equals put to -1: they are one location."""
    out = corners.copy()
    for of, kept in zip(corners, out, strict=True):
        _, first = np.unique(of, axis=0, return_index=True)
        again = np.ones(len(of), bool)
        again[first] = False
        kept[again] = -1
    return out


def chosen_location(changed: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """int64 (N,): the one location whose square holds all changed pixels; -1 where none or several do.

    Parameters
    ----------
    changed : numpy.ndarray
        bool (N, H, W): pixels that the attack changed.
    corners : numpy.ndarray
        int64 (N, L, 2): top left corners; negative ones do not count.
    size : (int, int)
        Height and width of the square.
    """
    out = np.full(len(changed), -1, np.int64)
    for at, (pixels, of) in enumerate(zip(changed, corners, strict=True)):
        if not pixels.any():
            continue
        places = np.argwhere(pixels)
        low, high = places.min(0), places.max(0)
        holds = ((of >= 0) & (of <= low) & (high < of + np.array(size))).all(1)
        if holds.sum() == 1:
            out[at] = int(holds.argmax())
    return out


def shares(masks: np.ndarray, corners: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """float64 (N, L): share of each square that lies in its image's mask; NaN at negative corners."""
    out = np.full(corners.shape[:2], np.nan)
    across = masks.shape[2] - size[1] + 1
    for mask, of, found in zip(masks, corners, out, strict=True):
        there = (of >= 0).all(1)
        places = of[there, 0] * across + of[there, 1]
        found[there] = window_means(mask[None], *size)[0, places]
    return out


def location_summary(context: Context, merged: Merged, name: str) -> Json | None:
    """Whether the search prefers places where the model looks; None of attacks without locations."""
    if f"row.{name}.chosen" not in merged:
        return None
    chosen = merged[f"row.{name}.chosen"]
    known = chosen >= 0
    if known.sum() < FEWEST:
        return None
    own = merged[f"row.{name}.at_places"][known]
    tests = {"own": own}
    if f"row.{name}.others_at_places" in merged:
        comparable = [k for k in range(len(context.others)) if is_comparable(merged, k)]
        if comparable:
            others = merged[f"row.{name}.others_at_places"][known][:, :, comparable].mean(2)
            tests |= {"others": others, "own less others": own - others}
    seed = derive_seed(context.config.seed, "locations", name)
    found = {
        key: location_test(values, chosen[known], n_resamples=context.config.n_resamples, seed=seed).to_dict()
        for key, values in tests.items()
    }
    return {
        "value": "share of the square that lies in RoI",
        "n_unknown": int(merged["row.correct"].sum() - known.sum()),
        "tests": found,
    }


def is_comparable(merged: Merged, k: int) -> bool:
    """Whether another model is good enough to be compared with, as for the ladder."""
    from spatialstats.engine.colocation import WORSE

    own, theirs = merged["row.correct"].mean(), merged[f"row.other.{k}.correct"].mean()
    return bool(theirs >= own - WORSE)
