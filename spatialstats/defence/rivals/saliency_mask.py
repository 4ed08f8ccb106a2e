"""Saliency masking: what the prediction depends on most, cleaned up and painted over."""

from __future__ import annotations

from typing import ClassVar

import torch
import torch.nn.functional as F

from spatialstats.defence.blind_maps import Gradient
from spatialstats.defence.blind_roi import top_fraction
from spatialstats.defence.locator import Model
from spatialstats.defence.rivals.masking import MaskingRival

__all__ = ["SaliencyMask", "Salient"]


class Salient(Gradient):
    """The top of the saliency map, opened and closed, without regard to a region of importance.

    The soft mask is that of the top, before it is opened and closed.
    """

    name: ClassVar[str] = "saliency-mask"
    label: ClassVar[str] = "saliency, opened and closed"

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`: lone pixels are dropped, gaps within a region are closed."""
        return closed(opened(top_fraction(self.score(model, x), self.fraction)))


class SaliencyMask(MaskingRival):
    """Saliency masking after the blind defence of digital watermarking.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model; it needs a gradient.
    fraction : float
        Share of the pixels with the largest saliency.
    window : float
        Side over which saliency is gathered, as a share of the shorter side.
    fill : str
        What is painted over the region; see `spatialstats.defence.fills.get_fill`.

    Notes
    -----
    Saliency is the input gradient of the predicted class' margin.  The source takes guided
    backpropagation, which follows edges whatever the network learnt (Adebayo et al. 2018), and
    its threshold could not be read.  The region is what survives an opening and a closing by
    3x3 pixels.

    References
    ----------
    J. Hayes, *On Visible Adversarial Perturbations & Digital Watermarking*, CVPR Workshops 2018.
    """

    name: ClassVar[str] = "saliency-mask"
    label: ClassVar[str] = "saliency masking"
    ours: ClassVar[tuple[str, ...]] = ("fraction", "window", "fill")

    def __init__(
        self, model: Model, *, fraction: float = 0.05, window: float = 3 / 32, fill: str = "inpaint"
    ) -> None:
        locator = Salient(fraction=fraction, roi="none", window=window)
        super().__init__(model, locator, fill, fraction=fraction, window=window, fill=fill)


def opened(masks: torch.Tensor) -> torch.Tensor:
    """Erosion, then dilation, by 3x3 pixels; beyond the edge is what makes no difference."""
    return _grown(~_grown(~masks))


def closed(masks: torch.Tensor) -> torch.Tensor:
    """Dilation, then erosion, by 3x3 pixels."""
    return ~_grown(~_grown(masks))


def _grown(masks: torch.Tensor) -> torch.Tensor:
    """Dilation by 3x3 pixels."""
    return F.max_pool2d(masks[:, None].float(), 3, 1, 1)[:, 0] > 0
