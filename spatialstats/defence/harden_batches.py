"""The batches of an epoch: shuffled, flipped and shifted, from the seed and the epoch alone."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F

from spatialstats.attacks.seeds import mix

__all__ = ["Batch", "Batches", "Images", "epoch_generator"]


@dataclass(frozen=True)
class Images:
    """Labelled images that are read by row.

    Parameters
    ----------
    read : callable
        Rows (int64) to float32 (n, C, H, W) in [0, 1].
    labels : numpy.ndarray
        int64 (N,).
    """

    read: Callable[[npt.NDArray[np.int64]], npt.NDArray[np.float32]]
    labels: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, rows: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Images and labels of rows as tensors."""
        x = torch.from_numpy(np.require(self.read(rows), np.float32, ("C", "W")))
        return x, torch.from_numpy(self.labels[rows])


def epoch_generator(seed: int, epoch: int) -> torch.Generator:
    """The generator of an epoch: an epoch that is begun anew goes as it went before."""
    return torch.Generator().manual_seed(mix(seed, epoch) >> 1)


class Batch(NamedTuple):
    """Images of a training step.

    Parameters
    ----------
    x, y : torch.Tensor
        (n, C, H, W) and (n,).
    rows : torch.Tensor
        int64 (n,): which images they are.
    mirrored : torch.Tensor
        bool (n,): which of them are mirrored left to right.
    """

    x: torch.Tensor
    y: torch.Tensor
    rows: torch.Tensor
    mirrored: torch.Tensor


@dataclass(frozen=True)
class Batches:
    """How images are shuffled and varied.

    Parameters
    ----------
    size : int
        Images a batch; a last batch of one image is left out, batch norm takes none.
    shift : int
        Largest shift in pixels, mirrored at the border.
    flip : bool
        Mirror every second image left to right.
    """

    size: int = 125
    shift: int = 2
    flip: bool = True

    def count(self, n: int) -> int:
        """Batches of an epoch over `n` images."""
        return n // self.size + (n % self.size > 1)

    def __call__(self, images: Images, rng: torch.Generator, crop: int | None = None) -> Iterator[Batch]:
        """All images once, in the crop's size where one is given."""
        order = torch.randperm(len(images), generator=rng)
        for rows in order.split(self.size):
            if len(rows) > 1:
                x, y = images.batch(rows.numpy())
                mirrored = torch.zeros(len(rows), dtype=torch.bool)
                if self.flip:
                    mirrored = torch.rand(len(rows), generator=rng) < 0.5
                    x = torch.where(mirrored[:, None, None, None], x.flip(3), x)
                yield Batch(self.cut(x, rng, crop), y, rows, mirrored)

    def cut(self, x: torch.Tensor, rng: torch.Generator, crop: int | None = None) -> torch.Tensor:
        """Each image cut out at a place of its own, mirrored beyond its border."""
        n, _, height, width = x.shape
        shift = min(self.shift, height - 1, width - 1)
        tall, wide = (height, width) if crop is None else (min(crop, height), min(crop, width))
        if shift <= 0 and (tall, wide) == (height, width):
            return x
        padded = F.pad(x, (shift,) * 4, mode="reflect") if shift > 0 else x
        top = torch.randint(padded.shape[2] - tall + 1, (n, 1), generator=rng) + torch.arange(tall)
        left = torch.randint(padded.shape[3] - wide + 1, (n, 1), generator=rng) + torch.arange(wide)
        cut = padded[torch.arange(n)[:, None, None], :, top[:, :, None], left[:, None, :]]
        return cut.permute(0, 3, 1, 2)  # (n, H, W, C) in memory: channels last
