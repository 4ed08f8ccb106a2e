"""Whether attack and importance meet: swapped images, and the ladder of evidence above them."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialstats.engine.context import Context
from spatialstats.engine.merged import Merged
from spatialstats.engine.plan import derive_seed
from spatialstats.stats.colocation import swap_test
from spatialstats.stats.intervals import proportion
from spatialstats.stats.ladder import colocation_ladder
from spatialstats.stats.lift import present
from spatialstats.stats.swap import swap_family

Json = dict[str, Any]
FEWEST = 10
"""Images with all regions below which nothing is tested."""

WORSE = 0.1
"""How much less accurate than the model another may be to be compared with."""


def colocation_summary(context: Context, merged: Merged, name: str, effect: Json) -> Json:
    """Overlap lift against the image-swap null, for the effect map and for the energy map."""
    seed = derive_seed(context.config.seed, "swap", name)
    roi = merged.packed("roi")
    n = context.config.n_resamples
    note, mask = None, f"{name}.roa"
    if not effect["formed"]:
        mask = f"{name}.candidate"
        note = f"no RoA is formed: {effect['reason']}; its damaging part stands in as a control"
    found = {context.config.attack_map: swap_json(context, roi, merged.packed(mask), seed, n, note)}
    if context.config.attack_map != "energy":
        found["energy"] = swap_json(context, roi, merged.packed(f"{name}.energy"), seed, n)
    return found


def swap_json(
    context: Context, roi: np.ndarray, roa: np.ndarray, seed: int, n_resamples: int, note: str | None = None
) -> Json | None:
    """An image-swap test as JSON; None with fewer than ten images that have both regions."""
    if (present(roi) & present(roa)).sum() < FEWEST:
        return None
    test = swap_test(roi, roa, context.n_pixels, n_resamples=n_resamples, seed=seed)
    return {**test.to_dict(), "note": note}


def correct_together(context: Context, merged: Merged, attacks: list[Json]) -> None:
    """Add ``p_adjusted`` to the attacks that formed an RoA: familywise over all of them.

    One permutation of the images serves every attack, so that step-down max-T knows how alike the
    attacks are.  Images with an empty region in any of them are left out of all.
    """
    formed = [a for a in attacks if not a["control"] and a["effect"]["formed"] and a["colocation"]]
    roi = merged.packed("roi")
    tests = {a["name"]: (roi, merged.packed(f"{a['name']}.roa")) for a in formed}
    there = [present(mask) for pair in tests.values() for mask in pair]
    if len(tests) < 2 or np.all(there, axis=0).sum() < FEWEST:
        return
    family = swap_family(
        tests,
        context.n_pixels,
        n_resamples=context.config.n_resamples,
        seed=derive_seed(context.config.seed, "swap", "all attacks"),
    )
    for attack in formed:
        found = attack["colocation"][context.config.attack_map]
        if found is not None:
            # Of other draws and fewer images than the attack's own p, below which it must not fall.
            adjusted = max(found["p_value"], family.row(attack["name"]).p_adjusted)
            found |= {"p_adjusted": adjusted, "n_adjusted": family.n, "tests": len(tests)}


def ladder_summary(context: Context, merged: Merged, name: str) -> Json | None:
    """How far the evidence goes that an attack hits where this model looks.

    Noise forms no RoA; what stands in for it are the same top fractions of its damaging part.
    Effect maps are made of the model's gradient: an importance map that is, too, shares it with
    them.  None with fewer than ten images that have all regions.
    """
    ok = merged["row.correct"]
    noise = next((control for control, of in context.controls.items() if of == name), None)
    comparable = [k for k, model in enumerate(others_summary(context, merged)) if model["comparable"]]
    ladder = colocation_ladder(
        merged.packed("roi"),
        merged.packed(f"{name}.roa"),
        context.n_pixels,
        others=[merged.packed(f"other.{k}") for k in comparable],
        noise=None if noise is None else merged.packed(f"{noise}.candidate"),
        classes=merged["row.label"][ok],
        attack=context.attacks[name].label,
        shared_gradient=context.config.attack_map == "effect"
        and getattr(context.importance, "gradient", True),
        n_resamples=context.config.n_resamples,
        seed=derive_seed(context.config.seed, "ladder"),
    )
    if ladder.n < FEWEST:
        return None
    return {**ladder.to_dict(), "others": [context.others[k].name for k in comparable]}


def others_summary(context: Context, merged: Merged) -> list[Json]:
    """The other models: how good they are, and whether the ladder may compare with them.

    A model that is far worse, random weights at the extreme, looks elsewhere because it has
    learnt less, which would say nothing of this model.
    """
    own = float(merged["row.correct"].mean())
    found = []
    for k, model in enumerate(context.others):
        right = merged[f"row.other.{k}.correct"]
        found.append(
            {
                "name": model.name,
                "fingerprint": model.fingerprint,
                "clean_accuracy": proportion(right).to_dict(),
                "comparable": bool(right.mean() >= own - WORSE),
            }
        )
    return found
