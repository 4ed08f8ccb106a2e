"""What `certify` costs against all masks and pairs of an image as one batch; see `certify_cifar10`."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import process_time
from typing import Any

import numpy as np
import torch

from spatialstats.defence.certify import certify
from spatialstats.defence.patchcleanser import PatchCleanser
from spatialstats.models import Classifier

TOGETHER = 32
"""Images that one way certifies before it is the next one's turn."""
WAYS = {"as given": "the module as it is given", "prepared": "its prepared copy"}
Model = Callable[[torch.Tensor], torch.Tensor]
Json = dict[str, Any]


def one_batch_an_image(defence: PatchCleanser, model: Model, x: torch.Tensor, y: torch.Tensor) -> list[bool]:
    """Every mask and every pair of masks of an image as one batch."""
    masked = defence.masked(x)
    first, second = torch.triu_indices(len(masked.cover), len(masked.cover))
    found = []
    for image, label in zip(x, y, strict=True):
        hidden = masked.images(image.expand(len(first), *image.shape), first, second)
        found.append(bool((model(hidden).argmax(1) == label).all()))
    return found


def compared(defence: PatchCleanser, x: torch.Tensor, y: torch.Tensor) -> Json:
    """Processor seconds of `certify` and of one batch an image, and on how many images they agree.

    One batch an image goes through the module as it is given, and through the copy that
    `Classifier` prepares.  All certify the same few images in turn, so that whatever else the
    machine does slows all of them.
    """
    classifier: Classifier = defence.model
    module = classifier.original.eval()
    models: dict[str, Model] = {"as given": lambda z: module(classifier.normalise(z)), "prepared": classifier}
    seconds, predictions, same = dict.fromkeys(("ours", *WAYS), 0.0), 0, []
    for part, labels in zip(x.split(TOGETHER), y.split(TOGETHER), strict=True):
        began = process_time()
        found = certify(defence, part, labels)
        seconds["ours"] += process_time() - began
        predictions += found.predictions
        for way in WAYS:
            began = process_time()
            with torch.no_grad():
                reference = one_batch_an_image(defence, models[way], part, labels)
            seconds[way] += process_time() - began
            same.append(found.certified == reference)
    return {
        "n": len(x),
        "seconds": seconds,
        "predictions": predictions,
        "exhaustive": found.exhaustive // len(part) * len(x),
        "agreement": float(np.concatenate(same).mean()),
    }


def said_of_times(repeats: list[Json]) -> str:
    """Repeats of the comparison in words."""
    last, agree = repeats[-1], np.mean([one["agreement"] for one in repeats])

    def median(of: str) -> float:
        return float(statistics.median(one["seconds"][of] for one in repeats))

    parts = []
    for way, words in WAYS.items():
        ratios = [one["seconds"][way] / one["seconds"]["ours"] for one in repeats]
        parts.append(
            f"through {words} {median(way):.1f} s, {statistics.median(ratios):.2f} times as long "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )
    return (
        f"{last['n']} certificates took {median('ours'):.1f} s of the processor (medians of {len(repeats)} "
        f"interleaved repeats). All masks and pairs of an image as one batch took {'; '.join(parts)}. "
        f"{last['predictions']:,} of {last['exhaustive']:,} predictions were made; "
        f"{100 * float(agree):.0f} % of the answers agree."
    )
