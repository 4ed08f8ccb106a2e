"""The torch adapter: a model that sees its images through a mask and a fill."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from spatialstats.arrays import to_array, to_tensor
from spatialstats.defence.fill import Fill
from spatialstats.defence.fills import fill_spec, get_fill
from spatialstats.errors import InputError
from spatialstats.models import Classifier, batched


class Neutralizer(nn.Module):
    """A classifier behind a mask: hidden pixels are filled before the model sees the image.

    The wrapped model is used as it is and is no submodule: its parameters, buffers, mode and
    device stay its owner's, and neither `train`, `to` nor `state_dict` reach it.  Gradients
    flow through the fill to the visible pixels.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        Takes images (N, C, H, W) in [0, 1], gives logits (N, K).
    fill : str or Fill
        See `get_fill`.
    mask : torch.Tensor, optional
        bool (H, W): the pixels to hide in every image.  Without it every call brings its own.

    Attributes
    ----------
    mask : torch.Tensor
        bool (H, W) buffer; (0, 0) without a fixed mask.
    fill : Fill
        In use.

    Examples
    --------
    >>> import torch
    >>> from spatialstats.defence.neutralizer import Neutralizer
    >>> mask = torch.zeros(8, 8, dtype=torch.bool)
    >>> mask[2:4, 2:4] = True
    >>> defended = Neutralizer(lambda x: x.mean((2, 3)), "mean", mask)
    >>> defended(torch.rand(5, 3, 8, 8)).shape
    torch.Size([5, 3])
    """

    mask: torch.Tensor

    def __init__(
        self,
        model: Callable[[torch.Tensor], torch.Tensor],
        fill: str | Fill = "inpaint",
        mask: torch.Tensor | None = None,
    ) -> None:
        super().__init__()
        # A plain attribute would register a module as a child; a tuple hides it from torch.
        self._wrapped = (model,)
        self.fill = get_fill(fill)
        if mask is None:
            mask = torch.zeros(0, 0, dtype=torch.bool)
        elif mask.ndim != 2 or mask.dtype != torch.bool:
            raise InputError(
                f"a fixed mask is boolean of shape (H, W), got {mask.dtype} {tuple(mask.shape)}: "
                "pass masks of single images to each call."
            )
        self.register_buffer("mask", mask.clone())

    @property
    def model(self) -> Callable[[torch.Tensor], torch.Tensor]:
        """The wrapped model."""
        return self._wrapped[0]

    def neutralize(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """The images that the model sees.

        Parameters
        ----------
        x : torch.Tensor
            Floating, (N, C, H, W) in [0, 1].
        mask : torch.Tensor, optional
            bool (N, H, W) or (H, W); the fixed mask when left out.

        Raises
        ------
        InputError
            If there is no mask, or it does not fit the images.
        """
        if mask is None:
            if self.mask.numel() == 0:
                raise InputError(
                    "this Neutralizer has no fixed mask, so each call must bring one: forward(x, mask)."
                )
            mask = self.mask
        return self.fill(x, mask)

    def forward(self, x: torch.Tensor, mask: torch.Tensor | None = None) -> torch.Tensor:
        """Logits (N, K) of the neutralized images; parameters as in `neutralize`."""
        return self.model(self.neutralize(x, mask))

    def get_extra_state(self) -> dict[str, str]:
        """The configuration that `state_dict` carries beside the mask."""
        return {"fill": fill_spec(self.fill)}

    def set_extra_state(self, state: dict[str, str]) -> None:
        """Take up a configuration that `state_dict` carried."""
        self.fill = get_fill(state["fill"])

    def extra_repr(self) -> str:
        """Fill and mask, for printing."""
        hidden = f"{int(self.mask.sum())} of {self.mask.numel()} pixels" if self.mask.numel() else "per call"
        return f"fill={fill_spec(self.fill)!r}, mask={hidden}"

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        # A saved mask may have another shape than the one in place; take it over, not refuse it.
        saved = state_dict.get(f"{prefix}mask")
        if isinstance(saved, torch.Tensor) and saved.ndim == 2 and saved.dtype == torch.bool:
            self.mask = torch.empty_like(saved, device=self.mask.device)
        super()._load_from_state_dict(state_dict, prefix, *args)


def predicted_behind(
    classifier: Classifier, fill: str | Fill, x: npt.NDArray[Any], mask: npt.NDArray[Any]
) -> npt.NDArray[np.int64]:
    """Classes (N,) of images behind masks, in micro-batches, by the adapter that a user deploys.

    Parameters
    ----------
    classifier : Classifier
    fill : str or Fill
    x : numpy.ndarray
        float32 (N, C, H, W) in [0, 1].
    mask : numpy.ndarray
        bool (N, H, W), or (H, W): then it is the adapter's fixed one.
    """
    hidden, images = to_tensor(np.ascontiguousarray(mask), classifier.device), classifier.as_images(x)
    fixed = hidden if hidden.ndim == 2 else None
    adapter, given = Neutralizer(classifier, fill, fixed), (images,) if hidden.ndim == 2 else (images, hidden)
    with torch.no_grad():
        logits = batched(adapter, *given, size=classifier.batch_size)
    found: npt.NDArray[np.int64] = to_array(logits.argmax(1).cpu())
    return found
