"""Which importance method the default is: deletion and insertion on training images, against cost.

    python analysis/choose_importance.py                     # the table, as markdown
    python analysis/choose_importance.py --csv choice.csv --figure choice.svg

For each method, each way to take the magnitude of its map, and the controls (random
order, edges, the same centred blob for every image), a map is scored by the area under
its insertion curve minus that under its deletion curve.  What replaces the pixels
matters, and favours methods that use the same thing as their baseline: the score is the
average over several fills, whose own scores are printed too.  Only training images are read.  The whole
training set must be cached: ``spatialstats fetch cifar10``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from spatialstats.data.cifar import MEAN, STD, load_cifar10
from spatialstats.importance import get_importance, magnitude, run_importance
from spatialstats.importance.curves import deletion_insertion
from spatialstats.models import Classifier, load_model
from spatialstats.stats.intervals import Interval, bootstrap_mean

Maps = npt.NDArray[np.float32]

FILLS = ("blur", "mean", "grey")
METHODS = (
    "saliency",
    "smoothgrad(samples=8)",
    "smoothgrad(samples=16)",
    "integrated-gradients(steps=2,baseline=mean)",
    "integrated-gradients(steps=4,baseline=mean)",
    "integrated-gradients(steps=8,baseline=mean)",
    "integrated-gradients(steps=8,baseline=black)",
    "integrated-gradients(steps=4,baseline=blur)",
    "integrated-gradients(steps=8,baseline=blur)",
    "grad-cam",
    "occlusion(window=8,stride=4)",
)


@dataclass(frozen=True)
class Candidate:
    """A set of maps, and what they cost."""

    method: str
    magnitude: str
    smoothing: int
    calls: float
    milliseconds: float
    maps: Maps


def candidates(
    classifier: Classifier,
    x: Maps,
    target: npt.NDArray[np.int64],
    methods: tuple[str, ...],
    smoothings: tuple[int, ...],
) -> Iterator[Candidate]:
    """Every method with every magnitude."""
    for spec in methods:
        method = get_importance(spec)
        before, began = classifier.calls, time.perf_counter()
        maps = run_importance(method, classifier, x, target, seed=0)
        cost = (time.perf_counter() - began) * 1000 / len(x)
        calls = (classifier.calls - before) * classifier.batch_size / len(x)
        for rule in ("absolute", "positive") if method.signed else ("absolute",):
            for smoothing in smoothings:
                yield Candidate(spec, rule, smoothing, calls, cost, magnitude(maps, rule, smoothing))
    for name, maps in controls(x).items():
        yield Candidate(name, "", 0, 0, 0, maps)


def controls(x: Maps) -> dict[str, Maps]:
    """Maps that know nothing of the model."""
    grey = x.mean(1)
    rows, columns = np.gradient(grey, axis=(1, 2))
    size = grey.shape[1:]
    away = sum(((np.arange(n) - (n - 1) / 2) ** 2).reshape(-1, *[1] * (1 - k)) for k, n in enumerate(size))
    return {
        "control: random": np.random.default_rng(0).random(grey.shape, dtype=np.float32),
        "control: edges": np.hypot(rows, columns).astype(np.float32),
        "control: centre": np.broadcast_to(-np.asarray(away, np.float32), grey.shape),
    }


def areas(
    classifier: Classifier, x: Maps, target: npt.NDArray[np.int64], maps: Maps, steps: int
) -> npt.NDArray[np.float64]:
    """Areas under the deletion and the insertion curve of each image, (fills, 2, N)."""
    return np.array(
        [deletion_insertion(classifier, x, target, maps, steps, baseline=fill).areas() for fill in FILLS]
    )


def training_images(n: int, seed: int) -> Maps:
    """Some training images, (n, 3, 32, 32) in [0, 1]."""
    images, _ = load_cifar10("train")
    rows = np.sort(np.random.default_rng(seed).permutation(len(images))[:n])
    return np.asarray(images[rows], dtype=np.float32) / np.float32(255)


def load(model: str, weights: Path | None) -> Classifier:
    """A bundled model, or its architecture with other weights."""
    if weights is None:
        return load_model(model)
    return load_model("spatialstats.models.cifar_net:CifarNet", weights=weights, mean=MEAN, std=STD)


def show(interval: Interval) -> str:
    return f"{interval.value:.3f} [{interval.low:.3f}, {interval.high:.3f}]"


def markdown(table: pd.DataFrame) -> str:
    """A table in markdown."""
    rows = [table.columns.tolist(), ["---"] * table.shape[1], *table.astype(str).to_numpy().tolist()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def draw(table: pd.DataFrame, path: Path) -> None:
    """Quality against cost."""
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4.5), layout="constrained")
    shown = table[table["ms"] > 0]
    for method, rows in shown.groupby("method", sort=False):
        axes.plot(rows["ms"], rows["score"], "o", label=method)
    for _, row in table[table["ms"] == 0].iterrows():
        axes.axhline(row["score"], color="grey", linewidth=0.8)
        axes.text(shown["ms"].max(), row["score"], row["method"], ha="right", va="bottom", fontsize=7)
    axes.set(xscale="log", xlabel="ms an image", ylabel="insertion - deletion area")
    axes.legend(fontsize=6)
    figure.savefig(path)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument("--weights", type=Path, help="other weights of the bundled architecture")
    parser.add_argument("--images", type=int, default=256)
    parser.add_argument("--steps", type=int, default=6, help="points of a curve")
    parser.add_argument("--smoothing", type=int, nargs="+", default=[0, 1, 2], help="passes of (1, 2, 1) / 4")
    parser.add_argument("--methods", nargs="+", default=METHODS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--csv", type=Path)
    parser.add_argument("--figure", type=Path)
    options = parser.parse_args()
    classifier = load(options.model, options.weights)
    x = training_images(options.images, options.seed)
    target = classifier.predict(x)
    rows = []
    settings = tuple(options.methods), tuple(options.smoothing)
    for candidate in candidates(classifier, x, target, *settings):
        found = areas(classifier, x, target, candidate.maps, options.steps)
        deletion, insertion = found.mean(0)
        intervals = [
            bootstrap_mean(values, options.seed) for values in (deletion, insertion, insertion - deletion)
        ]
        by_fill = (found[:, 1] - found[:, 0]).mean(1)
        print(candidate.method, candidate.magnitude, candidate.smoothing, intervals[2].value, file=sys.stderr)
        rows.append(
            {
                "method": candidate.method,
                "magnitude": candidate.magnitude,
                "smoothing": candidate.smoothing,
                "calls": round(candidate.calls, 1),
                "ms": round(candidate.milliseconds, 2),
                "deletion": show(intervals[0]),
                "insertion": show(intervals[1]),
                "insertion - deletion": show(intervals[2]),
                **{f"by {fill}": f"{value:.3f}" for fill, value in zip(FILLS, by_fill, strict=True)},
                "score": intervals[2].value,
            }
        )
    table = pd.DataFrame(rows).sort_values("score", ascending=False, ignore_index=True)
    print(f"{len(x)} training images, {classifier.name}, curves of {options.steps} points\n")
    print(markdown(table.drop(columns="score")))
    if options.csv:
        table.to_csv(options.csv, index=False)
    if options.figure:
        draw(table, options.figure)


if __name__ == "__main__":
    main()
