"""Measure the bundled models on CIFAR-10 test images, from the installed weights.

    python analysis/measure_hardened.py --work runs/hardened --docs

For cifar10-0 and its fine-tunes: clean accuracy on all 10,000 test images; accuracy behind two random
9x9 windows; and accuracy under APGD (L-infinity 8/255, 100 steps of the DLR loss).  The last two on the
first ``--n`` test images.  What the models certify behind masks is `analysis/certify_cifar10.py`'s.
Each number is kept in ``--work``; the same command goes on.  ``--docs`` writes the table into
docs/models.md and each clean accuracy into its weights file.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from docs_numbers import ROOT, markdown, write_numbers
from safetensors import safe_open

from spatialstats.attacks import get_attack
from spatialstats.data import load_dataset
from spatialstats.defence.harden_batches import Images
from spatialstats.defence.harden_check import check_masked, check_robust
from spatialstats.defence.harden_masks import MaskTraining, mask_sides
from spatialstats.models import Classifier, load_model
from spatialstats.models.registry import WEIGHTS
from spatialstats.models.weights_file import save_weights
from spatialstats.stats.intervals import proportion

MODELS = ("cifar10-0", "cifar10-masked", "cifar10-twin", "cifar10-robust")
PAGE, COMMAND = ROOT / "docs" / "models.md", "python analysis/measure_hardened.py --docs"
MASKS = MaskTraining(mask_sides((32, 32), 5), (32, 32))
BLOCK = 50  # images between two writes
Json = dict[str, Any]
Hits = npt.NDArray[np.bool_]


def clean(classifier: Classifier, images: Images) -> Hits:
    return check_masked(classifier, images, None)["clean"]


def masked(classifier: Classifier, images: Images) -> Hits:
    return check_masked(classifier, images, MASKS, seed=0)["masked"]


def attacked(classifier: Classifier, images: Images) -> Hits:
    attack = get_attack("apgd-linf", epsilon=8 / 255, steps=100, stop=True)
    return check_robust(classifier, images, attack, seed=0)["attacked"]


MEASURES: dict[str, tuple[str, Callable[[Classifier, Images], Hits]]] = {
    "clean": ("clean", clean),
    "masked": ("behind two random 9x9 windows", masked),
    "attacked": ("APGD L∞ 8/255", attacked),
}


def measured(name: str, measure: str, n: int, work: Path, *, go_on: bool = True) -> list[bool]:
    """Whether each of the first `n` test images is right, going on from what is kept unless told not to."""
    classifier = load_model(name)
    kept = work / f"{name}-{measure}.json"
    found: Json = {"fingerprint": classifier.fingerprint, "hits": []}
    if kept.is_file():
        held = json.loads(kept.read_text())
        found = held if held["fingerprint"] == classifier.fingerprint else found
    data = load_dataset("cifar10", split="test")
    block = 2000 if measure in ("clean", "masked") else BLOCK
    while go_on and len(found["hits"]) < n:
        rows = np.arange(len(found["hits"]), min(n, len(found["hits"]) + block))
        part = data.subset(rows)
        hits = MEASURES[measure][1](classifier, Images(part.read, part.labels))
        found["hits"] += [bool(hit) for hit in hits]
        work.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found))
        right = np.asarray(found["hits"])
        print(f"{name} {measure}: {right.mean():.1%} of {len(right)}", flush=True)
    return list(found["hits"][:n])


def table(results: dict[str, dict[str, list[bool]]]) -> str:
    """Accuracy and interval of each model under each measure, in percent."""
    lines = [["model", *(label for label, _ in MEASURES.values())]]
    for name, found in results.items():
        cells = [proportion(np.asarray(found[measure])) for measure in MEASURES]
        texts = [
            f"{100 * c.value:.1f} [{100 * c.low:.1f}, {100 * c.high:.1f}] of {c.n:,}"
            if c.n
            else "not measured"
            for c in cells
        ]
        lines.append([name, *texts])
    return markdown(lines)


def write_accuracy(name: str, accuracy: float) -> None:
    """Put the measured clean accuracy into a weights file; its tensors keep their bits."""
    path = WEIGHTS / f"{name}.safetensors"
    with safe_open(path, framework="pt") as file:
        about = dict(file.metadata() or {})
    if about.get("test_accuracy") != f"{accuracy:.4f}":
        save_weights(load_model(name).original, path, about | {"test_accuracy": f"{accuracy:.4f}"}, half=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--models", nargs="+", default=list(MODELS))
    parser.add_argument("--measures", nargs="+", choices=list(MEASURES), default=list(MEASURES))
    parser.add_argument("--work", type=Path, default=Path("runs/hardened"))
    parser.add_argument(
        "--docs", action="store_true", help="write docs/models.md and the weights' accuracies"
    )
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    results = {
        name: {
            measure: measured(
                name,
                measure,
                10_000 if measure == "clean" else options.n,
                options.work,
                go_on=measure in options.measures,
            )
            for measure in MEASURES
        }
        for name in options.models
    }
    text = table(results)
    print(text)
    if options.docs:
        for name in options.models:
            if name != "cifar10-0" and len(results[name]["clean"]) == 10_000:
                write_accuracy(name, float(np.mean(results[name]["clean"])))
        write_numbers(PAGE, COMMAND, text)


if __name__ == "__main__":
    main()
