"""What an attack may change, how much an image was changed, and whether that is allowed."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal, get_args

import torch

from spatialstats.errors import InputError

__all__ = ["Budget", "Norm", "epsilon_text", "patch_side"]

Norm = Literal["linf", "l2", "l0", "patch", "none"]
SYMBOLS = {"linf": "L∞", "l2": "L2"}
TOLERANCE = 1e-5  # of [0, 1] pixel units, for sums of float32


@dataclass(frozen=True)
class Budget:
    """What an attack may change.

    Parameters
    ----------
    norm : {'linf', 'l2', 'l0', 'patch', 'none'}
        ``l0`` counts pixels (all channels of a place are one), ``patch`` allows one square
        anywhere, ``none`` sets no limit (minimal attacks).
    epsilon : float or None
        Largest change: in [0, 1] pixel units for ``linf`` and ``l2``, pixels for ``l0``, the
        side as a fraction of the image's shorter side for ``patch``, None for ``none``.
    """

    norm: Norm
    epsilon: float | None

    def __post_init__(self) -> None:
        if self.norm not in get_args(Norm):
            raise InputError(
                f"the norm of a budget is one of {', '.join(get_args(Norm))}, got {self.norm!r}."
            )
        if (self.epsilon is None) != (self.norm == "none"):
            raise InputError(f"a budget needs an epsilon unless its norm is none, got {self.epsilon}.")
        if self.epsilon is not None and not (math.isfinite(self.epsilon) and self.epsilon > 0):
            raise InputError(f"epsilon must be above 0, got {self.epsilon}: as in 8/255.")
        if self.norm == "l0" and self.epsilon is not None and self.epsilon < 1:
            raise InputError(f"epsilon of an l0 budget counts pixels, got {self.epsilon}: as in 20.")
        if self.norm == "patch" and self.epsilon is not None and self.epsilon > 1:
            raise InputError(f"epsilon of a patch is a part of the side, got {self.epsilon}: as in 5/32.")

    @property
    def text(self) -> str:
        """As it is printed: ``L∞ 8/255``."""
        if self.norm == "none" or self.epsilon is None:
            return "no limit"
        if self.norm == "l0":
            return f"{int(self.epsilon)} pixels"
        if self.norm == "patch":
            return f"patch {100 * self.epsilon:.3g} % of the side"
        return f"{SYMBOLS[self.norm]} {epsilon_text(self.epsilon)}"

    def measure(self, x: torch.Tensor, x_adv: torch.Tensor) -> torch.Tensor:
        """How much each image was changed, in this budget's norm.

        Parameters
        ----------
        x, x_adv : Tensor of float32, (N, C, H, W)

        Returns
        -------
        Tensor of float32, (N,)
            In the units of `epsilon`; the L2 norm where there is no limit.
        """
        delta = x_adv - x
        if self.norm == "linf":
            return delta.abs().amax((1, 2, 3))
        if self.norm in ("l2", "none"):
            return delta.double().square().sum((1, 2, 3)).sqrt().float()
        changed = (delta != 0).any(1)
        if self.norm == "l0":
            return changed.sum((1, 2)).float()
        sides = torch.stack([_extent(changed.any(2)), _extent(changed.any(1))]).amax(0)
        return sides.float() / min(x.shape[-2:])

    def limit(self, shape: torch.Size | tuple[int, ...]) -> float:
        """The largest value that `measure` may give for images of a shape (N, C, H, W)."""
        if self.epsilon is None:
            return math.inf
        if self.norm == "patch":
            side = min(shape[-2:])
            return patch_side(self.epsilon, shape) / side + TOLERANCE
        if self.norm == "l0":
            return float(int(self.epsilon))
        # The L2 norm of float32 differences has an error that grows with the norm.
        return self.epsilon + TOLERANCE * max(1.0, self.epsilon)


def patch_side(fraction: float, shape: torch.Size | tuple[int, ...]) -> int:
    """Pixels on the side of a patch: a fraction of the shorter side of images (..., H, W)."""
    return max(1, round(fraction * min(shape[-2:])))


def epsilon_text(epsilon: float) -> str:
    """``8/255`` where it is a whole number of 8-bit steps, else at most four digits."""
    steps = epsilon * 255
    return f"{round(steps)}/255" if abs(steps - round(steps)) < 1e-6 and steps < 255 else f"{epsilon:.4g}"


def _extent(hit: torch.Tensor) -> torch.Tensor:
    """Distance from the first to the last set entry of rows (N, L), inclusive; 0 where none is."""
    length = hit.shape[1]
    places = torch.arange(length, device=hit.device)
    first = torch.where(hit, places, length).amin(1)
    last = torch.where(hit, places, -1).amax(1)
    return (last - first + 1).clamp_min(0)
