"""Windows that slide over an image: covering each in turn, and cutting fragments out."""

from __future__ import annotations

import torch
import torch.nn.functional as F

from spatialstats.attacks.losses import lead
from spatialstats.defence.locator import Model
from spatialstats.errors import InputError

__all__ = ["covered_lead", "fragments", "intervals", "pixel_mean", "pixels", "smooth", "starts", "windows"]

ROWS = 512  # images of one pass over covered copies: bounds the memory, not the result


def pixels(share: float, shape: tuple[int, ...], least: int = 1) -> int:
    """A side in pixels from a share of the shorter side of (..., H, W)."""
    side = min(shape[-2:])
    return min(side, max(least, round(share * side)))


def starts(length: int, window: int, stride: int) -> torch.Tensor:
    """Where windows begin: every `stride` pixels, the last one moved back inside.

    Raises
    ------
    InputError
        If the window does not fit, or the stride leaves pixels out.
    """
    if not 1 <= window <= length:
        raise InputError(
            f"a window fits into an image of {length} pixels, got a side of {window}: choose less."
        )
    if not 1 <= stride <= window:
        raise InputError(
            f"a stride lies in 1..{window}, the window's side, got {stride}: no pixel is left out."
        )
    found: torch.Tensor = torch.arange(0, length - window + stride, stride).clamp(max=length - window)
    return found


def intervals(length: int, window: int, stride: int) -> torch.Tensor:
    """The windows along one axis as masks, bool (M, length); see `starts`."""
    begin, at = starts(length, window, stride)[:, None], torch.arange(length)
    return (at >= begin) & (at < begin + window)


def windows(shape: tuple[int, ...], window: int, stride: int) -> torch.Tensor:
    """The windows over images (..., H, W) as masks, bool (M, H, W), row by row."""
    rows, cols = (intervals(length, window, stride) for length in shape[-2:])
    return (rows[:, None, :, None] & cols[None, :, None, :]).flatten(0, 1)


def fragments(x: torch.Tensor, window: int, stride: int) -> torch.Tensor:
    """The pixels under each window, (N, M, C, window, window), in the order of `windows`."""
    rows, cols = (starts(length, window, stride)[:, None] + torch.arange(window) for length in x.shape[2:])
    cut = x[:, :, rows.to(x.device)][..., cols.to(x.device)]  # (N, C, rows, window, columns, window)
    return cut.permute(0, 2, 4, 1, 3, 5).flatten(1, 2)


def pixel_mean(values: torch.Tensor, covers: torch.Tensor) -> torch.Tensor:
    """Mean over the windows that cover each pixel: (N, M) to (N, H, W)."""
    share = covers.to(values).flatten(1)
    found = values @ (share / share.sum(0).clamp_min(1))
    return found.view(len(values), *covers.shape[1:])


def smooth(maps: torch.Tensor, window: int) -> torch.Tensor:
    """Box mean of maps (N, H, W); beyond the edge the nearest pixel goes on."""
    before = (window - 1) // 2
    padded = F.pad(maps[:, None], (before, window - 1 - before) * 2, mode="replicate")
    return F.avg_pool2d(padded, window, 1)[:, 0]


def covered_lead(model: Model, x: torch.Tensor, target: torch.Tensor, covers: torch.Tensor) -> torch.Tensor:
    """Margin of the target class with each window covered by the image's mean: (N, M)."""
    n, m = len(x), len(covers)
    mean, covers = x.mean((2, 3), keepdim=True), covers.to(x.device)
    found = []
    for at in torch.arange(n * m, device=x.device).split(ROWS):
        rows = at // m
        covered = torch.where(covers[at % m, None], mean[rows], x[rows])
        found.append(lead(model(covered), target[rows]))
    return torch.cat(found).view(n, m)
