"""What every fill is: new values for hidden pixels, the others untouched."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar

import torch

from spatialstats.errors import InputError

UNKNOWN = 0.5  # what stands where an image has no visible pixel at all


class Fill(ABC):
    """Replaces the pixels of a mask, as a batch and without a loop over images.

    Attributes
    ----------
    name, label : str
        What it is called in a specification, and in a report.
    differentiable : bool
        Whether its gradient is the true one.  Where it is not, a gradient still flows.
    reads_hidden : bool
        Whether the new values depend on the pixels that they replace.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    differentiable: ClassVar[bool] = True
    reads_hidden: ClassVar[bool] = False

    @abstractmethod
    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Values for the hidden pixels.

        Parameters
        ----------
        x : torch.Tensor
            Floating, (N, C, H, W).
        hidden : torch.Tensor
            bool (N, 1, H, W).

        Returns
        -------
        torch.Tensor
            Broadcasts to the shape of `x`; used where `hidden` alone.
        """

    def __call__(self, x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Images with the pixels of the mask replaced.

        Parameters
        ----------
        x : torch.Tensor
            Floating, (N, C, H, W) in [0, 1].
        mask : torch.Tensor
            bool (N, H, W), or (H, W) for one mask for all.

        Returns
        -------
        torch.Tensor
            Like `x`, in [0, 1]; pixels outside of the mask keep their bits.

        Raises
        ------
        InputError
            If the mask is not boolean or does not fit the images.
        """
        hidden = hidden_pixels(x, mask)
        return torch.where(hidden, self.values(x, hidden).clamp(0, 1), x)


def hidden_pixels(x: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """`mask` as bool (N, 1, H, W) on the device of `x`, after a check of its shape and dtype."""
    if x.ndim != 4 or not x.is_floating_point():
        raise InputError(
            f"a fill takes floating images (N, C, H, W), got {x.dtype} of shape {tuple(x.shape)}."
        )
    if mask.dtype != torch.bool:
        raise InputError(f"a mask must be boolean, got {mask.dtype}: compare it with a threshold first.")
    n, _, height, width = x.shape
    if tuple(mask.shape) not in ((n, height, width), (height, width)):
        raise InputError(
            f"a mask of images {tuple(x.shape)} must have shape {(n, height, width)} or {(height, width)}, "
            f"got {tuple(mask.shape)}."
        )
    return mask.to(x.device).expand(n, height, width)[:, None]


def visible_mean(x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
    """Mean of the visible pixels of each image and channel, (N, C, 1, 1); `UNKNOWN` without any."""
    visible = (~hidden).to(x.dtype)
    count = visible.sum((2, 3), keepdim=True)
    mean = (x * visible).sum((2, 3), keepdim=True) / count.clamp(min=1)
    return torch.where(count > 0, mean, UNKNOWN)
