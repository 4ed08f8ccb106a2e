"""What a prior mask is worth on a plain, a mask-tolerant and a robust model, each attacked for itself.

    python analysis/factorial.py --work runs/factorial --docs

Four models (cifar10-0; its fine-tunes behind masks, without masks, under attack, of 18 epochs each) by
four conditions: no mask; the mask learnt on this model; the mask learnt on another model (swapped); the
own mask mirrored and shifted at random (equal area and shape).  Masks take at most 15 % of the pixels,
are learnt on images of the `locate` split of the test set and filled with the mean; all numbers are on
the first ``--n`` images of its `report` split.  Each cell is attacked twice:

- static: the attack knows the model and no mask (transfer);
- adaptive: a fixed mask is one more layer, so the defended model is attacked as any model is, by
  `run_baseline` of `spatialstats.defence.adaptive`: APGD from many starts with four losses (of a patch: two,
  at the worst of all places), then Square.  What stands is attacked again with twice the budget and the
  next loss each, then with larger threats until next to nothing stands.  The worst counts, image by image,
  the static one included.

Every cell of a threat is granted the same trials and gradients, those without a mask too.  Each part is
kept in ``--work``; the same command goes on.  About two and a half hours of one thread.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from docs_numbers import ROOT, markdown, write_numbers

from spatialstats.attacks import get_attack, run_attack
from spatialstats.data import SPLITS, load_dataset, splits
from spatialstats.defence.adaptive import EFFORTS, Effort, Threat
from spatialstats.defence.adaptive.baseline import run_baseline
from spatialstats.defence.adaptive.result import MOVES, NEAR_ZERO
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


@dataclass(frozen=True)
class Setting:
    """One threat: the attack that knows of no mask, and what the one that does is granted an image.

    ``models`` are those that are attacked within it.
    """

    static: str
    threat: Threat
    gradients: int
    tried: int
    models: tuple[str, ...] = field(default=tuple(MODELS), repr=False)  # of no cell's key


THREATS = {
    "L∞ 8/255": Setting("pgd-linf(epsilon=8/255, steps=20)", Threat.parse("linf:8/255"), 900, 3000),
    "patch 5x5": Setting("patch(screened=49, places=3, steps=10)", Threat.parse("patch:5x5"), 1801, 3600),
    "L∞ 2/255": Setting(  # where those have something left that have nothing at 8/255
        "pgd-linf(epsilon=2/255, steps=20, alpha=0.5/255)",
        Threat.parse("linf:2/255"),
        gradients=900,
        tried=3000,
        models=("cifar10-0", "cifar10-masked", "cifar10-twin"),
    ),
}
EFFORT = EFFORTS["default"]
SWEEP = (2.0, 4.0, 8.0, 16.0)  # multiples of the threat, until next to nothing stands
FILL, LEARNT, SEED = "mean", 256, 0
SHAPE = (3, 32, 32)
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


def kept(path: Path, classifier: Classifier, made_by: str, made: Callable[[], Arrays]) -> Arrays:
    """Arrays from a file, made and written where there is none of this model and these settings."""
    key = f"{classifier.fingerprint} {made_by}"
    if path.is_file():
        with np.load(path, allow_pickle=False) as held:
            if "key" in held.files and str(held["key"]) == key:
                return {name: held[name] for name in held.files if name != "key"}
    found = made()
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".tmp.npz")
    np.savez(unfinished, **{"key": np.array(key)} | found)  # type: ignore[arg-type]
    unfinished.replace(path)
    return found


def own_mask(name: str, threat: str, work: Path) -> npt.NDArray[np.bool_]:
    """The prior mask learnt on a model's `locate` images under the static attack of a threat."""
    classifier = load_model(name)

    def made() -> Arrays:
        located = images("locate", LEARNT)
        found = learn(classifier, located.x, located.y, attack=THREATS[threat].static, seed=SEED)
        return {"mask": found.family()[0].numpy()}

    path, static = work / f"{file_name(name, threat)}-mask.npz", THREATS[threat].static
    mask: npt.NDArray[np.bool_] = kept(path, classifier, f"{static} {LEARNT} {SEED}", made)["mask"]
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


def standing(defended: Classifier, data: Data, among: Hits, setting: Setting, effort: Effort) -> Hits:
    """bool (N,): which of some images are right still, under what the setting grants each of them."""
    left, rows = among.copy(), np.flatnonzero(among)
    if len(rows):
        x, y = torch.from_numpy(data.x[rows]), torch.from_numpy(data.y[rows])
        left[rows] = run_baseline(
            defended, x, y, setting.threat, effort, SEED, tried=setting.tried, gradients=setting.gradients
        ).robust
    return left


def attacked(defended: Classifier, data: Data, among: Hits, setting: Setting) -> Arrays:
    """``first``, ``adaptive``: what stands before and after twice the budget; ``needed``: see `near_zero`."""
    first = standing(defended, data, among, setting, EFFORT)
    twice = replace(setting, gradients=2 * setting.gradients, tried=2 * setting.tried)
    both = standing(defended, data, first, twice, EFFORT.doubled())
    return {"first": first, "adaptive": both, "needed": np.array(near_zero(defended, data, both, setting))}


def near_zero(defended: Classifier, data: Data, among: Hits, setting: Setting) -> float:
    """The first multiple of the threat that leaves next to nothing; infinite where none of `SWEEP` does."""
    left, few = among, replace(setting, gradients=4 * EFFORT.steps + 1, tried=1)
    for factor in (1.0, *SWEEP):
        larger = replace(few, threat=setting.threat.scaled(factor, data.x.shape))
        if larger.threat != few.threat:
            left, few = standing(defended, data, left, larger, replace(EFFORT, stride=3)), larger
        if left.mean() <= NEAR_ZERO:
            return factor
    return np.inf


def cell(name: str, threat: str, condition: str, n: int, work: Path) -> Arrays:
    """Whether each image is right: ``clean``, ``static``, ``ceiling``, and what `attacked` finds."""
    classifier, data, setting = load_model(name), images("report", n), THREATS[threat]

    def made() -> Arrays:
        made_static = kept(
            work / f"{file_name(name, threat, str(n))}-static.npz",
            classifier,
            f"{setting.static} {SEED}",
            lambda: {
                "x_adv": run_attack(get_attack(setting.static), classifier, data.x, data.y, seed=SEED).x_adv
            },
        )
        x_adv = made_static["x_adv"]
        mask = np.zeros(data.x.shape[2:], bool)
        if condition != "no mask":
            mask = own_mask(SWAPPED[name] if condition == "swapped" else name, threat, work)
            mask = shape_matched(mask, SEED) if condition == "random" else mask
        defended = as_classifier(NeutralizedModel(classifier, Fixed(torch.from_numpy(mask)), FILL))
        clean, survived = (defended.predict(x) == data.y for x in (data.x, x_adv))
        return {
            "mask": mask,
            "clean": clean,
            "static": survived,
            "ceiling": classifier.predict(np.where(mask, data.x, x_adv)) == data.y,
        } | attacked(defended, data, clean & survived, setting)

    path = work / f"{file_name(name, threat, condition, str(n))}.npz"
    swapped = load_model(SWAPPED[name]).fingerprint if condition == "swapped" else ""
    found = kept(path, classifier, f"{setting} {EFFORT} {SWEEP} {FILL} {LEARNT} {SEED} {swapped}", made)
    shares = ", ".join(f"{k} {found[k].mean():.1%}" for k in ("clean", "static", "first", "adaptive"))
    print(f"{name}, {threat}, {condition}: {shares}; near zero at {found['needed']}x", flush=True)
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
    for threat, setting in THREATS.items():
        head = ["model", "mask", "area %", "clean", "static", "ceiling (static)"]
        lines = [[*head, "adaptive worst case", "moved by twice the budget", "near zero at"]]
        unsettled: list[str] = []
        gains = [["model", "own minus", "clean", "static", "adaptive"]]
        for name in setting.models:
            kind, own = MODELS[name], cells[name, threat, "own"]
            for condition in CONDITIONS:
                found = cells[name, threat, condition]
                texts = [percent(proportion(found[k])) for k in ("clean", "static", "ceiling", "adaptive")]
                moved = 100 * (found["first"].mean() - found["adaptive"].mean())
                needed = float(found["needed"])
                reached = setting.threat.scaled(needed, SHAPE).text if np.isfinite(needed) else "–"
                if moved > 100 * MOVES + 1e-9:
                    unsettled.append(f"{kind}, {condition}")
                area = f"{100 * found['mask'].mean():.1f}"
                lines.append([kind, condition, area, *texts, f"{moved:.1f}", reached])
                if condition != "own":
                    differences = [
                        percent(paired_difference(own[k], found[k]), signed=True)
                        for k in ("clean", "static", "adaptive")
                    ]
                    gains.append([kind, condition, *differences])
        pairs = {
            name: [cells[name, threat, k]["mask"] for k in ("own", "swapped")] for name in setting.models
        }
        overlaps = ", ".join(f"{MODELS[name]} {iou(*masks):.2f}" for name, masks in pairs.items())
        parts += [
            f"## {threat}",
            markdown(lines),
            f"Static attack `{setting.static}`. Adaptive: {setting.gradients:,} gradients and "
            f"{setting.tried:,} examples tried an image at most, then twice that. IoU of the own and "
            f"the swapped mask: {overlaps}. Twice the budget moved by more than a point, so too weak to "
            f"conclude from: {'; '.join(unsettled) or 'no cell'}.",
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
        for name in THREATS[threat].models
        if name in options.models
    }
    if len(options.models) < len(MODELS):
        return
    text = tables(cells, options.n)
    print(text)
    if options.docs:
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
