"""What every defence is: a classifier that treats its images before, or while, it looks at them."""

from __future__ import annotations

import inspect
from abc import ABC, abstractmethod
from typing import Any, ClassVar

import torch
from torch import nn

from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Model

__all__ = ["Defence"]


class Defence(nn.Module, ABC):
    """Images in [0, 1] in, logits out, with a defence in between.

    The wrapped model is used as it is and is no submodule: neither `train`, `to`, `parameters`
    nor `state_dict` reach it.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        Takes images (N, C, H, W) in [0, 1], gives logits (N, K).
    **settings
        The defence's own parameters, for `spec`.

    Attributes
    ----------
    name, label : str
        What it is called in a specification, and in a report.
    ours : tuple of str
        Parameters whose values are this package's choice, because the source states none that
        could be read.
    randomized : bool
        Whether two calls on the same images may differ; then `reseed` fixes the draws.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    ours: ClassVar[tuple[str, ...]] = ()
    randomized: bool = False

    def __init__(self, model: Model, **settings: Any) -> None:
        super().__init__()
        # A plain attribute would register a module as a child; a tuple hides it from torch.
        self._wrapped = (model,)
        self._settings = settings

    @property
    def model(self) -> Any:
        """The wrapped model."""
        return self._wrapped[0]

    @property
    @abstractmethod
    def knowledge(self) -> Knowledge:
        """What the defence knows; see `Knowledge`."""

    @property
    def spec(self) -> str:
        """The specification that `get_defence` turns back into this defence; what differs from defaults."""
        defaults = inspect.signature(type(self).__init__).parameters
        changed = [
            f"{key}={value}"
            for key, value in self._settings.items()
            if key not in defaults or defaults[key].default != value
        ]
        return f"{self.name}({', '.join(changed)})" if changed else self.name

    @abstractmethod
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The deployed thing.

        Parameters
        ----------
        x : torch.Tensor
            Floating, (N, C, H, W) in [0, 1].

        Returns
        -------
        torch.Tensor
            Logits (N, K).  Where a gradient flows it is the true one or the declared
            straight-through one of the defence's docstring.
        """

    def relaxed(self, x: torch.Tensor, temperature: float = 0.1) -> torch.Tensor:
        """Differentiable stand-in for `forward` that an adaptive attacker follows; never deployed.

        Parameters
        ----------
        x : torch.Tensor
            See `forward`.
        temperature : float
            Width of soft decisions; as it falls, the stand-in tends to `forward`.  At 0 its
            values are those of `forward` and its gradient is a straight-through one.
        """
        found: torch.Tensor = self(x)
        return found

    def located(self, x: torch.Tensor) -> torch.Tensor:
        """bool (N, H, W): the pixels that it hides; none where the defence hides no pixels."""
        return torch.zeros(len(x), *x.shape[2:], dtype=torch.bool, device=x.device)

    def family(self, shape: tuple[int, int]) -> torch.Tensor | None:
        """bool (M, H, W): its fixed masks for images (H, W), or None where masks depend on the image."""
        return None

    def certified_places(
        self, x: torch.Tensor, y: torch.Tensor, sides: tuple[int, int]
    ) -> torch.Tensor | None:
        """Where a patch is proven to leave the answer right, or None where nothing is proven.

        Parameters
        ----------
        x : torch.Tensor
            See `forward`.
        y : torch.Tensor
            int64 (N,) true labels.
        sides : (int, int)
            Height and width of the patch in pixels.

        Returns
        -------
        torch.Tensor or None
            bool (N, H - h + 1, W - w + 1), by top left pixels.
        """
        return None

    def own_tensors(self) -> tuple[torch.Tensor, ...]:
        """What it holds that its specification does not say, as a learnt mask: part of its fingerprint."""
        return ()

    def reseed(self, seed: int) -> None:
        """Start the draws of a randomized defence anew; without effect on any other."""

    def extra_repr(self) -> str:
        """The specification, for printing."""
        return self.spec
