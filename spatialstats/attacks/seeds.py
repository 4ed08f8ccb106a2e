"""Random numbers that depend on a seed and an image's row, not on its micro-batch."""

from __future__ import annotations

import torch

__all__ = ["RowSeed", "derived", "normal", "row_generator", "uniform"]

MASK = (1 << 64) - 1


class RowSeed(int):
    """The seed of a micro-batch: an int that also says which rows it is for.

    As an int it differs from micro-batch to micro-batch, which is what an attack written
    elsewhere wants.  The attacks here read `base` and `first` instead and draw for every row
    by itself, so that their results do not depend on how the rows were batched.

    Parameters
    ----------
    base : int
        Seed of all rows.
    first : int
        Number of the micro-batch's first row among them.
    """

    base: int
    first: int

    def __new__(cls, base: int, first: int = 0) -> RowSeed:
        made = super().__new__(cls, mix(base, first) >> 1)  # positive in 64 bits
        made.base, made.first = base, first
        return made


def mix(seed: int, row: int) -> int:
    """A 64-bit hash of two integers (the finaliser of SplitMix64, applied twice).

    References
    ----------
    G. Steele, D. Lea, C. Flood, *Fast Splittable Pseudorandom Number Generators*, OOPSLA 2014.
    """
    state = seed & MASK
    for word in (row, 0x9E3779B97F4A7C15):
        state = (state + (word & MASK) + 0x9E3779B97F4A7C15) & MASK
        state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & MASK
        state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & MASK
        state ^= state >> 31
    return state


def derived(seed: int, stream: int) -> RowSeed:
    """The seed of a restart or a part of an attack: independent of `seed`, for the same rows."""
    base, first = (seed.base, seed.first) if isinstance(seed, RowSeed) else (seed, 0)
    return RowSeed(mix(base, stream) >> 1, first)


def row_generator(seed: int, row: int, stream: int = 0) -> torch.Generator:
    """The CPU generator of a row: a `RowSeed` counts from its first row, an int from 0.

    Streams are independent of each other.
    """
    base, first = (seed.base, seed.first) if isinstance(seed, RowSeed) else (seed, 0)
    return torch.Generator().manual_seed(mix(mix(base, first + row), stream) >> 1)


def uniform(seed: int, like: torch.Tensor) -> torch.Tensor:
    """Uniform numbers in [0, 1) of the shape of `like` (N, ...), on its device, row by row."""
    rows = [torch.rand(like.shape[1:], generator=row_generator(seed, row)) for row in range(len(like))]
    return torch.stack(rows).to(like.device)


def normal(seed: int, like: torch.Tensor) -> torch.Tensor:
    """Standard normal numbers of the shape of `like` (N, ...), on its device, row by row."""
    rows = [torch.randn(like.shape[1:], generator=row_generator(seed, row)) for row in range(len(like))]
    return torch.stack(rows).to(like.device)
