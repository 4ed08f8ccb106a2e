"""Certified and clean accuracy of PatchCleanser on CIFAR-10, its cost, and the ratio to one batch an image.

    python analysis/certify_cifar10.py --model cifar10-masked --n 1000
    python analysis/certify_cifar10.py --model cifar10-0 --per-axis 4 --patch 5 --json certified.json
    python analysis/certify_cifar10.py --model cifar10-masked --n 200 --keep 0.05    # a region spared
    python analysis/certify_cifar10.py --model cifar10-masked --n 200 --places       # and place by place

Images are the first of the embedded test images' `report` split, or of another (`--part`).  The comparison
certifies the same images with all one- and two-mask images of one image as one batch (each pair once), no
image leaving early, through the module as it is given and, to tell what the masks save from what the
preparation does, through its prepared copy.  Times are of the processor, since other programs on the
machine would count otherwise.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from certify_compared import compared, said_of_times

from spatialstats.data import SPLITS, load_dataset, splits
from spatialstats.defence.certify import Certificates, certify
from spatialstats.defence.cover import placements
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.importance import run_importance
from spatialstats.models import Classifier, load_model
from spatialstats.regions import top_fraction
from spatialstats.stats.intervals import bootstrap_mean, proportion

LOCATE = 256


def images(n: int, split: str | None, part: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `n` images of a split by content, and their labels."""
    data = load_dataset("cifar10", split=split)
    rows = np.flatnonzero(splits(data.digests()) == SPLITS.index(part))[:n]
    return torch.from_numpy(data.read(rows)), torch.from_numpy(data.labels[rows])


def kept_region(model: Classifier, split: str | None, fraction: float) -> torch.Tensor | None:
    """bool (H, W): where the model looks most in the mean over `locate` images; None for no fraction."""
    if not fraction:
        return None
    x, y = images(LOCATE, split, "locate")
    maps = run_importance("integrated-gradients", model, x, y)
    return torch.from_numpy(top_fraction(np.maximum(maps, 0).mean(0)[None], fraction)[0])


def place_by_place(
    defence: PatchCleanser, x: torch.Tensor, y: torch.Tensor, right: np.ndarray, certified: np.ndarray
) -> dict[str, Any]:
    """Shares of the placements that are certified: of all images, and of right answers without a certificate.

    Only placements that are spoken of count: those that touch no kept pixel.
    """
    allowed = placements((int(x.shape[2]), int(x.shape[3])), defence.sides, defence.keep).numpy()
    found = defence.certified_places(x, y, defence.sides).numpy()
    shares = found[:, allowed].mean(1)
    partly = right & ~certified
    by_place = np.where(allowed, found.mean(0), np.nan)
    least = np.unravel_index(np.nanargmin(by_place), by_place.shape)
    return {
        "all": bootstrap_mean(shares, 0).to_dict(),
        "uncertified": bootstrap_mean(shares[partly], 0).to_dict() if partly.sum() > 1 else None,
        "least": {"corner": [int(at) for at in least], "share": float(np.nanmin(by_place))},
        "most": float(np.nanmax(by_place)),
    }


def measure(options: argparse.Namespace) -> dict[str, Any]:
    """Everything that is printed."""
    x, y = images(options.n, options.split, options.part)
    classifier = load_model(options.model)
    keep = kept_region(classifier, options.split, options.keep)
    defence = PatchCleanser(classifier, options.patch, options.per_axis, options.fill, keep)
    began = time.process_time()
    with torch.no_grad():
        answers = torch.cat([defence(part) for part in x.split(256)]).argmax(1)
    middle = time.process_time()
    found: Certificates = certify(defence, x, y)
    ended = time.process_time()
    return {
        "model": options.model,
        "n": len(x),
        "defence": defence.spec,
        "threads": torch.get_num_threads(),
        "undefended": proportion(classifier.predict(x) == y.numpy()).to_dict(),
        "clean": proportion((answers == y).numpy()).to_dict(),
        **found.to_dict(),
        "seconds_an_image": {"answer": (middle - began) / len(x), "certificate": (ended - middle) / len(x)},
        "places": place_by_place(defence, x, y, (answers == y).numpy(), found.certified)
        if options.places
        else None,
        "compared": [
            compared(defence, x[: options.compare], y[: options.compare]) for _ in range(options.repeats)
        ]
        if options.compare
        else None,
    }


def said_of_places(found: dict[str, Any]) -> str:
    """The shares in words."""

    def percent(of: dict[str, Any]) -> str:
        return f"{100 * of['value']:.1f} % [{100 * of['low']:.1f}, {100 * of['high']:.1f}]"

    text = f"place by place: {percent(found['all'])} of the placements of an image are certified, in the mean"
    if found["uncertified"] is not None:
        text += f"; {percent(found['uncertified'])} of those of right answers without a certificate"
    least = found["least"]
    return (
        f"{text}; from {100 * least['share']:.1f} % of the images at the patch with its top left pixel at "
        f"{tuple(least['corner'])} to {100 * found['most']:.1f} % at the safest"
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--model", default="cifar10-0")
    parser.add_argument("--n", type=int, default=1000)
    parser.add_argument("--split", help="test: of all 10,000 test images instead of the embedded 1,000")
    parser.add_argument(
        "--part", choices=SPLITS, default="report", help="choose: to pick masks and a fill on"
    )
    parser.add_argument("--patch", type=int, default=5)
    parser.add_argument("--per-axis", type=int, default=6)
    parser.add_argument("--fill", default="constant")
    parser.add_argument(
        "--keep",
        type=float,
        default=0.0,
        help="never hide this share of the pixels: where the model looks most on 256 other images",
    )
    parser.add_argument("--places", action="store_true", help="also certify each placement of each image")
    parser.add_argument("--compare", type=int, default=64, help="images that both ways certify; 0: none")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="of torch; times are of the processor")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    row = measure(options)
    if options.json:
        options.json.write_text(json.dumps(row, indent=1) + "\n")
    for name in ("undefended", "clean", "certified"):
        p = row[name]
        print(f"{name}: {100 * p['value']:.1f} % [{100 * p['low']:.1f}, {100 * p['high']:.1f}], n = {p['n']}")
    print(row["sentence"])
    answer, certificate = (1000 * row["seconds_an_image"][name] for name in ("answer", "certificate"))
    print(
        f"masked predictions: {row['predictions']} of {row['exhaustive']}; processor time {answer:.0f} ms "
        f"an answer and {certificate:.0f} ms a certificate, {row['threads']} thread(s)"
    )
    if row["places"] is not None:
        print(said_of_places(row["places"]))
    if row["compared"]:
        print(said_of_times(row["compared"]))


if __name__ == "__main__":
    main()
