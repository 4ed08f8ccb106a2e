"""What a defence is worth against an attack that did not know of it, beside its controls."""

from __future__ import annotations

import numpy as np
import torch

from spatialstats.arrays import to_array
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.control_masks import blob_masks, swapped_regions
from spatialstats.defence.defence import Defence
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.neutralizer import predicted_behind
from spatialstats.engine.plan import derive_seed
from spatialstats.models import Classifier, batched

__all__ = ["located", "static_rows"]

Arrays = dict[str, np.ndarray]


def static_rows(
    defence: Defence, classifier: Classifier, x: np.ndarray, y: np.ndarray, x_adv: np.ndarray, seed: int
) -> Arrays:
    """Correctness of every image of a chunk, with the defence and with its controls.

    Parameters
    ----------
    defence, classifier : Defence and Classifier
        The deployed thing, and the undefended model.
    x, x_adv : numpy.ndarray
        float32 (n, C, H, W), clean and attacked.
    y : numpy.ndarray
        int64 (n,).
    seed : int
        Of the controls, and of a randomized defence.

    Returns
    -------
    dict of str to numpy.ndarray
        bool (n,) ``clean`` and ``static`` of the defence; where it hides pixels, float ``area`` and
        bool ``ceiling`` (true pixels put back where it hid some), ``swapped`` (another image's mask) and
        ``blob`` (an equal-area blob); swapped only where masks differ between images.
    """
    defended = as_classifier(defence)
    defence.reseed(seed)
    rows: Arrays = {"clean": defended.predict(x) == y, "static": defended.predict(x_adv) == y}
    masks = located(defence, classifier, x_adv)
    if not masks.any():
        return rows
    rows["area"] = masks.mean((1, 2))
    rows["ceiling"] = classifier.predict(np.where(masks[:, None], x, x_adv)) == y
    if isinstance(defence, NeutralizedModel):
        others = {"blob": blob_masks(masks, derive_seed(seed, "blob"))}
        if defence.locator.adaptive and np.count_nonzero(masks.any((1, 2))) > 1:
            others["swapped"] = swapped_regions(masks, derive_seed(seed, "swapped"))
        for name, other in others.items():
            rows[name] = predicted_behind(classifier, defence.fill, x_adv, other) == y
    return rows


def located(defence: Defence, classifier: Classifier, x: np.ndarray) -> np.ndarray:
    """bool (n, H, W): what the defence hides in each image, in micro-batches."""
    images = classifier.as_images(x)
    with torch.no_grad():
        found: np.ndarray = to_array(batched(defence.located, images, size=classifier.batch_size).cpu())
    return found
