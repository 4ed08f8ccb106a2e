"""Saliency: the gradient of the class's logit at the image."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from spatialstats.importance.gradients import target_gradient
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import path_integral

if TYPE_CHECKING:
    import torch

__all__ = ["Saliency"]


@dataclass(frozen=True)
class Saliency:
    """Largest absolute gradient over the channels of each pixel; one gradient an image.

    References
    ----------
    K. Simonyan, A. Vedaldi, A. Zisserman, *Deep Inside Convolutional Networks*, arXiv 1312.6034.
    """

    name: ClassVar[str] = "saliency"
    label: ClassVar[str] = "Saliency"
    signed: ClassVar[bool] = False
    gradient: ClassVar[bool] = True

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`; `seed` is not used."""
        gradient = target_gradient(classifier, target)
        slopes = path_integral(gradient, x, x, nodes=1, size=classifier.batch_size)
        return slopes.abs().amax(1)
