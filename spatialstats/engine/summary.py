"""What the merged chunks say: the numbers of ``results.json``."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialstats.attacks import OUTCOMES
from spatialstats.defence.evaluate import neutralization_row
from spatialstats.engine.colocation import colocation_summary, ladder_summary, swap_json
from spatialstats.engine.context import Context
from spatialstats.engine.controls import controls_summary
from spatialstats.engine.defend import MASKS
from spatialstats.engine.locations import location_summary
from spatialstats.engine.merged import Merged
from spatialstats.engine.plan import derive_seed
from spatialstats.engine.samples import ceilings
from spatialstats.maps import CANCELLATION_LIMIT
from spatialstats.segments import SEGMENTS, restored, shares
from spatialstats.stats.intervals import mean_interval, proportion

Json = dict[str, Any]


def attack_summary(context: Context, merged: Merged, name: str, fill: str) -> Json:
    """Everything that is said of one attack."""
    attack = context.attacks[name]
    label, prediction = merged["row.label"], merged[f"row.{name}.prediction"]
    outcome = merged[f"row.{name}.outcome"]
    robust = (prediction == label) & merged["row.correct"]
    effect = effect_summary(context, merged, name)
    fought = name in context.fought
    measured = fought and effect["formed"]
    return {
        "name": name,
        "label": attack.label,
        "control": not fought,
        "control_of": context.controls.get(name),
        "budget": {"norm": attack.budget.norm, "epsilon": attack.budget.epsilon, "text": attack.budget.text},
        "largest_norm": float(merged[f"row.{name}.norm"].max()),
        "robust_accuracy": proportion(robust).to_dict(),
        "outcomes": {o: int((outcome == code).sum()) for code, o in enumerate(OUTCOMES)},
        "effect": effect,
        "segments": segments_summary(context, merged, name) if measured else None,
        "ceilings": ceilings_summary(merged, name) if measured else None,
        "sensitivity": sensitivity_summary(context, merged, name) if measured else [],
        "colocation": colocation_summary(context, merged, name, effect),
        "ladder": ladder_summary(context, merged, name) if measured else None,
        "controls": controls_summary(context, merged, name) if measured else None,
        "location": location_summary(context, merged, name) if fought else None,
        "neutralization": neutralization_summary(context, merged, name, fill) if measured else [],
        "fills": fills_summary(context, merged, name, fill) if measured else [],
    }


def effect_summary(context: Context, merged: Merged, name: str) -> Json:
    """Whether the effect map adds up, and whether it says where."""
    ok = merged["row.correct"]
    change = merged[f"row.{name}.change"][ok]
    net = -float(change.sum(dtype=np.float64))
    mass = float(merged[f"row.{name}.damage_mass"][ok].sum())
    ratio = mass / net if net > 0 else None
    formed = merged[f"row.{name}.formed"]
    reason = None
    if context.config.attack_map == "effect":
        if ratio is None:
            reason = "on the whole it does not lower the margin, so its effect maps show no damage to locate"
        elif ratio > CANCELLATION_LIMIT:
            reason = (
                f"{ratio:.1f} times the net drop of the margin is damage that relief elsewhere cancels "
                f"(limit {CANCELLATION_LIMIT:.0f}), so its effect maps do not say where"
            )
    if reason is None and not formed.any():
        reason = "no image has a region of attack"
    return {
        "completeness_error": float(np.median(merged[f"row.{name}.completeness"][ok])),
        "cancellation": ratio,
        "mean_drop": net / max(1, int(ok.sum())),
        "formed": reason is None,
        "n_formed": int(formed.sum()),
        "reason": reason,
    }


def segments_summary(context: Context, merged: Merged, name: str) -> Json:
    """Area share, damage share and restored accuracy of each segment, over the images with an RoA."""
    inside = merged[f"row.{name}.formed"]
    shapley, area = merged[f"row.{name}.shapley"][inside], merged[f"row.{name}.area"][inside]
    label, coalitions = merged["row.label"][inside], merged[f"row.{name}.coalitions"][inside]
    damage = shares(shapley, seed=derive_seed(context.config.seed, "damage", name))
    out: Json = {"n": int(inside.sum())}
    for code, segment in enumerate(SEGMENTS):
        out[segment] = {
            "area": mean_interval(area[:, code]).to_dict(),
            "damage": damage[segment].to_dict(),
            "restored": proportion(restored(coalitions, segment) == label).to_dict(),
        }
    return out


def ceilings_summary(merged: Merged, name: str) -> Json:
    """Accuracy of all images after the true pixels are put back in a region.

    Counted as robust accuracy is: right before the attack and after the restoration.
    """
    return {region: proportion(right).to_dict() for region, right in ceilings(merged, name).items()}


def sensitivity_summary(context: Context, merged: Merged, name: str) -> list[Json]:
    """The headlines over top fractions, RoI and RoA at the same fraction."""
    key = f"sensitivity.{name}"
    shapley, area = merged[f"{key}.shapley"], merged[f"{key}.area"]
    right = merged[f"{key}.restored"]
    rows = []
    for at, fraction in enumerate(context.config.fractions):
        seed = derive_seed(context.config.seed, "sensitivity", name, fraction)
        drop, damage = shapley[:, at].sum(), shares(shapley[:, at], seed=seed)
        of = {
            segment: {
                "area": float(area[:, at, code].mean()),
                "damage": damage[segment].value if drop > 0 else None,
                "damage_interval": damage[segment].to_dict() if drop > 0 else None,
                "restored": float(right[:, at, code].mean()),
                "restored_interval": proportion(right[:, at, code]).to_dict(),
            }
            for code, segment in enumerate(SEGMENTS)
        }
        lift = swap_json(context, merged[f"{key}.roi"][:, at], merged[f"{key}.roa"][:, at], seed, 999)
        rows.append({"fraction": fraction, "n": len(shapley), "segments": of, "lift": lift})
    return rows


def neutralization_summary(context: Context, merged: Merged, name: str, fill: str) -> list[Json]:
    """The defended accuracies on the report split, each with all that must stand beside it."""
    rows = []
    for mask in MASKS:
        key = f"defend.{name}.{mask}"
        if f"{key}.neutralized" not in merged:
            continue
        columns = {what: merged[f"{key}.{what}"] for what in merged.names(f"{key}.")}
        area = float(columns.pop("area").mean())
        columns |= {what: merged[f"defend.{name}.{what}"] for what in ("clean", "attacked")}
        rows.append(neutralization_row(mask=mask, fill=fill, area=area, right=columns))
    return rows


def fills_summary(context: Context, merged: Merged, name: str, fill: str) -> list[Json]:
    """What each fill reached on the choose split."""
    rows = []
    for candidate in context.config.fills:
        key = f"choose.{name}.{candidate}"
        if f"{key}.attacked" not in merged:
            continue
        both = {which: merged[f"{key}.{which}"] for which in ("attacked", "clean")}
        rows.append(
            {
                "fill": candidate,
                "choose_accuracy": proportion(both["attacked"]).to_dict(),
                "choose_clean": proportion(both["clean"]).to_dict(),
                "chosen": candidate == fill,
            }
        )
    return rows
