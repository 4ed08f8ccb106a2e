"""JPEG as a baseline: Pillow's own compression forwards, a differentiable one backwards."""

from __future__ import annotations

import io
from typing import ClassVar

import numpy as np
import torch

from spatialstats.defence.defence import Defence
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Model, check_batch
from spatialstats.defence.rivals.jpeg_model import soft_jpeg
from spatialstats.errors import InputError

__all__ = ["Jpeg", "pillow_jpeg"]


class Jpeg(Defence):
    """JPEG compression and decompression.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model.
    quality : int
        1 to 95; 75 is Pillow's default.

    Notes
    -----
    `forward` is the file format itself, written and read by Pillow at its default settings
    (colour at half resolution).  It has no gradient; the one that flows is the straight-through
    gradient of `soft_jpeg` with rounding taken for the identity.  `relaxed` follows `soft_jpeg`
    whose rounding is a cubic, which a `temperature` of 0 swaps for the exact values.

    References
    ----------
    R. Shin, D. Song, *JPEG-resistant Adversarial Images*, NIPS Workshop on Machine Learning and
    Computer Security 2017, for the cubic.
    """

    name: ClassVar[str] = "jpeg"
    label: ClassVar[str] = "JPEG"

    def __init__(self, model: Model, *, quality: int = 75) -> None:
        super().__init__(model, quality=quality)
        if not 1 <= quality <= 95:
            raise InputError(f"the quality of a JPEG lies in 1..95, got {quality}.")
        self.quality = quality

    @property
    def knowledge(self) -> Knowledge:
        """Nothing but the image."""
        return Knowledge("blind", "blind", labels=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """See `Defence.forward`."""
        found: torch.Tensor = self.model(self.compressed(x))
        return found

    def compressed(self, x: torch.Tensor) -> torch.Tensor:
        """The images after a round through the format."""
        check_batch(x)
        exact = pillow_jpeg(x.detach(), self.quality)
        if not (torch.is_grad_enabled() and x.requires_grad):
            return exact
        through = soft_jpeg(x, self.quality, rounding="straight-through")
        return exact + (through - through.detach())

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        """See `Defence.relaxed`; the cubic has no width, so any `temperature` above 0 is alike."""
        if temperature == 0:
            return self(x)  # type: ignore[no-any-return]
        check_batch(x)
        found: torch.Tensor = self.model(soft_jpeg(x, self.quality, rounding="cubic"))
        return found


def pillow_jpeg(x: torch.Tensor, quality: int) -> torch.Tensor:
    """Images (N, 1 or 3, H, W) in [0, 1], written as JPEG and read again by Pillow.

    Raises
    ------
    InputError
        If images are neither grey nor RGB.
    """
    from PIL import Image  # heavy

    if x.shape[1] not in (1, 3):
        raise InputError(f"JPEG takes grey or RGB images, got {x.shape[1]} channels.")
    levels = (x.clamp(0, 1) * 255).round().to(torch.uint8).permute(0, 2, 3, 1).cpu().numpy()
    back = np.empty_like(levels)
    for row, image in enumerate(levels):
        file = io.BytesIO()
        Image.fromarray(image[..., 0] if x.shape[1] == 1 else image).save(file, "JPEG", quality=quality)
        back[row] = np.asarray(Image.open(file)).reshape(image.shape)
    return torch.from_numpy(back).permute(0, 3, 1, 2).contiguous().to(x) / 255
