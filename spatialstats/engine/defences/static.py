"""What a defence is worth against an attack that did not know of it, beside its controls."""

from __future__ import annotations

import numpy as np
import torch

from spatialstats.arrays import to_array, to_tensor
from spatialstats.defence.attackable import as_classifier
from spatialstats.defence.defence import Defence
from spatialstats.defence.evaluate import blob_masks, swapped_masks
from spatialstats.defence.neutralized import NeutralizedModel
from spatialstats.defence.neutralizer import Neutralizer
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
        rows["blob"] = _filled(defence, classifier, x_adv, y, blob_masks(masks, derive_seed(seed, "blob")))
        has = np.flatnonzero(masks.any((1, 2)))
        if defence.locator.adaptive and len(has) > 1:
            # Images without a mask keep none, so that every swapped mask replaces a mask.
            other = masks.copy()
            other[has] = swapped_masks(masks[has], derive_seed(seed, "swapped"))
            rows["swapped"] = _filled(defence, classifier, x_adv, y, other)
    return rows


def located(defence: Defence, classifier: Classifier, x: np.ndarray) -> np.ndarray:
    """bool (n, H, W): what the defence hides in each image, in micro-batches."""
    images = classifier.as_images(x)
    with torch.no_grad():
        found: np.ndarray = to_array(batched(defence.located, images, size=classifier.batch_size).cpu())
    return found


def _filled(
    defence: NeutralizedModel, classifier: Classifier, x: np.ndarray, y: np.ndarray, masks: np.ndarray
) -> np.ndarray:
    """bool (n,): whether the model is right behind these masks and the defence's own fill."""
    adapter = Neutralizer(classifier, defence.fill)
    hidden = to_tensor(np.ascontiguousarray(masks), classifier.device)
    with torch.no_grad():
        logits = batched(adapter, classifier.as_images(x), hidden, size=classifier.batch_size)
    right: np.ndarray = to_array(logits.argmax(1).cpu()) == y
    return right
