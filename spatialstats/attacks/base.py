"""What an attack is, and how one is run: in micro-batches, and checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import torch

from spatialstats.attacks.budget import TOLERANCE, Budget, epsilon_text
from spatialstats.attacks.seeds import RowSeed
from spatialstats.errors import InputError
from spatialstats.models import Classifier, batched

__all__ = ["OUTCOMES", "Attack", "Attacked", "check_attacked", "outcomes", "run_attack"]

OUTCOMES = ("misclassified", "resisted", "succeeded")
"""Of an attacked sample, by code: wrong before the attack, right after it too, wrong only after it."""


@runtime_checkable
class Attack(Protocol):
    """Makes adversarial images of one micro-batch.

    Attributes
    ----------
    name : str
        What `get_attack` calls it.
    label : str
        What a reader of the report sees.
    budget : Budget
        What it may change.
    gradient : bool
        Whether it uses the model's gradients.
    control : bool
        Whether it is no attack but noise of an attack's budget.
    """

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def budget(self) -> Budget: ...

    @property
    def gradient(self) -> bool: ...

    @property
    def control(self) -> bool: ...

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """Adversarial images (N, C, H, W) of images `x` in [0, 1] with labels `y` (N,).

        Everything random must come from `seed`, which differs between micro-batches.
        """


@dataclass(frozen=True)
class Attacked:
    """What an attack made, as the classifier sees it.

    Parameters
    ----------
    x_adv : numpy.ndarray
        float32 (N, C, H, W) in [0, 1].
    logits : numpy.ndarray
        float32 (N, K), computed anew on `x_adv`.
    prediction : numpy.ndarray
        int64 (N,).
    norm : numpy.ndarray
        float32 (N,): how much each image was changed, in the norm of the attack's budget.
    """

    x_adv: npt.NDArray[np.float32]
    logits: npt.NDArray[np.float32]
    prediction: npt.NDArray[np.int64]
    norm: npt.NDArray[np.float32]


def run_attack(
    attack: Attack,
    classifier: Classifier,
    x: npt.NDArray[Any] | torch.Tensor,
    y: npt.NDArray[Any] | torch.Tensor,
    *,
    seed: int,
) -> Attacked:
    """Attack images in micro-batches of the classifier's batch size, and check what came out.

    Parameters
    ----------
    attack : Attack
        Gets a `RowSeed`: an int that differs between micro-batches, from which the attacks
        of this package draw for every row by itself.
    classifier : Classifier
        What is attacked.
    x : array or Tensor of float32, (N, C, H, W)
        Images in [0, 1].
    y : array or Tensor of int64, (N,)
        True labels.
    seed : int
        Of everything random.

    Returns
    -------
    Attacked

    Raises
    ------
    InputError
        If the attack returns another shape, NaN, values outside [0, 1], or more change
        than its budget allows.
    """
    labels = torch.as_tensor(y, dtype=torch.int64)
    if len(labels) != len(x):
        raise InputError(f"an attack needs one label an image, got {len(labels)} labels for {len(x)} images.")
    if len(x) == 0:
        return check_attacked(attack, classifier, x, x)
    classifier.prepare(x)
    images = x if isinstance(x, torch.Tensor) else torch.as_tensor(np.array(x, np.float32))
    first = 0

    def one(part: torch.Tensor, part_labels: torch.Tensor) -> torch.Tensor:
        nonlocal first
        part = classifier.as_images(part).contiguous()
        made = attack(classifier, part, part_labels.to(classifier.device), seed=RowSeed(seed, first))
        first += len(part)
        if not isinstance(made, torch.Tensor) or made.shape != part.shape:
            got = tuple(made.shape) if isinstance(made, torch.Tensor) else type(made).__name__
            raise InputError(f"attack {attack.name!r} must return images {tuple(part.shape)}, got {got}.")
        return made.detach().float().cpu()

    x_adv = batched(one, images, labels, size=classifier.batch_size)
    return check_attacked(attack, classifier, x, x_adv)


def check_attacked(
    attack: Attack,
    classifier: Classifier,
    x: npt.NDArray[Any] | torch.Tensor,
    x_adv: npt.NDArray[Any] | torch.Tensor,
) -> Attacked:
    """Refuse adversarial images that an attack may not make, and predict them.

    Parameters
    ----------
    attack : Attack
        Whose budget counts.
    classifier : Classifier
        Predicts.
    x, x_adv : array or Tensor of float32, (N, C, H, W)
        Images and adversarial images.

    Returns
    -------
    Attacked

    Raises
    ------
    InputError
        See `run_attack`.
    """
    before, after = _plain(x), _plain(x_adv)
    said = f"attack {attack.name!r}"
    if after.shape != before.shape:
        raise InputError(f"{said} must return images {tuple(before.shape)}, got {tuple(after.shape)}.")
    if not len(before):
        none = np.zeros((0,), np.float32)
        return Attacked(after.numpy(), classifier.predict_logits(after), none.astype(np.int64), none)
    if not bool(torch.isfinite(after).all()):
        raise InputError(f"{said} returned values that are not finite: its gradients may have overflowed.")
    low, high = float(after.min()), float(after.max())
    if low < -TOLERANCE or high > 1 + TOLERANCE:
        raise InputError(f"{said} left [0, 1], got [{low:.4g}, {high:.4g}]: clamp its result.")
    after = after.clamp(0, 1)
    norm, limit = attack.budget.measure(before, after), attack.budget.limit(before.shape)
    worst = int(norm.argmax())
    if not float(norm[worst]) <= limit:
        allowed, got = _amount(attack.budget, limit), _amount(attack.budget, float(norm[worst]))
        raise InputError(
            f"{said} left its budget ({attack.budget.text}) on image {worst}: it may change {allowed} "
            f"and changed {got}; give it the epsilon that it uses, or project its result."
        )
    logits = classifier.predict_logits(after)
    return Attacked(after.numpy(), logits, logits.argmax(1), norm.numpy())


def outcomes(
    labels: npt.NDArray[Any], clean: npt.NDArray[Any], attacked: npt.NDArray[Any]
) -> npt.NDArray[np.int8]:
    """Codes into `OUTCOMES`, int8 (N,), of labels and of predictions before and after an attack."""
    return np.where(clean != labels, 0, np.where(attacked == labels, 1, 2)).astype(np.int8)


def _plain(x: npt.NDArray[Any] | torch.Tensor) -> torch.Tensor:
    """A contiguous float32 tensor on the CPU."""
    if isinstance(x, torch.Tensor):
        return x.detach().to("cpu", torch.float32).contiguous()
    return torch.from_numpy(np.array(x, np.float32, order="C"))


def _amount(budget: Budget, value: float) -> str:
    return epsilon_text(value) if budget.norm == "linf" else f"{value:.4g}"
