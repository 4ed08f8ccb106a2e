"""What neutralization is worth on a chunk: correctness of the defended and the control predictions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spatialstats.defence.control_masks import blob_masks, scattered_masks, swapped_regions
from spatialstats.defence.neutralizer import predicted_behind
from spatialstats.engine.context import Context
from spatialstats.engine.measure import Arrays
from spatialstats.engine.observe import Hit, Seen
from spatialstats.engine.plan import derive_seed

MASKS = ("roa-minus-roi", "roa", "prior")


@dataclass(frozen=True)
class Prior:
    """Masks learnt on the locate split, bool (H, W), one for each attack."""

    masks: dict[str, np.ndarray]


def oracle_masks(seen: Seen, hit: Hit) -> dict[str, np.ndarray]:
    """The masks (n, H, W) that know x, the label and the attack; empty where there is no RoA."""
    roa = np.zeros_like(seen.roi)
    roa[seen.correct] = hit.roa
    return {"roa-minus-roi": roa & ~seen.roi, "roa": roa}


def choose_rows(context: Context, seen: Seen, hit: Hit) -> Arrays:
    """On the choose split: every fill of the oracle's RoA minus RoI, attacked and clean."""
    mask = oracle_masks(seen, hit)["roa-minus-roi"]
    arrays = {}
    for fill in context.config.fills:
        for which, images in (("attacked", hit.attacked.x_adv), ("clean", seen.x)):
            arrays[f"choose.{hit.name}.{fill}.{which}"] = defended(context, seen, images, mask, fill)
    return arrays


def report_rows(context: Context, seen: Seen, hit: Hit, prior: Prior, fill: str) -> Arrays:
    """On the report split: every mask beside its ceiling and its controls."""
    x, x_adv, name = seen.x, hit.attacked.x_adv, hit.name
    arrays = {
        f"defend.{name}.clean": seen.correct,
        f"defend.{name}.attacked": hit.attacked.prediction == seen.labels,
    }
    masks = oracle_masks(seen, hit)
    if name in prior.masks:
        masks["prior"] = np.broadcast_to(prior.masks[name], seen.roi.shape)
    for kind, mask in masks.items():
        key = f"defend.{name}.{kind}"
        own = prior.masks[name] if kind == "prior" else mask
        arrays[f"{key}.area"] = mask.mean((1, 2))
        arrays[f"{key}.neutralized"] = defended(context, seen, x_adv, own, fill)
        arrays[f"{key}.clean_neutralized"] = defended(context, seen, x, own, fill)
        restored = context.classifier.predict(np.where(mask[:, None], x, x_adv))
        arrays[f"{key}.ceiling"] = restored == seen.labels
        for control, other in controls(context, seen, kind, mask):
            arrays[f"{key}.{control}"] = defended(context, seen, x_adv, other, fill)
    return arrays


def controls(context: Context, seen: Seen, kind: str, mask: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """The masks of the controls: another image's mask, equal-area blobs at random places, and pixels."""
    seed = derive_seed(context.config.seed, "controls", seen.chunk.name)
    if kind != "prior":  # every image has the same prior mask: a swap changes nothing
        yield "swapped", swapped_regions(mask, seed)
    yield "blob", blob_masks(mask, seed)
    yield "scattered", scattered_masks(mask, derive_seed(context.config.seed, "scattered", seen.chunk.name))


def defended(context: Context, seen: Seen, images: np.ndarray, mask: np.ndarray, fill: str) -> np.ndarray:
    """bool (n,): whether the model behind a `Neutralizer` gives each image its true label.

    The adapter is the one that a user deploys: with a fixed mask where `mask` is (H, W), else with
    a mask (n, H, W) beside the images.
    """
    hits: np.ndarray = predicted_behind(context.classifier, fill, images, mask) == seen.labels
    return hits
