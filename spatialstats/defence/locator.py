"""What every locator is: from attacked images to the pixels that are to be hidden."""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar

import torch

from spatialstats.defence.locate import Knowledge
from spatialstats.errors import InputError

__all__ = ["Locator", "Model", "check_batch"]

Model = Callable[[torch.Tensor], torch.Tensor]
"""A classifier, module or function: images (N, C, H, W) in [0, 1] to logits (N, K), row by row."""


class Locator(ABC):
    """Says which pixels of each image are to be hidden, from nothing but the image and the model.

    Attributes
    ----------
    name, label : str
        What it is called in a specification, and in a report.
    adaptive : bool
        Whether the mask depends on the image at all.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    adaptive: ClassVar[bool] = True

    @property
    @abstractmethod
    def knowledge(self) -> Knowledge:
        """Where its two regions come from, printed beside each number that it leads to."""

    @property
    def spec(self) -> str:
        """The specification that `get_locator` turns back into it; tensors are left out of it."""
        fields: tuple[dataclasses.Field[Any], ...] = (
            dataclasses.fields(self) if dataclasses.is_dataclass(self) else ()
        )
        changed = [
            f"{f.name}={getattr(self, f.name)}"
            for f in fields
            if f.default is not dataclasses.MISSING and getattr(self, f.name) != f.default
        ]
        return f"{self.name}({', '.join(changed)})" if changed else self.name

    @abstractmethod
    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """What `masks` returns, for checked images; no gradient is recorded around it."""

    def masks(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """Pixels to hide.

        Parameters
        ----------
        model : Classifier, torch.nn.Module or callable
            The undefended model.
        x : torch.Tensor
            Floating, (N, C, H, W) in [0, 1]: the images as they arrive, attacked or not.

        Returns
        -------
        torch.Tensor
            bool (N, H, W) on the device of `x`.

        Raises
        ------
        InputError
            If `x` is no batch of floating images.
        """
        check_batch(x)
        with torch.no_grad():
            return self.find(model, x.detach())

    def soft_masks(self, model: Model, x: torch.Tensor, temperature: float) -> torch.Tensor:
        """How much of each pixel is hidden, for an attacker who follows gradients.

        Parameters
        ----------
        model, x
            See `masks`.
        temperature : float
            Above 0; the soft mask tends to `masks` as it falls.

        Returns
        -------
        torch.Tensor
            Floating (N, H, W) in [0, 1].  Differentiable in `x` where the locator says so;
            otherwise `masks` as constants.
        """
        return self.masks(model, x).to(x.dtype)

    def family(self) -> torch.Tensor | None:
        """bool (M, H, W): every mask that it may return, where there are few of them."""
        return None


def check_batch(x: torch.Tensor) -> None:
    """Refuse what is no floating batch (N, C, H, W)."""
    if x.ndim != 4 or not x.is_floating_point():
        raise InputError(
            f"a defence takes floating images (N, C, H, W) in [0, 1], got {x.dtype} of shape "
            f"{tuple(x.shape)}: scale uint8 images by 1/255 and add the missing axes."
        )
