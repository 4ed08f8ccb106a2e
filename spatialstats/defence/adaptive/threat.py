"""What an attacker of a defence may change, as it is written: ``linf:8/255``, ``l2:0.5``, ``patch:5x5``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

import torch

from spatialstats.attacks.budget import Budget
from spatialstats.attacks.feasible import Ball, Box, Feasible
from spatialstats.errors import InputError

__all__ = ["Threat"]

FORM = "a threat is written linf:8/255, l2:0.5 or patch:5x5"
SYMBOLS = {"linf": "L∞", "l2": "L2"}


@dataclass(frozen=True)
class Threat:
    """A norm and how much of it.

    Parameters
    ----------
    norm : {'linf', 'l2', 'patch'}
        ``patch`` is one square at any place, of any colours.
    epsilon : float
        In [0, 1] pixel units; for a patch, its side in pixels.

    Examples
    --------
    >>> Threat.parse("linf:8/255").text
    'L∞ 8/255'
    >>> Threat.parse("patch:5x5")
    Threat(norm='patch', epsilon=5.0)
    """

    norm: Literal["linf", "l2", "patch"]
    epsilon: float

    def __post_init__(self) -> None:
        if self.norm not in ("linf", "l2", "patch") or not 0 < self.epsilon < float("inf"):
            raise InputError(f"{FORM}, got the norm {self.norm!r} and {self.epsilon}.")
        if self.norm == "patch" and self.epsilon != int(self.epsilon):
            raise InputError(f"a patch has a whole number of pixels on its side, got {self.epsilon}.")
        if self.norm == "linf" and self.epsilon > 1:
            raise InputError(
                f"an L∞ threat changes values in [0, 1] by at most 1, got {self.epsilon}: 8/255."
            )

    @classmethod
    def parse(cls, spec: str | Threat) -> Threat:
        """A threat from its text.

        Raises
        ------
        InputError
            If the text has another form.
        """
        if isinstance(spec, Threat):
            return spec
        norm, _, amount = (part.strip().lower() for part in spec.partition(":"))
        if norm == "patch":
            sides = re.fullmatch(r"(\d+)(?:\s*x\s*(\d+))?", amount)
            if sides is None or sides[2] not in (None, sides[1]):
                raise InputError(f"{FORM}, with a square patch; got {spec!r}.")
            return cls("patch", float(sides[1]))
        try:
            value = _number(amount)
        except (ValueError, ZeroDivisionError):
            value = math.nan
        if norm not in SYMBOLS or math.isnan(value):
            raise InputError(f"{FORM}, got {spec!r}.")
        return cls("linf" if norm == "linf" else "l2", value)

    @property
    def spec(self) -> str:
        """What `parse` turns back into this threat."""
        if self.norm == "patch":
            return f"patch:{int(self.epsilon)}x{int(self.epsilon)}"
        return f"{self.norm}:{self._amount}"

    @property
    def text(self) -> str:
        """For tables: ``L∞ 8/255``, ``5x5 patch anywhere``."""
        if self.norm == "patch":
            return f"{int(self.epsilon)}x{int(self.epsilon)} patch anywhere"
        return f"{SYMBOLS[self.norm]} {self._amount}"

    @property
    def _amount(self) -> str:
        """The shortest text that reads as the same number."""
        steps = f"{self.epsilon * 255:g}/255"
        tried = (steps if self.norm == "linf" else "", f"{self.epsilon:g}")
        same = [text for text in tried if text and _number(text) == self.epsilon]
        return same[0] if same else repr(self.epsilon)

    def budget(self, shape: tuple[int, ...] | torch.Size) -> Budget:
        """The same for attacks of images (..., H, W)."""
        if self.norm != "patch":
            return Budget(self.norm, self.epsilon)
        shorter = min(shape[-2:])
        if self.epsilon > shorter:
            raise InputError(
                f"a patch of {int(self.epsilon)} pixels does not fit into images of {tuple(shape[-2:])}."
            )
        return Budget("patch", self.epsilon / shorter)

    def region(self, x: torch.Tensor) -> Feasible:
        """Where the images may go; of a patch, only once its place is known (`Box.windows`)."""
        if self.norm == "patch":
            raise InputError("where a patch may change an image depends on its place: screen places first.")
        return Box.around(x, self.epsilon) if self.norm == "linf" else Ball(x, self.epsilon)

    def scaled(self, factor: float, shape: tuple[int, ...] | torch.Size) -> Threat:
        """So many times the budget, as far as images (..., H, W) allow."""
        if self.norm == "patch":
            side = min(max(1, round(self.epsilon * factor)), min(shape[-2:]))
            return Threat("patch", float(side))
        return Threat(
            self.norm, min(self.epsilon * factor, 1.0) if self.norm == "linf" else self.epsilon * factor
        )


def _number(text: str) -> float:
    """A number or a fraction."""
    over, _, under = text.partition("/")
    return float(over) / float(under or 1)
