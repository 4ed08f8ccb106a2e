"""Certified and clean accuracy of PatchCleanser on CIFAR-10, its cost, and the ratio to one batch an image.

    python analysis/certify_cifar10.py --model cifar10-masked --n 1000
    python analysis/certify_cifar10.py --model cifar10-0 --per-axis 4 --patch 5 --json certified.json

Images are the first of the embedded test images' `report` split.  The comparison certifies the same
images as the reference implementation is usually run: all one- and two-mask images of one image as one
batch (each pair once), no image leaving early, on the same model.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from spatialstats.data import SPLITS, load_dataset, splits
from spatialstats.defence.certify import Certificates, certify
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.models import load_model
from spatialstats.stats.intervals import proportion


def images(n: int, split: str | None) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `n` images of the report split, and their labels."""
    data = load_dataset("cifar10", split=split)
    rows = np.flatnonzero(splits(data.digests()) == SPLITS.index("report"))[:n]
    return torch.from_numpy(data.read(rows)), torch.from_numpy(data.labels[rows])


def one_batch_an_image(defence: PatchCleanser, x: torch.Tensor, y: torch.Tensor) -> list[bool]:
    """Every mask and every pair of masks of an image as one batch."""
    masked = defence.masked(x)
    first, second = torch.triu_indices(len(masked.cover), len(masked.cover))
    found = []
    for image, label in zip(x, y, strict=True):
        hidden = masked.images(image.expand(len(first), *image.shape), first, second)
        found.append(bool((defence.model(hidden).argmax(1) == label).all()))
    return found


def compare(defence: PatchCleanser, x: torch.Tensor, y: torch.Tensor, repeats: int) -> dict[str, float]:
    """Median seconds of both ways, interleaved, and on how many images they agree."""
    ours, theirs, same = [], [], 1.0
    for _ in range(repeats):
        began = time.perf_counter()
        found = certify(defence, x, y)
        middle = time.perf_counter()
        with torch.no_grad():
            reference = one_batch_an_image(defence, x, y)
        ours.append(middle - began)
        theirs.append(time.perf_counter() - middle)
        same = float((found.certified == reference).mean())
    a, b = statistics.median(ours), statistics.median(theirs)
    return {"seconds": a, "one_batch_an_image": b, "ratio": b / a, "agreement": same}


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed."""
    x, y = images(options.n, options.split)
    classifier = load_model(options.model)
    defence = PatchCleanser(classifier, options.patch, options.per_axis, options.fill)
    began = time.perf_counter()
    with torch.no_grad():
        answers = torch.cat([defence(part) for part in x.split(256)]).argmax(1)
    middle = time.perf_counter()
    found: Certificates = certify(defence, x, y)
    ended = time.perf_counter()
    return {
        "model": options.model,
        "n": len(x),
        "defence": defence.spec,
        "threads": torch.get_num_threads(),
        "undefended": proportion(classifier.predict(x) == y.numpy()).to_dict(),
        "clean": proportion((answers == y).numpy()).to_dict(),
        **found.to_dict(),
        "seconds_an_image": {"answer": (middle - began) / len(x), "certificate": (ended - middle) / len(x)},
        "compared": compare(defence, x[: options.compare], y[: options.compare], options.repeats),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--split", help="test: of all 10,000 test images instead of the embedded 1,000")
    parser.add_argument("--patch", type=int, default=5)
    parser.add_argument("--per-axis", type=int, default=6)
    parser.add_argument("--fill", default="constant")
    parser.add_argument("--compare", type=int, default=48, help="images that both ways certify")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    row = measure(options)
    if options.json:
        options.json.write_text(json.dumps(row, indent=1) + "\n")
    for name in ("undefended", "clean", "certified"):
        p = row[name]
        print(f"{name}: {100 * p['value']:.1f} % [{100 * p['low']:.1f}, {100 * p['high']:.1f}], n = {p['n']}")
    print(row["sentence"])
    print(
        f"masked predictions: {row['predictions']} of {row['exhaustive']}; an image: answer "
        f"{1000 * row['seconds_an_image']['answer']:.0f} ms, certificate "
        f"{1000 * row['seconds_an_image']['certificate']:.0f} ms on {row['threads']} threads"
    )
    c = row["compared"]
    print(
        f"{options.compare} images: ours {c['seconds']:.2f} s, one batch an image "
        f"{c['one_batch_an_image']:.2f} s: {c['ratio']:.2f} times faster, {100 * c['agreement']:.0f} % agree"
    )


if __name__ == "__main__":
    main()
