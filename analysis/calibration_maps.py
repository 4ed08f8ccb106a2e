"""Real maps for the calibration: RoI of two models, effect maps of one attack under two seeds, of noise.

    python analysis/calibration_maps.py --out runs/calibration/maps.npz

Takes bundled CIFAR-10 images that the attacked model classifies correctly, by the functions that
`spatialstats analyze` is made of.  `analysis/calibration.py` runs it where the file is not there yet.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from spatialstats import maps
from spatialstats.attacks import get_attack, run_attack
from spatialstats.data import load_dataset
from spatialstats.importance import magnitude, margin_gradient, run_importance
from spatialstats.models import Classifier, load_model
from spatialstats.regions import threshold

MODELS = ("cifar10-0", "cifar10-1")
ATTACK = "pgd-linf"
SEEDS = (11, 12)
NOISE = 8 / 255
ROI, ROA = 0.3, 0.2
CHUNK = 64


def taken(n: int) -> dict[str, np.ndarray]:
    """Maps and masks of up to n images, those the first model errs on left out."""
    dataset = load_dataset("cifar10").take(n, 0)
    own, other = (load_model(name) for name in MODELS)
    parts: list[dict[str, np.ndarray]] = []
    for start in range(0, len(dataset), CHUNK):
        rows = np.arange(start, min(start + CHUNK, len(dataset)))
        parts.append(_chunk(own, other, dataset.read(rows), dataset.labels[rows], start))
        print(f"maps of {start + len(rows)} of {len(dataset)} images", flush=True)
    return {key: np.concatenate([part[key] for part in parts]) for key in parts[0]}


def _chunk(
    own: Classifier, other: Classifier, x: np.ndarray, labels: np.ndarray, first: int
) -> dict[str, np.ndarray]:
    right = own.predict(x) == labels
    x, labels = x[right], labels[right]
    held = {"label": labels, "roi_own": _roi(own, x), "roi_other": _roi(other, x)}
    clean = own.predict_logits(x)
    for at, seed in enumerate(SEEDS):
        attacked = run_attack(get_attack(ATTACK), own, x, labels, seed=seed + 1000 * first)
        others = attacked.logits.copy()
        others[np.arange(len(x)), labels] = -np.inf
        rival = others.argmax(1)
        rows = np.arange(len(x))
        change = (attacked.logits[rows, labels] - attacked.logits[rows, rival]).astype(np.float64)
        change -= clean[rows, labels] - clean[rows, rival]
        path = margin_gradient(own, labels, rival)
        values = maps.damage_part(maps.effect(path, x, attacked.x_adv, change=change).values)
        scaled, _ = maps.scale(values)
        held[f"attack_{at}"] = scaled.astype(np.float16)
        held[f"roa_{at}"] = threshold(values, ROA)
    rng = np.random.default_rng((SEEDS[0], first))
    # never clipped, so that it does not depend on the image
    energy = np.sqrt((rng.uniform(-NOISE, NOISE, x.shape) ** 2).sum(1))
    held["noise"] = threshold(energy.astype(np.float32), ROA)
    return held


def _roi(classifier: Classifier, x: np.ndarray) -> np.ndarray:
    found = run_importance("integrated-gradients", classifier, x, classifier.predict(x), seed=0)
    return threshold(maps.scale(magnitude(found))[0], ROI)


def main() -> None:
    parser = argparse.ArgumentParser(description="Real maps for the calibration.")
    parser.add_argument("--out", type=Path, default=Path("runs/calibration/maps.npz"))
    parser.add_argument("--n", type=int, default=640)
    given = parser.parse_args()
    given.out.parent.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(given.out, allow_pickle=False, **taken(given.n))


if __name__ == "__main__":
    main()
