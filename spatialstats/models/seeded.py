"""Global random numbers of torch, borrowed for the length of a block."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

__all__ = ["seeded"]


@contextmanager
def seeded(seed: int, device: torch.device | str = "cpu") -> Iterator[None]:
    """Seed what draws from torch's global generators, as dropout does; then they go on as they were.

    Only the generators of the CPU and of `device` are touched: `torch.manual_seed` would leave those of
    every other GPU seeded.
    """
    where = torch.device(device)
    cuda = where.type == "cuda"
    with torch.random.fork_rng(devices=[where] if cuda else []):
        torch.default_generator.manual_seed(seed)
        if cuda:
            with torch.cuda.device(where):
                torch.cuda.manual_seed(seed)
        yield
