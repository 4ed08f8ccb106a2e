"""Local Gradients Smoothing: pixels fade where their block is full of strong gradients."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F

from spatialstats.defence.blind_windows import fragments, intervals, pixels
from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Model, check_batch
from spatialstats.errors import InputError

__all__ = ["GradientsSmoothing"]


class GradientsSmoothing(Defence):
    """Local Gradients Smoothing: each pixel is multiplied by ``1 - clip(strength * g, 0, 1)``.

    g is the magnitude of the image's first differences, scaled into [0, 1] by its minimum and
    maximum over the image, and kept in those overlapping blocks alone where its mean exceeds a
    threshold.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model.
    strength : float
        The smoothing factor, lambda.
    threshold : float
        Mean of g above which a block is smoothed.
    block : float
        Side of a block as a share of the shorter side.  The source's 15 pixels on 299 would be
        fewer than two on 32: here a block is as large as the patches looked for.
    overlap : float
        Share of a block's side by which neighbours overlap; the source's 5 of 15.

    Notes
    -----
    Magnitudes are of the mean over the channels, by forward differences, 0 at the far edge:
    these are ours.  The gradient is the true one, the choice of blocks taken for constant;
    `relaxed` makes that choice a sigmoid.

    References
    ----------
    M. Naseer, S. Khan, F. Porikli, *Local Gradients Smoothing: Defense against Localized
    Adversarial Attacks*, WACV 2019 (arXiv 1807.01216).
    """

    name: ClassVar[str] = "lgs"
    label: ClassVar[str] = "Local Gradients Smoothing"
    ours: ClassVar[tuple[str, ...]] = ("block",)

    def __init__(
        self,
        model: Model,
        *,
        strength: float = 2.3,
        threshold: float = 0.1,
        block: float = 5 / 32,
        overlap: float = 1 / 3,
    ) -> None:
        super().__init__(model, strength=strength, threshold=threshold, block=block, overlap=overlap)
        if not strength > 0 or not 0 <= threshold < 1 or not 0 < block <= 1 or not 0 <= overlap < 1:
            raise InputError(
                "lgs takes a strength above 0, a threshold in [0, 1), a block in (0, 1] and an overlap in "
                f"[0, 1), got {strength}, {threshold}, {block} and {overlap}."
            )
        self.strength, self.threshold, self.block, self.overlap = strength, threshold, block, overlap

    @property
    def knowledge(self) -> Knowledge:
        """Nothing but the image, and no region of importance."""
        return Knowledge("blind", "blind", labels=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        found: torch.Tensor = self.model(x * (1 - self._fading(x, None)))
        return found

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        """See `Defence.relaxed`: blocks join by a sigmoid around the threshold, in its units."""
        if temperature == 0:
            hard, soft = self._fading(x, None), self._fading(x, 0.1)
            found: torch.Tensor = self.model(x * (1 - (hard + soft - soft.detach())))
            return found
        found = self.model(x * (1 - self._fading(x, temperature)))
        return found

    def located(self, x: torch.Tensor) -> torch.Tensor:
        """The pixels that fade by half or more."""
        with torch.no_grad():
            return self._fading(x, None)[:, 0] >= 0.5

    def _fading(self, x: torch.Tensor, temperature: float | None) -> torch.Tensor:
        """How far each pixel is faded, (N, 1, H, W) in [0, 1]."""
        check_batch(x)
        strong = scaled_magnitude(x)
        side = pixels(self.block, x.shape)
        stride = max(1, side - round(self.overlap * side))
        mean = fragments(strong[:, None], side, stride).mean((2, 3, 4))
        if temperature is None:
            kept = (mean > self.threshold).to(x)
        else:
            kept = torch.sigmoid((mean - self.threshold) / (temperature * max(self.threshold, 1e-3)))
        # A pixel takes the largest share of the blocks over it: along the rows of blocks, then down.
        down, across = (_reach(length, side, stride, x) for length in x.shape[2:])
        kept = kept.view(len(x), len(down), len(across), 1)
        share = (kept * across).amax(2)[:, :, None] * down[:, :, None]
        share = share.amax(1, keepdim=True)
        return (self.strength * strong[:, None] * share).clamp(0, 1)


def scaled_magnitude(x: torch.Tensor) -> torch.Tensor:
    """Magnitude of the first differences of the channels' mean, (N, H, W), scaled into [0, 1] by image."""
    grey = x.mean(1)
    down, right = F.pad(grey.diff(dim=1), (0, 0, 0, 1)), F.pad(grey.diff(dim=2), (0, 1))
    size = (down.square() + right.square()).clamp_min(1e-30).sqrt()  # a finite gradient where both are 0
    low, high = size.amin((1, 2), keepdim=True), size.amax((1, 2), keepdim=True)
    return (size - low) / torch.where(high > low, high - low, 1)


def _reach(length: int, side: int, stride: int, like: torch.Tensor) -> torch.Tensor:
    """(blocks, length): 1 where a block lies along one axis, else 0."""
    return intervals(length, side, stride).to(like)
