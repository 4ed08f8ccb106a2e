"""From pixel values in [0, 1] to what a module was trained on."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from spatialstats.errors import InputError

__all__ = ["Normalisation"]

Channels = float | Sequence[float] | torch.Tensor | None


class Normalisation:
    """Stretches [0, 1] to the bounds, subtracts the mean, divides by the standard deviation.

    Parameters
    ----------
    mean, std : float, sequence of C floats or Tensor, optional
        Of pixel values in `bounds`.
    bounds : tuple of float
        Range of pixel values before mean and std.
    device : torch.device
        Where the images will be.
    """

    def __init__(
        self, mean: Channels, std: Channels, bounds: tuple[float, float], device: torch.device
    ) -> None:
        if not bounds[0] < bounds[1]:
            raise InputError(f"bounds must be (low, high) with low < high, got {bounds}: as in (0, 255).")
        self._low, self._span = float(bounds[0]), float(bounds[1] - bounds[0])
        self._mean, self._std = _per_channel("mean", mean, device), _per_channel("std", std, device)
        if self._std is not None and not bool((self._std > 0).all()):
            raise InputError(f"std must be above 0 in every channel, got {self._std.flatten().tolist()}.")

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Images (N, C, H, W) as the module wants them."""
        for name, value in (("mean", self._mean), ("std", self._std)):
            if value is not None and value.shape[0] not in (1, x.shape[1]):
                raise InputError(
                    f"{name} has {value.shape[0]} values but the images have {x.shape[1]} channels: "
                    "give one for each channel, or one for all."
                )
        if (self._low, self._span) != (0.0, 1.0):
            x = x * self._span + self._low
        if self._mean is not None:
            x = x - self._mean
        return x if self._std is None else x / self._std

    def __repr__(self) -> str:
        mean, std = (None if part is None else part.flatten().tolist() for part in (self._mean, self._std))
        return f"Normalisation(mean={mean}, std={std}, low={self._low}, span={self._span})"


def _per_channel(name: str, value: Channels, device: torch.device) -> torch.Tensor | None:
    """A float32 tensor (C, 1, 1) or (1, 1, 1)."""
    if value is None:
        return None
    try:
        found = torch.as_tensor(value, dtype=torch.float32).detach().clone().flatten()
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(f"{name} must be a number or one number for each channel, got {value!r}.") from error
    if not len(found) or not bool(torch.isfinite(found).all()):
        raise InputError(f"{name} must be a finite number or one for each channel, got {value!r}.")
    return found.to(device).view(-1, 1, 1)
