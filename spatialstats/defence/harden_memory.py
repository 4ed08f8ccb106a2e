"""The worst windows found so far of every training image, and the search that goes on from them."""

from __future__ import annotations

from collections.abc import Callable

import torch

__all__ = ["Memory", "harder_windows", "random_corners", "windows_at"]

Size = tuple[int, int]


def random_corners(n: int, windows: int, shape: Size, sides: Size, rng: torch.Generator) -> torch.Tensor:
    """Top left corners of windows that lie wholly inside, uniformly at random: int64 (n, windows, 2)."""
    spans = [length - side + 1 for length, side in zip(shape, sides, strict=True)]
    return torch.stack([torch.randint(span, (n, windows), generator=rng) for span in spans], 2)


def windows_at(corners: torch.Tensor, shape: Size, sides: Size) -> torch.Tensor:
    """Unions bool (n, H, W) of each image's windows."""
    hidden = []
    for axis, (length, side) in enumerate(zip(shape, sides, strict=True)):
        first = corners[:, :, axis, None]
        at = torch.arange(length)
        hidden.append((at >= first) & (at < first + side))
    return (hidden[0][:, :, :, None] & hidden[1][:, :, None, :]).any(1)


def harder_windows(
    loss: Callable[[torch.Tensor], torch.Tensor],
    shape: Size,
    sides: Size,
    corners: torch.Tensor,
    rng: torch.Generator,
) -> torch.Tensor:
    """The costliest of the given windows, of those with one of them moved, and of new ones.

    Parameters
    ----------
    loss : callable
        Loss (n,) of the images behind masks bool (n, H, W).
    shape, sides : tuple of int
        Of the images and of a window.
    corners : torch.Tensor
        int64 (n, windows, 2).
    rng : torch.Generator
        Of the new places.

    Returns
    -------
    torch.Tensor
        Like `corners`; never cheaper than those under the loss as it is now.
    """
    n, windows = corners.shape[:2]
    fresh = random_corners(n, windows, shape, sides, rng)
    tries = [corners, fresh]
    for window in range(windows):
        moved = corners.clone()
        moved[:, window] = random_corners(n, 1, shape, sides, rng)[:, 0]
        tries.append(moved)
    costs = torch.stack([loss(windows_at(tried, shape, sides)).cpu() for tried in tries])
    return torch.stack(tries)[costs.argmax(0), torch.arange(n)]


class Memory:
    """The windows of all training images, in images that are not mirrored.

    Shifts of an image by a pixel or two are not followed.

    Parameters
    ----------
    corners : torch.Tensor
        int64 (N, windows, 2).
    shape, sides : tuple of int
        Of the images and of a window.
    """

    def __init__(self, corners: torch.Tensor, shape: Size, sides: Size) -> None:
        self.corners, self.shape, self.sides = corners, shape, sides

    def of(self, rows: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
        """Windows of a batch, as they lie in its images."""
        return self._turned(self.corners[rows], mirrored)

    def keep(self, rows: torch.Tensor, mirrored: torch.Tensor, corners: torch.Tensor) -> None:
        """Remember the windows of a batch."""
        self.corners[rows] = self._turned(corners, mirrored)

    def _turned(self, corners: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
        """Corners in the mirror image, where it is one; its own inverse."""
        turned = corners.clone()
        turned[:, :, 1] = torch.where(
            mirrored[:, None], self.shape[1] - self.sides[1] - corners[:, :, 1], corners[:, :, 1]
        )
        return turned
