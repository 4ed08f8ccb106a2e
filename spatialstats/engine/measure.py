"""One chunk's result, as arrays: densities, masks, damage, regions, sensitivity."""

from __future__ import annotations

from typing import Literal

import numpy as np
import pandas as pd

from spatialstats import kernels, maps, segments
from spatialstats.attacks import outcomes
from spatialstats.density import MaskDensity, groups
from spatialstats.engine.context import Context
from spatialstats.engine.locations import location_rows
from spatialstats.engine.merged import REGIONS, masks_to_arrays, moments_to_arrays
from spatialstats.engine.observe import Hit, Seen, region_of_attack, spread
from spatialstats.engine.reservoir import keep_hit, keep_seen
from spatialstats.region_table import table
from spatialstats.regions import clean, threshold, top_fraction

MAX_CLASSES = 100
MAX_CELLS = 2**17  # classes x pixels: 100 classes of 32x32, about 200 MB of sums for three attacks
Arrays = dict[str, np.ndarray]


def measure_seen(context: Context, seen: Seen) -> Arrays:
    """What a chunk says of the model alone."""
    ok, rows = seen.correct, seen.chunk.rows
    arrays = {
        "row.row": rows,
        "row.index": context.dataset.indices[rows],
        "row.digest": np.array([digest.hex() for digest in context.dataset.digests(rows)]),
        "row.label": seen.labels,
        "row.split": context.splits[rows],
        "row.prediction": seen.prediction,
        "row.correct": ok,
        "mask.roi": kernels.pack(seen.roi),
    }
    for k, (roi, prediction) in enumerate(seen.others):
        arrays |= {f"mask.other.{k}": kernels.pack(roi), f"row.other.{k}.correct": prediction == seen.labels}
    arrays |= {f"mask.{name}": kernels.pack(roi) for name, roi in seen.controls.items()}
    by_class, n = groups(seen.labels[ok], np.zeros(int(ok.sum()), np.int64), grouped_classes(context))
    arrays |= densities({"importance": seen.importance[ok], "roi": seen.roi[ok]}, by_class, n)
    arrays |= region_rows(context, seen, seen.roi[ok], None, "roi", "")
    return arrays | keep_seen(context, seen)


def measure_hit(context: Context, seen: Seen, hit: Hit) -> Arrays:
    """What a chunk says of one attack."""
    name, ok, prediction = hit.name, seen.correct, hit.attacked.prediction
    outcome = outcomes(seen.labels, seen.prediction, prediction)
    arrays: Arrays = {
        f"row.{name}.prediction": prediction,
        f"row.{name}.outcome": outcome,
        f"row.{name}.norm": hit.attacked.norm.astype(np.float32),
        f"row.{name}.formed": spread(hit.formed, ok, False),
        f"row.{name}.change": spread(hit.effect.change, ok, np.nan),
        f"row.{name}.completeness": spread(hit.effect.error, ok, np.nan),
        f"row.{name}.damage_mass": spread(hit.damage.sum((1, 2), dtype=np.float64), ok, np.nan),
        f"mask.{name}.candidate": spread(kernels.pack(hit.candidate), ok, 0),
        f"mask.{name}.roa": spread(kernels.pack(hit.roa), ok, 0),
        f"mask.{name}.energy": spread(kernels.pack(threshold(hit.energy, context.config.roa)), ok, 0),
    }
    arrays |= attack_densities(context, seen, hit, outcome[ok])
    chosen = hit.attack_map(context.config.attack_map).astype(np.float32)
    arrays |= region_rows(context, seen, hit.roa, chosen, "roa", name)
    arrays |= region_rows(context, seen, hit.roa, chosen, "roa", name, "dbscan")
    if name in context.fought:
        codes = segments.segment(seen.roi[ok], hit.roa)
        for segment in ("neutralizable", "contested"):
            inside = codes == segments.SEGMENTS.index(segment)
            arrays |= region_rows(context, seen, inside, chosen, segment, name)
        arrays |= damage_rows(context, seen, hit, codes)
        arrays |= sensitivity_rows(context, seen, hit)
        arrays |= location_rows(context, seen, hit)
    return arrays | keep_hit(context, seen, hit, outcome)


def damage_rows(context: Context, seen: Seen, hit: Hit, codes: np.ndarray) -> Arrays:
    """Shapley shares of the margin drop, areas, and what restoring a segment gives, a row an image."""
    ok, n, name = seen.correct, len(seen.labels), hit.name
    formed = hit.formed
    inside = np.flatnonzero(ok)[formed]
    found = damage_of(context, seen, hit, formed, codes[formed])
    is_in = np.zeros(n, bool)
    is_in[inside] = True
    return {
        f"row.{name}.shapley": spread(found.shapley, is_in, np.nan),
        f"row.{name}.area": spread(found.area, is_in, np.nan),
        f"row.{name}.coalitions": spread(found.predictions.astype(np.int32), is_in, -1),
    }


def sensitivity_rows(context: Context, seen: Seen, hit: Hit) -> Arrays:
    """Damage shares and masks with RoI and RoA at each top fraction, on the sensitivity images."""
    config, name = context.config, hit.name
    ok = seen.correct
    wanted = hit.formed & context.sensitive[seen.chunk.rows][ok]
    inside = np.flatnonzero(ok)[wanted]
    chosen = hit.attack_map(config.attack_map)[wanted]
    columns: dict[str, list[np.ndarray]] = {"shapley": [], "area": [], "restored": [], "roi": [], "roa": []}
    for fraction in config.fractions:
        roi = clean(top_fraction(seen.importance[inside], fraction), config.min_area, config.connectivity)
        roa = region_of_attack(chosen, fraction, config.min_area, config.connectivity)
        codes = segments.segment(roi, roa)
        found = damage_of(context, seen, hit, wanted, codes)
        columns["shapley"].append(found.shapley)
        columns["area"].append(found.area)
        restored = [found.restored(segment) == seen.labels[inside] for segment in segments.SEGMENTS]
        columns["restored"].append(np.stack(restored, 1))
        columns["roi"].append(kernels.pack(roi))
        columns["roa"].append(kernels.pack(roa))
    return {f"sensitivity.{name}.{column}": np.stack(parts, 1) for column, parts in columns.items()}


def damage_of(
    context: Context, seen: Seen, hit: Hit, chosen: np.ndarray, codes: np.ndarray
) -> segments.Damage:
    """Damage of the segments `codes` on the `chosen` ones, bool (m,), of the correctly classified images."""
    inside = np.flatnonzero(seen.correct)[chosen]
    return segments.damage(
        context.classifier,
        seen.x[inside],
        hit.attacked.x_adv[inside],
        seen.labels[inside],
        hit.rival[chosen],
        codes,
        clean_logits=seen.logits[inside],
        adversarial_logits=hit.attacked.logits[inside],
    )


def attack_densities(context: Context, seen: Seen, hit: Hit, outcome: np.ndarray) -> Arrays:
    """Moments of the attack's maps and masks, per class and outcome."""
    roi = seen.roi[seen.correct]
    cells, n = groups(seen.labels[seen.correct], outcome, grouped_classes(context))
    of = {
        "energy": hit.energy,
        "frequency": hit.frequency,
        "effect": maps.scale(hit.effect.values)[0],
        "roa": hit.roa,
        "neutralizable": hit.roa & ~roi,
        "contested": hit.roa & roi,
    }
    return densities({f"{hit.name}/{key}": value for key, value in of.items()}, cells, n)


def densities(of: dict[str, np.ndarray], cells: np.ndarray, n_cells: int) -> Arrays:
    """Moments of real maps and counts of boolean masks, over the same cells."""
    arrays: Arrays = {}
    for name, values in of.items():
        if values.dtype == bool:
            arrays |= masks_to_arrays(name, MaskDensity.of(values, cells, n_cells))
        else:
            arrays |= moments_to_arrays(name, kernels.density(values, cells, n_cells))
    return arrays


def region_rows(
    context: Context,
    seen: Seen,
    masks: np.ndarray,
    attack: np.ndarray | None,
    mask: str,
    name: str,
    method: Literal["components", "dbscan"] = "components",
) -> Arrays:
    """The table of regions of boolean masks (m, H, W) of the correctly classified images.

    Mass and peak are of the attack map, or of the importance map where there is no attack.
    """
    ok = seen.correct
    importance = seen.importance[ok]
    found: pd.DataFrame = table(
        masks,
        importance,
        np.zeros_like(importance) if attack is None else attack,
        samples=context.dataset.indices[seen.chunk.rows][ok],
        labels=seen.labels[ok],
        classes=context.dataset.classes,
        mask=mask,
        attack_name=name,
        method=method,
        weights=importance if attack is None else attack,
        connectivity=context.config.connectivity,
    )
    columns = {str(column): found[column].to_numpy() for column in found}
    # Text goes into the chunk's file as fixed-width strings: object arrays would need pickle to be read back.
    plain = {k: v if v.dtype.kind in "biuf" else v.astype(str) for k, v in columns.items()}
    return {f"{REGIONS}.{name}/{mask}/{method}.{column}": values for column, values in plain.items()}


def grouped_classes(context: Context) -> int:
    """How many classes the densities tell apart: all of them, or none where that would not fit in memory."""
    n = len(context.dataset.classes)
    return n if n <= MAX_CLASSES and n * context.n_pixels <= MAX_CELLS else 1


def classes_note(context: Context) -> str | None:
    """Why the densities do not tell the classes apart, where they do not."""
    n, (height, width) = len(context.dataset.classes), context.dataset.shape[1:]
    if grouped_classes(context) == n:
        return None
    many = f"{n} classes" if n > MAX_CLASSES else f"{n} classes of {height}×{width} pixels"
    limit = f"{MAX_CLASSES} classes" if n > MAX_CLASSES else f"{MAX_CELLS:,} classes × pixels"
    return f"Densities do not tell classes apart: {many} are more than a run keeps sums for ({limit})."
