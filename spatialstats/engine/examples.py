"""The images that a report shows: at fixed quantiles of the effect, not picked by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spatialstats import kernels, maps
from spatialstats.attacks import OUTCOMES
from spatialstats.engine.context import Context
from spatialstats.engine.merged import PICTURES, RESERVOIR, Merged
from spatialstats.engine.plan import Chunk, derive_seed
from spatialstats.engine.reservoir import read_kept
from spatialstats.engine.rundir import RunDirectory
from spatialstats.segments import segment
from spatialstats.stats.colocation import swap_test
from spatialstats.stats.lift import present

QUANTILES = (0.5, 0.05, 0.2, 0.4, 0.6, 0.8, 0.95)  # the median comes first: it is shown large


def choose_examples(context: Context, merged: Merged, attack: str) -> list[dict[str, Any]]:
    """One image at each quantile of the image's own co-location effect under `attack`."""
    row, right = merged["row.row"], np.flatnonzero(merged["row.correct"])
    roi, roa = merged.packed("roi"), merged.packed(f"{attack}.candidate")
    both = np.zeros(len(row), bool)
    both[right] = present(roi) & present(roa)
    if both.sum() < 2:
        both = np.ones(len(row), bool)
        effect = np.zeros(len(row))
    else:
        effect = np.full(len(row), np.nan)
        seed = derive_seed(context.config.seed, "examples")
        found = swap_test(roi, roa, context.n_pixels, n_resamples=99, seed=seed)
        effect[right[found.rows]] = found.per_image
    places = np.flatnonzero(context.pictured[row] & both)
    if not len(places):
        return []
    wanted = np.quantile(effect[both], QUANTILES)
    examples = []
    free = np.ones(len(places), bool)
    for quantile, value in zip(QUANTILES, wanted, strict=True):
        distance = np.where(free | (not free.any()), np.abs(effect[places] - value), np.inf)
        best = int(distance.argmin())
        free[best] = False
        examples.append(
            example_json(context, merged, int(places[best]), quantile, float(effect[places[best]]))
        )
    return examples


def example_json(context: Context, merged: Merged, at: int, quantile: float, effect: float) -> dict[str, Any]:
    """What is said of one image."""
    return {
        "row": int(merged["row.row"][at]),
        "index": int(merged["row.index"][at]),
        "label": int(merged["row.label"][at]),
        "prediction": int(merged["row.prediction"][at]),
        "quantile": quantile,
        "lift_effect": effect,
        "attacks": {
            name: {
                "prediction": int(merged[f"row.{name}.prediction"][at]),
                "outcome": OUTCOMES[int(merged[f"row.{name}.outcome"][at])],
            }
            for name in context.attacks
        },
    }


def example_arrays(
    context: Context, run: RunDirectory, chunks: Sequence[Chunk], examples: list[dict[str, Any]]
) -> dict[str, np.ndarray]:
    """The pictures of the examples, in their order, out of the chunks' files."""
    shape, rows = context.dataset.shape[1:], [int(example["row"]) for example in examples]
    wanted = [f"{PICTURES}.x", f"{RESERVOIR}.importance", f"{RESERVOIR}.roi"]
    for name in context.attacks:
        wanted += [f"{PICTURES}.{name}/x_adv", f"{RESERVOIR}.{name}/effect", f"{RESERVOIR}.{name}/roa"]
    kept = read_kept(context, run, chunks, rows, wanted)
    if not kept:
        return {}
    roi = kernels.unpack(kept[f"{RESERVOIR}.roi"], shape)
    arrays = {
        "x": kept[f"{PICTURES}.x"],
        "importance": kept[f"{RESERVOIR}.importance"].astype(np.float32),
        "roi": roi,
    }
    for name in context.attacks:
        effect = np.nan_to_num(kept[f"{RESERVOIR}.{name}/effect"].astype(np.float32))
        roa = kernels.unpack(kept[f"{RESERVOIR}.{name}/roa"], shape)
        arrays |= {
            f"{name}/x_adv": kept[f"{PICTURES}.{name}/x_adv"],
            f"{name}/damage": maps.scale(maps.damage_part(effect))[0],
            f"{name}/roa": roa,
            f"{name}/segments": segment(roi, roa),
        }
    return arrays
