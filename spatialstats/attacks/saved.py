"""Attacks that are no part of this package: a file's, and any function of the user's."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.errors import InputError
from spatialstats.models import Classifier

__all__ = ["Custom", "Saved"]


@dataclass(frozen=True)
class Saved:
    """Stands for adversarial images that were read from a file.

    Parameters
    ----------
    epsilon : float or None
        L-infinity budget that they were made with, where it is known.
    """

    epsilon: float | None = None
    name: ClassVar[str] = "saved"
    gradient: ClassVar[bool] = False
    control: ClassVar[bool] = False

    @property
    def budget(self) -> Budget:
        return Budget("none", None) if self.epsilon is None else Budget("linf", self.epsilon)

    @property
    def label(self) -> str:
        return "Saved" if self.epsilon is None else f"Saved {self.budget.text}"

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        raise InputError(
            "saved adversarial images belong to their own clean images: others need another attack."
        )


@dataclass(frozen=True)
class Custom:
    """A function as an attack.

    Parameters
    ----------
    function : callable
        ``function(classifier, x, y, seed=seed)`` returns adversarial images; see `Attack`.
    name, label : str
        For tables and reports.
    budget : Budget
        What is checked.
    gradient, control : bool
        See `Attack`.
    """

    function: Callable[..., Any]
    name: str
    label: str
    budget: Budget = Budget("none", None)  # noqa: RUF009  frozen
    gradient: bool = True
    control: bool = False

    def __call__(
        self, classifier: Classifier, x: torch.Tensor, y: torch.Tensor, *, seed: int
    ) -> torch.Tensor:
        found: torch.Tensor = self.function(classifier, x, y, seed=seed)
        return found
