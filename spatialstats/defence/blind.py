"""Blind locators: from the attacked image alone, what is vulnerable or odd, minus where the model looks."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass

import torch

from spatialstats.defence.blind_roi import KINDS, roi, top_fraction
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator, Model, check_batch
from spatialstats.errors import InputError, unknown

__all__ = ["Blind"]


@dataclass(frozen=True)
class Blind(Locator):
    """The top of a score, without the region of importance.

    Parameters
    ----------
    fraction : float
        Share of the pixels that the region of attack takes: the top of the score.
    roi : {"none", "median", "blurred", "crops", "plain"}
        How the region of importance is estimated; see `spatialstats.defence.blind_roi`.
    protect : float
        Share of the pixels that the region of importance takes.
    window : float
        Side of the window over which a score is gathered, as a share of the shorter side: about
        the size of what is looked for.

    Notes
    -----
    The region of importance enters the soft mask as a constant: it is recomputed at each call,
    and an attacker gets no gradient of it.
    """

    fraction: float = 0.04
    roi: str = "none"
    protect: float = 0.15
    window: float = 5 / 32

    def __post_init__(self) -> None:
        for name in ("fraction", "window"):
            if not 0 < getattr(self, name) <= 1:
                raise InputError(
                    f"{name} of {self.name} is a share above 0 and at most 1, got {getattr(self, name)}."
                )
        if not 0 <= self.protect <= 1:
            raise InputError(f"protect of {self.name} is a share from 0 to 1, got {self.protect}.")
        if self.roi not in KINDS:
            raise unknown("estimate of the region of importance", self.roi, KINDS)

    @property
    def knowledge(self) -> Knowledge:
        """Both regions are read from the given image; no label is used."""
        return Knowledge("blind", "blind", labels=False)

    @abstractmethod
    def score(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """How suspicious each pixel is: (N, H, W), at least 0, differentiable in `x` as far as it can be."""

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`."""
        suspects = top_fraction(self.score(model, x), self.fraction)
        return suspects & ~roi(self.roi, model, x, self.protect)

    def soft_masks(self, model: Model, x: torch.Tensor, temperature: float) -> torch.Tensor:
        """See `Locator.soft_masks`: a sigmoid around the cut, in units of the score's own spread."""
        check_batch(x)
        if not temperature > 0:
            raise InputError(f"the temperature of a soft mask lies above 0, got {temperature}.")
        score = self.score(model, x)
        flat = score.detach().flatten(1)
        k = int(self.fraction * flat.shape[1] + 0.5)
        if not 0 < k < flat.shape[1]:
            return self.masks(model, x).to(x.dtype)
        top = flat.topk(k + 1, dim=1).values
        cut = ((top[:, k - 1] + top[:, k]) / 2)[:, None, None]
        spread = flat.std(1)[:, None, None].clamp_min(1e-12)
        soft = torch.sigmoid((score - cut) / (temperature * spread))
        # A score of 0 is never hidden: where all that is left of it is 0, nothing is.
        return soft * (~roi(self.roi, model, x, self.protect) & (score.detach() > 0)).to(soft)
