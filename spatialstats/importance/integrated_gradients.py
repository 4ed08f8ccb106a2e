"""Integrated gradients: the path from a baseline to the image, shared out over the pixels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from spatialstats.errors import InputError
from spatialstats.importance.baselines import baseline_images
from spatialstats.importance.gradients import target_gradient
from spatialstats.importance.protocol import Classifier
from spatialstats.paths import path_integral

if TYPE_CHECKING:
    import torch

__all__ = ["IntegratedGradients"]


@dataclass(frozen=True)
class IntegratedGradients:
    """Integrated gradients along the straight path from a baseline, summed over channels.

    A map sums to the logit at the image minus the logit at the baseline, as far as the
    steps go: four, the default, order the pixels as well as sixteen do by deletion and
    insertion (``python analysis/choose_importance.py``), but take more where the sum itself matters.

    Parameters
    ----------
    steps : int
        Midpoints on the path: gradients an image.
    baseline : {'black', 'grey', 'mean', 'blur'}
        Where the path begins: see `spatialstats.importance.baselines.baseline_images`.

    References
    ----------
    M. Sundararajan, A. Taly, Q. Yan, *Axiomatic Attribution for Deep Networks*, ICML 2017.
    """

    steps: int = 4
    baseline: str = "mean"

    name: ClassVar[str] = "integrated-gradients"
    signed: ClassVar[bool] = True
    gradient: ClassVar[bool] = True

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise InputError(f"integrated gradients need at least one step, got {self.steps}: try steps=4")

    @property
    def label(self) -> str:
        """For a reader: the method and its settings."""
        return f"Integrated gradients ({self.steps} steps from {self.baseline})"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, target: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        """See `spatialstats.importance.Importance`; `seed` is not used."""
        start = baseline_images(x, self.baseline)
        gradient = target_gradient(classifier, target)
        mean = path_integral(gradient, start, x, nodes=self.steps, size=classifier.batch_size)
        return (mean * (x - start)).sum(1)
