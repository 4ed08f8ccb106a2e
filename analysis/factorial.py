"""What a prior mask is worth on a plain, a mask-tolerant and a robust model, each attacked for itself.

    python analysis/factorial.py --work runs/factorial --docs

Four models (cifar10-0; its fine-tunes behind masks, without masks for as many epochs, under attack) by
four conditions: no mask; the mask learnt on this model; the mask learnt on another model (swapped); the
own mask mirrored and shifted at random (equal area and shape).  Masks take at most 15 % of the pixels,
are learnt on images of the `locate` split of the test set and filled with the mean; all numbers are on
the first ``--n`` images of its `report` split.  Each cell is attacked twice:

- static: the attack knows the model and no mask (transfer);
- adaptive: the attack goes end to end through the mask and the fill; the worst of it and the static one
  counts, image by image.

L-infinity is PGD (20 steps) for static and APGD (100 steps of the DLR loss) for adaptive; the patch is
5x5, 49 places screened, the worst 3 climbed for 10 steps, the same for both.  Each part is kept in
``--work``; the same command goes on.  About 70 minutes of one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from docs_numbers import ROOT, markdown, write_numbers

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data import SPLITS, load_dataset, splits
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.prior import Fixed, learn
from spatialstats.models import Classifier, load_model
from spatialstats.stats.intervals import Interval, paired_difference, proportion

MODELS = {
    "cifar10-0": "plain",
    "cifar10-masked": "masked",
    "cifar10-twin": "twin",
    "cifar10-robust": "robust",
}
SWAPPED = {  # whose mask a model is given as the swapped one
    "cifar10-0": "cifar10-robust",
    "cifar10-robust": "cifar10-0",
    "cifar10-masked": "cifar10-twin",
    "cifar10-twin": "cifar10-masked",
}
CONDITIONS = ("no mask", "own", "swapped", "random")
PATCH = "patch(screened=49, places=3, steps=10)"
THREATS = {  # name: (static attack, adaptive attack)
    "L∞ 8/255": ("pgd-linf(epsilon=8/255, steps=20)", "apgd-linf(epsilon=8/255, steps=100, stop=true)"),
    "patch 5x5": (PATCH, PATCH),
    "L∞ 2/255": (
        "pgd-linf(epsilon=2/255, steps=20, alpha=0.5/255)",
        "apgd-linf(epsilon=2/255, steps=100, stop=true)",
    ),
}
FILL, LEARNT, SEED = "mean", 256, 0
PAGE, COMMAND = ROOT / "docs" / "defences_factorial.md", "python analysis/factorial.py --docs"
Hits = npt.NDArray[np.bool_]
Arrays = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True)
class Data:
    """Images of one split and their labels."""

    x: npt.NDArray[np.float32]
    y: npt.NDArray[np.int64]


def images(split: str, n: int) -> Data:
    """The first `n` test images of a split."""
    data = load_dataset("cifar10", split="test")
    rows = np.flatnonzero(splits(data.digests()) == SPLITS.index(split))[:n]
    return Data(data.read(rows), data.labels[rows])


def kept(path: Path, classifier: Classifier, made: Callable[[], Arrays]) -> Arrays:
    """Arrays from a file, made and written where there is none of this model."""
    if path.is_file():
        with np.load(path, allow_pickle=False) as held:
            if str(held["fingerprint"]) == classifier.fingerprint:
                return {name: held[name] for name in held.files if name != "fingerprint"}
    found = made()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, **{"fingerprint": np.array(classifier.fingerprint)} | found)  # type: ignore[arg-type]
    unfinished.replace(path)
    return found


def own_mask(name: str, threat: str, work: Path) -> npt.NDArray[np.bool_]:
    """The prior mask learnt on a model's `locate` images under the static attack of a threat."""
    classifier = load_model(name)

    def made() -> Arrays:
        located = images("locate", LEARNT)
        found = learn(classifier, located.x, located.y, attack=THREATS[threat][0], seed=SEED)
        return {"mask": found.family()[0].numpy()}

    mask: npt.NDArray[np.bool_] = kept(work / f"{file_name(name, threat)}-mask.npz", classifier, made)["mask"]
    return mask


def shape_matched(mask: npt.NDArray[np.bool_], seed: int) -> npt.NDArray[np.bool_]:
    """The mask turned, mirrored and shifted on the torus at random: its area and its shape."""
    rng = np.random.default_rng(seed)
    moved = np.rot90(mask, int(rng.integers(4)))
    moved = moved[:, ::-1] if rng.integers(2) else moved
    shift = (int(rng.integers(mask.shape[0])), int(rng.integers(mask.shape[1])))
    return np.ascontiguousarray(np.roll(moved, shift, (0, 1)))


def file_name(*parts: str) -> str:
    return "-".join(parts).replace("∞", "inf").replace("/", "_").replace(" ", "_")


def cell(name: str, threat: str, condition: str, n: int, work: Path) -> Arrays:
    """Whether each image is right in a cell: ``clean``, ``static``, ``ceiling``, ``adaptive``."""
    classifier, data = load_model(name), images("report", n)
    static, adaptive = (get_attack(spec) for spec in THREATS[threat])

    def made() -> Arrays:
        made_static = kept(
            work / f"{file_name(name, threat, str(n))}-static.npz",
            classifier,
            lambda: {"x_adv": run_attack(static, classifier, data.x, data.y, seed=SEED).x_adv},
        )
        x_adv = made_static["x_adv"]
        mask = np.zeros(data.x.shape[2:], bool)
        if condition != "no mask":
            mask = own_mask(SWAPPED[name] if condition == "swapped" else name, threat, work)
            mask = shape_matched(mask, SEED) if condition == "random" else mask
        defended = as_classifier(NeutralizedModel(classifier, Fixed(torch.from_numpy(mask)), FILL))
        through = run_attack(adaptive, defended, data.x, data.y, seed=SEED)
        survived = defended.predict(x_adv) == data.y
        return {
            "mask": mask,
            "clean": defended.predict(data.x) == data.y,
            "static": survived,
            "ceiling": classifier.predict(np.where(mask, data.x, x_adv)) == data.y,
            "adaptive": (through.prediction == data.y) & survived,
        }

    found = kept(work / f"{file_name(name, threat, condition, str(n))}.npz", classifier, made)
    shares = ", ".join(f"{k} {found[k].mean():.1%}" for k in ("clean", "static", "adaptive"))
    print(f"{name}, {threat}, {condition}: {shares}", flush=True)
    return found


def percent(interval: Interval, *, signed: bool = False) -> str:
    sign = "+" if signed else ""
    return (
        f"{100 * interval.value:{sign}.1f} [{100 * interval.low:{sign}.1f}, {100 * interval.high:{sign}.1f}]"
    )


def tables(cells: dict[tuple[str, str, str], Arrays], n: int) -> str:
    """All accuracies, and what the own mask adds to each alternative, for each threat."""
    parts = [
        f"{n} images of the `report` split; prior masks (knowledge: RoI prior, RoA prior, no labels), filled "
        f"with the {FILL}; accuracies in percent with 95 % intervals (Wilson's), differences over the same "
        "images (Newcombe's)."
    ]
    for threat in THREATS:
        head = ["model", "mask", "area %", "clean", "static", "ceiling (static)", "adaptive worst case"]
        lines = [head]
        gains = [["model", "own minus", "clean", "static", "adaptive"]]
        for name, kind in MODELS.items():
            own = cells[name, threat, "own"]
            for condition in CONDITIONS:
                found = cells[name, threat, condition]
                texts = [percent(proportion(found[k])) for k in ("clean", "static", "ceiling", "adaptive")]
                lines.append([kind, condition, f"{100 * found['mask'].mean():.1f}", *texts])
                if condition != "own":
                    differences = [
                        percent(paired_difference(own[k], found[k]), signed=True)
                        for k in ("clean", "static", "adaptive")
                    ]
                    gains.append([kind, condition, *differences])
        pairs = {name: [cells[name, threat, k]["mask"] for k in ("own", "swapped")] for name in MODELS}
        overlaps = ", ".join(f"{MODELS[name]} {iou(*masks):.2f}" for name, masks in pairs.items())
        parts += [
            f"## {threat}",
            markdown(lines),
            f"Static attack `{THREATS[threat][0]}`, adaptive `{THREATS[threat][1]}`. IoU of the own and the "
            f"swapped mask: {overlaps}.",
            markdown(gains),
        ]
    return "\n\n".join(parts)


def iou(a: npt.NDArray[np.bool_], b: npt.NDArray[np.bool_]) -> float:
    return float((a & b).sum() / max(1, (a | b).sum()))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--models", nargs="+", choices=list(MODELS), default=list(MODELS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--work", type=Path, default=Path("runs/factorial"))
    parser.add_argument(
        "--docs", action="store_true", help="write the tables into docs/defences_factorial.md"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cells = {
        (name, threat, condition): cell(name, threat, condition, options.n, options.work)
        for threat in THREATS
        for condition in CONDITIONS
        for name in options.models
    }
    if len(options.models) < len(MODELS):
        return
    text = tables(cells, options.n)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
