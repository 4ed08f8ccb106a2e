"""Small run directories made by hand, with the files that a comparison reads."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from spatialstats import kernels
from spatialstats.engine.config import Config
from spatialstats.engine.files import write_arrays, write_json
from spatialstats.segments import SEGMENTS
from spatialstats.stats.intervals import proportion

SIDE = 12


def write_run(
    path: Path,
    images: list[int],
    *,
    seed: int,
    model: str,
    bump: float = 0.0,
    attacks: tuple[str, ...] = ("pgd-linf", "patch"),
    digests: bool = True,
    kept: int | None = None,
    one_by_one: bool = True,
    **settings: Any,
) -> Path:
    """A run on numbered images; `bump` is how much more damage the upper left quarter takes.

    Without `one_by_one` it is as earlier versions wrote it, without what became of each image afterwards.
    """
    rng = np.random.default_rng(seed)
    n, shape = len(images), (SIDE, SIDE)
    labels = np.array(images) % 3
    prediction = np.where(rng.random(n) < 0.9, labels, (labels + 1) % 3)
    correct = prediction == labels
    samples = {"row": np.arange(n), "index": np.array(images), "label": labels}
    if digests:
        samples["digest"] = [hashlib.sha256(str(image).encode()).hexdigest()[:32] for image in images]
    split = np.array(images) % 4 % 3  # half of them "locate"
    samples |= {"split": split, "prediction": prediction, "correct": correct}
    rows = np.sort(rng.permutation(n)[: kept or n])
    importance = rng.gamma(2, 1, (n, *shape))
    roi = importance > np.quantile(importance, 0.7, axis=(1, 2), keepdims=True)
    held: dict[str, Any] = {"shape": np.array(shape), "row": rows, "label": labels[rows]}
    held |= {"prediction": prediction[rows], "importance": importance[rows].astype(np.float16)}
    held["roi"] = kernels.pack(roi[rows])
    for name in attacks:
        damage = rng.gamma(2, 1, (n, *shape))
        if name == attacks[0]:
            damage[:, : SIDE // 2, : SIDE // 2] += bump
        damage[~correct] = np.nan
        after = np.where(rng.random(n) < 0.3, labels, (labels + 1) % 3)
        roa = np.nan_to_num(damage) > np.quantile(np.nan_to_num(damage), 0.8, axis=(1, 2), keepdims=True)
        share = rng.dirichlet((1, 2, 1, 3), n) * rng.gamma(5, 1, n)[:, None]
        share[~correct] = np.nan
        samples |= {f"{name}.prediction": after, f"{name}.outcome": np.ones(n, np.int8)}
        samples |= {f"{name}.shapley.{s}": share[:, i] for i, s in enumerate(SEGMENTS)}
        samples |= {
            f"{name}.area.{s}": np.where(correct, (0.5, 0.1, 0.2, 0.2)[i], np.nan)
            for i, s in enumerate(SEGMENTS)
        }
        if one_by_one:
            samples |= {f"{name}.ceiling.{r}": rng.random(n) < 0.4 for r in ("neutralizable", "roa", "roi")}
            hits = pd.arrays.BooleanArray(rng.random(n) < 0.5, split != 2)
            samples[f"{name}.defended.roa.neutralized"] = hits
        held |= {f"{name}/effect": (-damage / 20)[rows].astype(np.float16), f"{name}/formed": correct[rows]}
        held |= {f"{name}/energy": (damage / 100)[rows].astype(np.float16)}
        held |= {f"{name}/roa": kernels.pack((roa & correct[:, None, None])[rows])}
        held[f"{name}/frequency"] = kernels.pack((np.nan_to_num(damage) > 1)[rows])
    path.mkdir(parents=True)
    pd.DataFrame(samples).to_parquet(path / "samples.parquet", index=False)
    write_arrays(path / "reservoir.npz", held)
    write_json(path / "results.json", results(images, samples, model, attacks, settings))
    return path


def results(
    images: list[int], samples: dict[str, Any], model: str, attacks: tuple[str, ...], settings: dict[str, Any]
) -> dict[str, Any]:
    """What ``results.json`` says, as far as a comparison reads it."""
    n, right = len(images), proportion(np.asarray(samples["correct"])).to_dict()
    some = proportion(np.arange(n) % 3 == 0).to_dict()
    row = dict.fromkeys(("clean", "clean_neutralized", "attacked", "neutralized", "ceiling", "swapped"), some)
    knowledge = {"roi": "oracle", "roa": "oracle", "labels": True}
    return {
        "schema": 1,
        "version": "0.1.0",
        "config": Config(attacks=attacks, **settings).to_dict(),
        "headline": {"text": "x", "attack": attacks[0]},
        "data": {"name": "numbers", "n": n, "fingerprint": f"data-{images[0]}-{n}"},
        "model": {"name": model, "fingerprint": f"print-of-{model}", "clean_accuracy": right},
        "importance": {"name": "saliency", "label": "Saliency"},
        "rules": {"roi": "top 30 %", "roa": "top 20 %"},
        "attacks": [
            {
                "name": name,
                "label": name.upper(),
                "control": False,
                "budget": {"norm": "linf", "epsilon": 0.03, "text": "L∞ 8/255"},
                "robust_accuracy": some,
                "ceilings": dict.fromkeys(("nothing", "neutralizable", "roa", "roi", "everything"), some),
                "neutralization": [
                    {
                        "mask": "roa",
                        "fill": "mean",
                        "knowledge": knowledge,
                        "deployable": False,
                        "static": True,
                        "n": n,
                        "area": 0.2,
                        **row,
                        "blob": some,
                        "scattered": some,
                    }
                ],
            }
            for name in attacks
        ],
        "provenance": {"created": "2026-01-01T00:00:00+00:00", "command": "", "versions": {}},
    }
