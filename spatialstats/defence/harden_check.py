"""What a hardened model is worth: clean, behind masks, and under attack, image by image."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import torch

from spatialstats.attacks import Attack, run_attack
from spatialstats.attacks.seeds import mix
from spatialstats.defence.fills import get_fill
from spatialstats.defence.harden_batches import Images
from spatialstats.defence.harden_masks import MaskTraining, random_windows
from spatialstats.models import Classifier

__all__ = ["check_masked", "check_robust"]

Hits = npt.NDArray[np.bool_]
BLOCK = 512  # images read at once


def check_masked(
    classifier: Classifier, images: Images, masks: MaskTraining | None, seed: int = 0
) -> dict[str, Hits]:
    """Whether each image is given its label, clean and behind the masks of a training.

    Parameters
    ----------
    classifier : Classifier
        What is checked.
    images : Images
        On what.
    masks : MaskTraining, optional
        Windows and fills; places are random, drawn from the seed.  Without it there is no
        ``masked``.

    Returns
    -------
    dict of str to numpy.ndarray
        ``clean`` and ``masked``, bool (N,): behind as many random windows as the training has, with
        its first fill.
    """
    rng = torch.Generator().manual_seed(mix(seed, len(images)) >> 1)

    def masked(x: torch.Tensor) -> torch.Tensor:
        hidden = torch.zeros(len(x), *x.shape[2:], dtype=torch.bool)
        for _ in range(masks.windows if masks else 0):
            hidden |= random_windows(len(x), (x.shape[2], x.shape[3]), masks.sides, rng)  # type: ignore[union-attr]
        return get_fill(masks.fills[0])(x, hidden)  # type: ignore[union-attr]

    found = {"clean": _hits(classifier, images, lambda x: x)}
    return found if masks is None else found | {"masked": _hits(classifier, images, masked)}


def check_robust(classifier: Classifier, images: Images, attack: Attack, seed: int = 0) -> dict[str, Hits]:
    """Whether each image keeps its label under an attack: ``attacked``, bool (N,)."""
    hits = []
    for first in range(0, len(images), BLOCK):
        x, y = images.batch(np.arange(first, min(first + BLOCK, len(images))))
        made = run_attack(attack, classifier, x, y, seed=mix(seed, first) >> 1)
        hits.append(made.prediction == y.numpy())
    return {"attacked": np.concatenate(hits)}


def _hits(classifier: Classifier, images: Images, prepared: Callable[[torch.Tensor], torch.Tensor]) -> Hits:
    hits = []
    for first in range(0, len(images), BLOCK):
        x, y = images.batch(np.arange(first, min(first + BLOCK, len(images))))
        hits.append(classifier.predict(prepared(x)) == y.numpy())
    return np.concatenate(hits)
