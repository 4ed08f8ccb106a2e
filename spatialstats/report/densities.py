"""Density maps for the page: every group of every map in one sprite, on scales that can be compared."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from markupsafe import Markup
from numpy.typing import NDArray

from spatialstats.report import scales
from spatialstats.report.images import reduce, sprite_uri
from spatialstats.report.outlines import outline
from spatialstats.report.run import OUTCOMES, Run
from spatialstats.report.svg import el

BUDGET = 2_400_000
"""Pixels that all sprites of a report may hold together; larger maps are averaged over blocks."""
MOST_CLASSES = 40
"""Classes that the selector offers; the others stay in maps.npz."""

ROWS = (
    (
        "share",
        "How often a pixel lies in a region",
        "share of images",
        (
            ("roi", "Region of importance", True),
            ("roa", "Region of attack", False),
            ("contested", "Contested", False),
            ("neutralizable", "Neutralizable", False),
        ),
    ),
    ("frequency", "How often it is changed", "of images", (("frequency", "Attack frequency", False),)),
    (
        "mean",
        "How strong the maps are",
        "mean of maps scaled to each image’s own peak",
        (
            ("importance", "Importance", True),
            ("damage", "Damage (effect below 0)", False),
            ("relief", "Relief (effect above 0)", False),
        ),
    ),
    ("energy", "How much it is changed", "mean", (("energy", "Attack energy", False),)),
)
"""Scale name, heading, unit and maps (key, label, whether it is the same for every attack)."""
OUTLINED = {
    "roi": ("roi", "importance", "contested", "neutralizable"),
    "roa": ("roa", "damage", "contested", "neutralizable"),
}
"""The maps that are drawn with each outline."""
MADE_OF_REGIONS = ("roa", "contested", "neutralizable", "damage", "relief")
"""Maps that say nothing where an attack formed no region."""


@dataclass(frozen=True)
class Panel:
    """One map of one attack (or of none: importance), all groups."""

    key: str
    label: str
    attack: str | None
    uri: str
    n_groups: int
    width: int
    height: int
    outlines: Markup
    stats: list[list[float | None]]


@dataclass(frozen=True)
class Row:
    """Panels that share one scale."""

    name: str
    heading: str
    unit: str
    top: str
    shared: list[Panel]
    by_attack: dict[str, list[Panel]]
    tops: dict[str, str]


@dataclass(frozen=True)
class Densities:
    """What the section shows."""

    rows: list[Row]
    groups: list[dict[str, Any]]
    left_out: int
    reduced: int | None


def densities(run: Run, keys: dict[str, str]) -> Densities | None:
    """The density section, or None where the run has no maps.

    Parameters
    ----------
    run : Run
    keys : dict
        Attack name to the short key used in the page.
    """
    groups, classes, outcomes, left_out = _groups(run)
    stacks: dict[tuple[str | None, str], NDArray[np.float32]] = {}
    formed = {str(attack.get("name")) for attack in run.attacks if attack.get("segments")}
    for _, _, _, entries in ROWS:
        for key, _, shared in entries:
            for attack in (None,) if shared else tuple(keys):
                if key in MADE_OF_REGIONS and attack is not None and attack not in formed:
                    continue
                stack = _stack(run, key if attack is None else f"{attack}/{key}", classes, outcomes)
                if stack is not None:
                    stacks[attack, key] = stack
    if not stacks:
        return None
    native = max(next(iter(stacks.values())).shape[1:])
    n_maps = sum(len(stack) for stack in stacks.values())
    side = min(native, max(16, int(np.sqrt(BUDGET / n_maps))))
    stacks = {name: reduce(stack, side) for name, stack in stacks.items()}
    rows = [row for spec in ROWS if (row := _row(run, keys, spec, stacks)) is not None]
    return Densities(rows, groups, left_out, side if side < native else None)


def _groups(run: Run) -> tuple[list[dict[str, Any]], list[int], list[int], int]:
    counts = run.map("class_count")
    present = [] if counts is None else [int(k) for k in np.argsort(-counts, kind="stable") if counts[k] > 0]
    chosen = sorted(present[:MOST_CLASSES])
    total = None if counts is None else int(np.sum(counts))
    groups: list[dict[str, Any]] = [{"label": "all together", "kind": "all", "n": total}]
    if len(chosen) > 1:
        groups += [
            {"label": run.class_name(k), "kind": "class", "n": int(np.asarray(counts)[k])} for k in chosen
        ]
    else:
        chosen = []
    split = [stack for name, stack in run.maps.items() if name.endswith("_by_outcome") and len(stack) == 3]
    outcomes = [k for k in range(3) if any(np.nan_to_num(stack[k]).any() for stack in split)]
    groups += [{"label": OUTCOMES[k], "kind": "outcome", "n": None} for k in outcomes]
    return groups, chosen, outcomes, len(present) - len(chosen) if chosen else 0


def _stack(run: Run, key: str, classes: list[int], outcomes: list[int]) -> NDArray[np.float32] | None:
    overall = run.map(key)
    if overall is None or overall.ndim != 2:
        return None
    parts = [overall[None]]
    by_class, by_outcome = run.map(f"{key}_by_class"), run.map(f"{key}_by_outcome")
    if classes and by_class is not None and len(by_class) > max(classes):
        parts.append(by_class[classes])
    if by_outcome is not None and len(parts) == 1 + bool(classes):  # groups keep one order in all maps
        parts.append(by_outcome[outcomes])
    return np.nan_to_num(np.concatenate(parts).astype(np.float32))


def _row(
    run: Run, keys: dict[str, str], spec: Any, stacks: dict[tuple[str | None, str], NDArray[np.float32]]
) -> Row | None:
    name, heading, unit, entries = spec
    found = {at: stack for at, stack in stacks.items() if at[1] in [entry[0] for entry in entries]}
    if not found:
        return None
    top = 1.0 if name == "frequency" else scales.round_up(scales.reach(list(found.values())))
    tops = dict.fromkeys(keys, top)
    if name == "energy":
        tops = {
            a: scales.round_up(255 * scales.reach([found[a, "energy"]])) / 255
            for a in keys
            if (a, "energy") in found
        }
    labels = {entry[0]: entry[1] for entry in entries}
    shared: list[Panel] = []
    by_attack: dict[str, list[Panel]] = {}
    for (attack, key), stack in found.items():
        limit = top if attack is None else tops[attack]
        panel = _panel(run, attack, key, labels[key], stack, limit, keys)
        if attack is None:
            shared.append(panel)
        else:
            by_attack.setdefault(keys[attack], []).append(panel)
    beyond = {a: any(s.max() > v for at, s in found.items() if at[0] in (None, a)) for a, v in tops.items()}
    spoken = {keys[a]: ("≥ " if beyond[a] else "") + scales.unit(name, value) for a, value in tops.items()}
    return Row(name, heading, unit, scales.unit(name, top), shared, by_attack, spoken)


def _panel(
    run: Run,
    attack: str | None,
    key: str,
    label: str,
    stack: NDArray[np.float32],
    top: float,
    keys: dict[str, str],
) -> Panel:
    height, width = stack.shape[1:]
    stats: list[list[float | None]] = []
    for one in stack:
        row, column = np.unravel_index(int(np.argmax(one)), one.shape)
        stats.append([round(float(one.max()), 4), round(float(one.mean()), 4), int(row), int(column)])
    masks = [("roi", run.map("roi_mask"))] if key in OUTLINED["roi"] else []
    if attack is not None and key in OUTLINED["roa"]:
        formed = any(a.get("name") == attack and a.get("segments") for a in run.attacks)
        masks.append(("roa", run.map(f"{attack}/roa_mask") if formed else None))
    shapes = [_mask_outline(kind, mask) for kind, mask in masks if mask is not None and mask.ndim == 2]
    return Panel(
        key,
        label,
        None if attack is None else keys[attack],
        sprite_uri(stack, top),
        len(stack),
        width,
        height,
        Markup("").join(shapes),
        stats,
    )


def _mask_outline(kind: str, mask: NDArray[Any]) -> Markup:
    """A mask's outline in a square of its own pixels (the sprite may hold fewer)."""
    height, width = mask.shape
    path = outline(mask.astype(bool))
    return el(
        "svg",
        el("path", d=path, class_=f"line-{kind}"),
        viewBox=f"0 0 {width} {height}",
        preserveAspectRatio="none",
        aria_hidden="true",
    )
