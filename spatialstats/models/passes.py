"""One forward pass of a module, whose failures are told in a sentence."""

from __future__ import annotations

from contextlib import nullcontext

import torch
from torch import nn

from spatialstats.errors import InputError
from spatialstats.models.prepare import Prepared, borrowed, checked_logits

__all__ = ["failed", "forward", "guesses"]

COMMON_SIDES = (32, 224, 28)


def forward(prepared: Prepared, z: torch.Tensor, name: str, *, bfloat16: bool = False) -> torch.Tensor:
    """Logits (N, K), float32, of normalised images (N, C, H, W).

    Parameters
    ----------
    prepared : Prepared
        A copy is called as it is, the user's own module in evaluation mode.
    z : Tensor of float32, (N, C, H, W)
    name : str
        What messages call the model.
    bfloat16 : bool
        Whether convolutions and matrix products run in bfloat16, forward and backward.

    Raises
    ------
    InputError
        If the module refuses the images, or returns anything but (N, K).
    """
    narrow = torch.autocast(z.device.type, torch.bfloat16) if bfloat16 else nullcontext()
    try:
        if prepared.own:
            last = prepared.channels_last
            with narrow:
                logits = prepared.module(z.contiguous(memory_format=torch.channels_last) if last else z)
        else:
            with borrowed(prepared.module), narrow:
                logits = prepared.module(z)
    except torch.cuda.OutOfMemoryError:
        raise
    except (RuntimeError, ValueError, TypeError) as error:
        raise failed(name, z, error) from error
    return checked_logits(logits, len(z)).float()


def failed(name: str, x: torch.Tensor, error: Exception) -> InputError:
    """The sentence for a module that raised an error."""
    if isinstance(error, InputError):
        return error
    reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
    return InputError(
        f"model {name!r} cannot take images of the shape {tuple(x.shape)}: {reason[:200]}; "
        "give images of the size and number of channels that it was made for."
    )


def guesses(module: nn.Module) -> list[torch.Tensor]:
    """Random images (2, C, H, H) that a module might take, by its first convolution."""
    channels = [part.in_channels for part in module.modules() if isinstance(part, nn.Conv2d)][:1]
    rng = torch.Generator().manual_seed(0)
    return [torch.rand(2, c, side, side, generator=rng) for c in channels for side in COMMON_SIDES]
