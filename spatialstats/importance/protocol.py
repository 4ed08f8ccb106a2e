"""What an importance method is, and what it asks of a classifier."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    import torch

__all__ = ["Classifier", "Importance"]


class Classifier(Protocol):
    """The part of `spatialstats.models.Classifier` that importance methods use."""

    @property
    def batch_size(self) -> int:
        """Images in a micro-batch."""

    @property
    def device(self) -> Any:
        """Where the model lives."""

    @property
    def module(self) -> torch.nn.Module:
        """The prepared copy of the user's model."""

    def prepare(self, x: Any) -> None:
        """Settle on the copy that is explained; asked for before `module`."""

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """Differentiable logits (N, K) of images (N, C, H, W) in [0, 1]."""

    def predict_logits(self, x: Any) -> npt.NDArray[np.float32]:
        """Logits (N, K) without a graph, in micro-batches."""

    def gradient(
        self, x: torch.Tensor, loss: Callable[[torch.Tensor], torch.Tensor]
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient of a scalar ``loss(logits)`` at `x`, and the logits."""


class Importance(Protocol):
    """A method that says how much each pixel speaks for a class.

    Attributes
    ----------
    name : str
        What `get_importance` calls it.
    label : str
        What a reader of the report sees.
    signed : bool
        Whether negative values mean something (evidence against the class).
    gradient : bool, optional
        Whether maps are made of the model's gradient, as effect maps and most attacks are.
        Taken for true where a method does not say: its overlap with them is then partly its own.
    """

    @property
    def name(self) -> str: ...

    @property
    def label(self) -> str: ...

    @property
    def signed(self) -> bool: ...

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """Maps of some images.

        Parameters
        ----------
        classifier : Classifier
            Model calls take exactly its ``batch_size`` images.
        x : Tensor of float32, (N, C, H, W)
            Images in [0, 1], on the classifier's device.
        target : Tensor of int64, (N,)
            Class whose logit is explained.
        seed : int
            The randomness of an image depends on it and on the image alone.

        Returns
        -------
        Tensor of float32, (N, H, W)
        """
