"""Prior locators: masks learnt on other images, one for all or one for each predicted class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from spatialstats import maps
from spatialstats.attacks import get_attack, run_attack
from spatialstats.defence.locate import Knowledge, prior_mask
from spatialstats.defence.locator import Locator, Model
from spatialstats.errors import InputError
from spatialstats.importance import get_importance, magnitude, margin_gradient, run_importance
from spatialstats.models import Classifier
from spatialstats.regions import top_fraction

__all__ = ["Fixed", "PerClass", "learn"]

PRIOR = Knowledge("prior", "prior", labels=False)


@dataclass(frozen=True, eq=False)
class Fixed(Locator):
    """One mask for every image.

    Parameters
    ----------
    mask : torch.Tensor
        bool (H, W).
    source : Knowledge
        Where the mask came from; learnt on other images unless said otherwise.
    """

    mask: torch.Tensor
    source: Knowledge = PRIOR
    name: ClassVar[str] = "prior"
    label: ClassVar[str] = "prior mask"
    adaptive: ClassVar[bool] = False

    def __post_init__(self) -> None:
        _check(self.mask, 2, "(H, W)")

    @property
    def knowledge(self) -> Knowledge:
        """See `Locator.knowledge`."""
        return self.source

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`."""
        _check_fit(self.mask, x)
        return self.mask.to(x.device).expand(len(x), -1, -1)

    def family(self) -> torch.Tensor:
        """See `Locator.family`."""
        return self.mask[None]


@dataclass(frozen=True, eq=False)
class PerClass(Locator):
    """The mask of the class that the model predicts for the image as it arrives.

    An attack that changes the prediction chooses among the masks.

    Parameters
    ----------
    class_masks : torch.Tensor
        bool (K, H, W).
    """

    class_masks: torch.Tensor
    name: ClassVar[str] = "prior"
    label: ClassVar[str] = "prior mask of the predicted class"

    def __post_init__(self) -> None:
        _check(self.class_masks, 3, "(K, H, W)")

    @property
    def spec(self) -> str:
        """See `Locator.spec`: the same name as one mask for all, by another parameter."""
        return f"{self.name}(per_class=true)"

    @property
    def knowledge(self) -> Knowledge:
        """See `Locator.knowledge`: the prediction is read from the image, the masks are not."""
        return PRIOR

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`."""
        _check_fit(self.class_masks, x)
        predicted = model(x).argmax(1)
        if len(x) and int(predicted.max()) >= len(self.class_masks):
            raise InputError(
                f"there are masks of {len(self.class_masks)} classes and the model predicts class "
                f"{int(predicted.max())}: learn the masks with this model."
            )
        return self.class_masks.to(x.device)[predicted]

    def family(self) -> torch.Tensor:
        """See `Locator.family`."""
        return self.class_masks


def learn(
    classifier: Classifier,
    x: Any,
    y: Any,
    *,
    attack: str = "pgd-linf",
    fraction: float = 0.15,
    roi: float = 0.3,
    roa: float = 0.2,
    importance: str | None = None,
    per_class: bool = False,
    seed: int = 0,
) -> Fixed | PerClass:
    """Masks of what is often attacked and seldom important, learnt on images of the `locate` split.

    The images are attacked; of those that were classified correctly, the region of attack is the
    top of the damaging part of the effect map and the region of importance the top of the
    importance map of the clean image.  What is learnt is how often a pixel is in the first and
    not in the second (`prior_mask`).

    Parameters
    ----------
    classifier : Classifier
        The undefended model.
    x, y : arrays
        Images (N, C, H, W) in [0, 1] and true labels (N,): none that are reported on.
    attack : str
        Which attack the mask is for; see `spatialstats.attacks.get_attack`.
    fraction : float
        Share of the pixels that a mask may take.
    roi, roa : float
        Share of the pixels of each region, image by image.
    importance : str, optional
        See `spatialstats.importance.get_importance`.
    per_class : bool
        One mask for each class that the clean images are predicted as; a class without an image
        gets the mask of all.

    Returns
    -------
    Fixed or PerClass

    Raises
    ------
    InputError
        If no image was classified correctly.
    """
    x, y = np.asarray(x, np.float32), np.asarray(y, np.int64)
    logits = classifier.predict_logits(x) if len(x) else np.zeros((0, 1), np.float32)
    ok = logits.argmax(1) == y
    if not ok.any():
        raise InputError(
            f"a prior mask is learnt from images that the model gets right, got {len(x)} images and none "
            "of them right: give images of the locate split with their labels."
        )
    x, y, logits = x[ok], y[ok], logits[ok]
    attacked = run_attack(get_attack(attack), classifier, x, y, seed=seed)
    wanted = _damage(classifier, x, y, logits, attacked.x_adv, attacked.logits)
    method = get_importance(importance)
    looked = magnitude(run_importance(method, classifier, x, y, seed=seed))
    open_to_attack = top_fraction(wanted, roa) & ~top_fraction(looked, roi)
    overall = prior_mask(open_to_attack.mean(0), fraction)
    if not per_class:
        return Fixed(torch.from_numpy(overall))
    found = [
        prior_mask(open_to_attack[y == k].mean(0), fraction) if bool((y == k).any()) else overall
        for k in range(logits.shape[1])
    ]
    return PerClass(torch.from_numpy(np.stack(found)))


def _damage(classifier: Classifier, x: Any, y: Any, logits: Any, x_adv: Any, logits_adv: Any) -> np.ndarray:
    """The damaging part of the effect maps, (N, H, W)."""
    rows = np.arange(len(y))
    others = logits_adv.copy()
    others[rows, y] = -np.inf
    rival = others.argmax(1)
    before, after = (found[rows, y].astype(np.float64) - found[rows, rival] for found in (logits, logits_adv))
    gradient = margin_gradient(classifier, y, rival)
    effect = maps.effect(gradient, x, x_adv, change=after - before, size=classifier.batch_size)
    return maps.damage_part(effect.values)


def _check(mask: Any, ndim: int, shape: str) -> None:
    if not isinstance(mask, torch.Tensor) or mask.dtype != torch.bool or mask.ndim != ndim:
        got = f"{mask.dtype} {tuple(mask.shape)}" if hasattr(mask, "shape") else type(mask).__name__
        raise InputError(f"a prior mask is a boolean tensor of shape {shape}, got {got}.")


def _check_fit(mask: torch.Tensor, x: torch.Tensor) -> None:
    if mask.shape[-2:] != x.shape[-2:]:
        raise InputError(
            f"a mask of {tuple(mask.shape[-2:])} pixels is no mask of images {tuple(x.shape)}: "
            "learn it on images of the same size."
        )
