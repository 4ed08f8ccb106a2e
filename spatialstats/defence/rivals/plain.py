"""The baselines: no defence, and a Gaussian blur of the whole image."""

from __future__ import annotations

from typing import ClassVar

import torch

from spatialstats.defence.blind_roi import blurred
from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Model, check_batch
from spatialstats.errors import InputError

__all__ = ["Blurred", "Undefended"]


class Undefended(Defence):
    """No defence: the model itself."""

    name: ClassVar[str] = "none"
    label: ClassVar[str] = "no defence"

    @property
    def knowledge(self) -> Knowledge:
        """Nothing but the image."""
        return Knowledge("blind", "blind", labels=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        check_batch(x)
        found: torch.Tensor = self.model(x)
        return found


class Blurred(Defence):
    """A Gaussian blur of the whole image; its gradient is the true one.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model.
    sigma : float
        Standard deviation in pixels.
    """

    name: ClassVar[str] = "blur"
    label: ClassVar[str] = "Gaussian blur"

    def __init__(self, model: Model, *, sigma: float = 1.0) -> None:
        super().__init__(model, sigma=sigma)
        if not sigma > 0:
            raise InputError(f"a blur's sigma is a width in pixels above 0, got {sigma}.")
        self.sigma = sigma

    @property
    def knowledge(self) -> Knowledge:
        """Nothing but the image."""
        return Knowledge("blind", "blind", labels=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        check_batch(x)
        found: torch.Tensor = self.model(blurred(x, self.sigma).clamp(0, 1))
        return found
