"""A finished run on disk: results, maps, tables and pictures that other tools open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pandas as pd

from spatialstats import __version__
from spatialstats.density import Density
from spatialstats.engine.colocation import correct_together, others_summary
from spatialstats.engine.context import Context
from spatialstats.engine.defend import Prior
from spatialstats.engine.examples import choose_examples, example_arrays
from spatialstats.engine.files import RESULTS, atomic, write_arrays, write_json
from spatialstats.engine.headline import headline
from spatialstats.engine.measure import classes_note
from spatialstats.engine.merged import REGIONS, Merged
from spatialstats.engine.plan import PHASES, make_chunks
from spatialstats.engine.provenance import Clock, provenance
from spatialstats.engine.reservoir import write_reservoir
from spatialstats.engine.rundir import RunDirectory
from spatialstats.engine.samples import write_samples
from spatialstats.engine.summary import attack_summary
from spatialstats.engine.where import where_summary
from spatialstats.region_table import Method, table
from spatialstats.regions import threshold
from spatialstats.stats.intervals import proportion

Json = dict[str, Any]


def write_results(
    context: Context,
    run: RunDirectory,
    merged: Merged,
    prior: Prior,
    fill: str,
    clock: Clock,
    *,
    command: str,
) -> None:
    """Write every file of a run but its report; ``results.json`` comes last and completes it."""
    context.progress.start("summarise", len(context.attacks))
    with clock.stage("summarise"):
        attacks = []
        for name in context.attacks:
            attacks.append(attack_summary(context, merged, name, fill))
            context.progress.advance(1)
        correct_together(context, merged, attacks)
        arrays, tables = density_maps(context, merged)
        chunks = make_chunks(context.splits, context.config.chunk_size)
        for attack in attacks:
            if attack["name"] in context.fought:
                found, more = where_summary(context, run, chunks, attack["name"])
                attack |= found
                arrays |= more
        for attack in attacks:
            attack["regions"] = [row for row in tables if row["attack"] == attack["name"]]
        for name, mask in prior.masks.items():
            arrays[f"{name}/prior_mask"] = mask
        head = headline(attacks, len(merged["row.row"]))
        examples = choose_examples(context, merged, head["attack"])
        write_arrays(run.path / "maps.npz", arrays)
        write_arrays(run.path / "examples.npz", example_arrays(context, run, chunks, examples))
        write_reservoir(context, run, chunks)
        measured = [attack["name"] for attack in attacks if attack["ceilings"]]
        write_samples(run, merged, measured)
        write_regions(run)
    correct = merged["row.correct"]
    results = {
        "schema": 1,
        "version": __version__,
        "config": context.config.to_dict(),
        "headline": head,
        "data": data_json(context),
        "model": {
            "name": context.classifier.name,
            "fingerprint": context.classifier.fingerprint,
            "n_classes": context.classifier.n_classes,
            "preparation": context.classifier.preparation,
            "clean_accuracy": proportion(correct).to_dict(),
            "n_correct": int(correct.sum()),
        },
        "others": others_summary(context, merged),
        "importance": {"name": context.importance.name, "label": context.importance.label},
        "rules": context.config.rules(),
        "attacks": attacks,
        "regions": [row for row in tables if row["attack"] == ""],
        "fill": fill,
        "examples": examples,
        "provenance": provenance(context.config, str(context.classifier.device), clock, command=command),
    }
    write_json(run.path / RESULTS, results)
    run.clear_chunks()


def data_json(context: Context) -> Json:
    """What the report says of the images."""
    dataset = context.dataset
    return {
        "name": dataset.name,
        "n": len(dataset.labels),
        "classes": list(dataset.classes),
        "shape": list(dataset.shape),
        "splits": {phase: int((context.splits == code).sum()) for code, phase in enumerate(PHASES)},
        "classes_note": classes_note(context),
        "reservoir": int(context.pictured.sum()),
        "fingerprint": dataset.fingerprint,
        "notes": list(dataset.notes),
    }


def density_maps(context: Context, merged: Merged) -> tuple[dict[str, np.ndarray], list[Json]]:
    """The maps of ``maps.npz``, and the regions of the densities."""
    config = context.config
    arrays: dict[str, np.ndarray] = {}
    seen = Density(merged.moments["importance"])
    arrays["class_count"] = seen.by_class().count
    arrays |= views("importance", seen.overall().mean()[0], seen.by_class().mean(), None)
    roi = merged.masks["roi"]
    arrays |= views("roi", roi.overall(), roi.by_class(), None)
    arrays["roi_mask"] = threshold(arrays["importance"][None], config.roi)[0]
    rows = density_regions(context, arrays["roi_mask"], arrays["importance"], None, "roi", "")
    for name in context.attacks:
        arrays |= attack_maps(merged, name)
        chosen = arrays[f"{name}/{'damage' if config.attack_map == 'effect' else config.attack_map}"]
        mask = threshold(chosen[None], config.roa)[0]
        arrays[f"{name}/roa_mask"] = mask
        for what, where in (("roa", mask), ("neutralizable", mask & ~arrays["roi_mask"])):
            rows += density_regions(context, where, arrays["importance"], chosen, what, name)
    return arrays, rows


def attack_maps(merged: Merged, name: str) -> dict[str, np.ndarray]:
    """The means of one attack's maps and masks; damage and relief of the effect stay apart."""
    arrays: dict[str, np.ndarray] = {}
    effect, energy = Density(merged.moments[f"{name}/effect"]), Density(merged.moments[f"{name}/energy"])
    whole, by_class, by_outcome = effect.overall(), effect.by_class(), effect.by_outcome()
    for part in ("damage", "relief"):
        means = [
            moments.negative_mean() if part == "damage" else moments.positive_mean()
            for moments in (whole, by_class, by_outcome)
        ]
        arrays |= views(f"{name}/{part}", means[0][0], means[1], means[2])
    arrays |= views(
        f"{name}/energy", energy.overall().mean()[0], energy.by_class().mean(), energy.by_outcome().mean()
    )
    for key in ("frequency", "roa", "neutralizable", "contested"):
        masks = merged.masks[f"{name}/{key}"]
        arrays |= views(f"{name}/{key}", masks.overall(), masks.by_class(), masks.by_outcome())
    return arrays


def views(
    key: str, whole: np.ndarray, by_class: np.ndarray, by_outcome: np.ndarray | None
) -> dict[str, np.ndarray]:
    """A map under its names: overall, by class, by outcome."""
    named = {key: whole, f"{key}_by_class": by_class, f"{key}_by_outcome": by_outcome}
    return {name: values.astype(np.float32) for name, values in named.items() if values is not None}


def density_regions(
    context: Context,
    mask: np.ndarray,
    importance: np.ndarray,
    attack: np.ndarray | None,
    what: str,
    name: str,
) -> list[Json]:
    """Regions of a density's mask, by connected components and by DBSCAN."""
    rows: list[Json] = []
    weight = importance if attack is None else attack
    for method in get_args(Method):
        found = table(
            mask[None],
            importance[None],
            weight[None],
            samples=np.array([-1]),
            labels=np.array([-1]),
            classes=(),
            mask=what,
            attack_name=name,
            method=method,
            connectivity=context.config.connectivity,
        )
        rows += [region_json(row) for row in found.to_dict("records")]
    return rows


def region_json(row: dict[str, Any]) -> Json:
    """A row of the table of regions as JSON."""
    number = {k: None if isinstance(v, float) and not np.isfinite(v) else v for k, v in row.items()}
    plain = {k: v.item() if isinstance(v, np.generic) else v for k, v in number.items()}
    return {
        **{
            k: plain[k] for k in ("attack", "mask", "method", "label", "area", "eccentricity", "mass", "peak")
        },
        **{k: plain[k] for k in ("mean_importance", "mean_attack")},
        "source": "density",
        "class": None,
        "centroid": [plain["centroid_row"], plain["centroid_col"]],
        "bbox": [plain["min_row"], plain["min_col"], plain["max_row"], plain["max_col"]],
    }


def write_regions(run: RunDirectory) -> None:
    """``regions.parquet``: one row a region, a row group a chunk, so that memory stays flat."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    with atomic(run.path / "regions.parquet") as file:
        writer = None
        for rows in region_tables(run.chunks):
            arrow = pa.Table.from_pandas(rows, preserve_index=False)
            writer = writer or pq.ParquetWriter(file, arrow.schema)
            writer.write_table(arrow.cast(writer.schema))
        if writer is not None:
            writer.close()


def region_tables(chunks: list[Path]) -> Iterator[pd.DataFrame]:
    """The regions of each chunk, one table a chunk."""
    for path in chunks:
        groups: dict[str, dict[str, np.ndarray]] = {}
        with np.load(path, allow_pickle=False) as stored:  # the maps of the reservoir stay on disk
            for key in stored.files:
                if key.startswith(f"{REGIONS}."):
                    group, _, column = key.rpartition(".")
                    groups.setdefault(group, {})[column] = stored[key]
        tables = [pd.DataFrame(columns) for columns in groups.values()]
        filled = [table for table in tables if len(table)]
        if filled:
            yield pd.concat(filled, ignore_index=True)
