"""How a classifier is fine-tuned, decided before the first step."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np
import torch

from spatialstats.defence.harden_adversarial import AdversarialTraining
from spatialstats.defence.harden_batches import Batches
from spatialstats.defence.harden_masks import MaskTraining
from spatialstats.errors import InputError, unknown

__all__ = ["KINDS", "Kind", "Preparation", "Recipe", "plain_training"]

Kind = Literal["masked", "robust", "plain"]
KINDS: tuple[Kind, ...] = ("masked", "robust", "plain")
Logits = Callable[[torch.Tensor], torch.Tensor]


class Preparation(Protocol):
    """What is done to a batch before the model learns from it."""

    def __call__(
        self, logits: Logits, x: torch.Tensor, y: torch.Tensor, rng: torch.Generator, done: float
    ) -> torch.Tensor: ...


def plain_training(
    logits: Logits, x: torch.Tensor, y: torch.Tensor, rng: torch.Generator, done: float
) -> torch.Tensor:
    """Images as they are: the twin that only the extra epochs tell from the model it started as."""
    return x


@dataclass(frozen=True)
class Recipe:
    """How a classifier is fine-tuned; decided before the first step, nothing is chosen later.

    Parameters
    ----------
    kind : {"masked", "robust", "plain"}
        Behind random and greedy masks; under a single-step attack; on the images as they are.
    masks : MaskTraining, optional
        Needed where the kind is masked; elsewhere what the held-out images are also checked behind.
    adversarial : AdversarialTraining
        Used where the kind is robust.
    epochs : int
        Passes over the training images.
    lr : float
        Largest learning rate of AdamW; it rises over the first fifth of the steps and falls to 0.
    weight_decay : float
        Of weights that are matrices or filters.
    smoothing : float
        Label smoothing.
    batches : Batches
        Size of the batches, flips and shifts.
    crop, cropped_epochs : int
        Side of the random crops in the first epochs, cheaper where the model takes any size.
    bfloat16 : bool
        Passes in bfloat16 over float32 weights.
    seed : int
        Of everything random.
    """

    kind: Kind
    masks: MaskTraining | None = None
    adversarial: AdversarialTraining = field(default_factory=AdversarialTraining)
    epochs: int = 8
    lr: float = 1e-3
    weight_decay: float = 0.02
    smoothing: float = 0.1
    batches: Batches = field(default_factory=Batches)
    crop: int | None = None
    cropped_epochs: int = 0
    bfloat16: bool = True
    seed: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise unknown("kind of hardening", self.kind, KINDS)
        if self.kind == "masked" and self.masks is None:
            raise InputError("training behind masks needs their sides: pass masks=MaskTraining(...).")
        if self.epochs < 1 or not self.lr > 0 or self.batches.size < 2:
            raise InputError(
                "a fine-tune takes at least 1 epoch, a learning rate above 0 and batches of at least 2, got "
                f"{self.epochs}, {self.lr:g} and {self.batches.size}."
            )

    @property
    def preparation(self) -> Preparation:
        """What is done to each batch."""
        if self.kind == "masked" and self.masks is not None:
            return self.masks
        return self.adversarial if self.kind == "robust" else plain_training

    def rate(self, done: float) -> float:
        """Learning rate when the share `done` of the steps is over."""
        return self.lr * float(np.interp(done, [0, 0.2, 1], [0.1, 1, 0.0]))
