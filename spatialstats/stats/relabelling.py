"""Sign-flips of paired images and relabellings of two groups: every one of them, or random draws."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from spatialstats import kernels

BLOCK = 1 << 24  # signs held at once
MOST = 1 << 20  # relabellings that are still worth listing


@dataclass(frozen=True)
class Draws:
    """The relabellings of a null, given out in blocks, without the observed one where all are listed.

    Parameters
    ----------
    n, n_first : int
        Maps; maps of the first group, or 0 for sign-flips.
    seed : int
        Draw k is a pure function of (seed, k).
    count : int
        Number of draws.
    exact : bool
        Whether these are all relabellings but the observed one, each once.
    """

    n: int
    n_first: int
    seed: int
    count: int
    exact: bool

    @property
    def observed(self) -> np.ndarray:
        """int8 (n,): the labels as they were."""
        signs = np.ones(self.n, np.int8)
        if self.n_first:
            signs[self.n_first :] = -1
        return signs

    def blocks(self, batch: int | None = None) -> Iterator[np.ndarray]:
        """int8 (b, n) blocks of draws, of `batch` or of a size that fits memory."""
        size = batch or max(1, min(1024, BLOCK // self.n))
        groups = itertools.islice(itertools.combinations(range(self.n), self.n_first), 1, None)
        for first in range(0, self.count, size):
            count = min(size, self.count - first)
            if self.n_first and self.exact:
                signs = np.full((count, self.n), -1, np.int8)
                at = np.array(list(itertools.islice(groups, count)))
                np.put_along_axis(signs, at, np.int8(1), axis=1)
                yield signs
            elif self.n_first:
                yield self.observed[kernels.permutations(self.n, self.seed, first, count)]
            elif self.exact:
                numbers = np.arange(first + 1, first + count + 1)
                yield (1 - 2 * (numbers[:, None] >> np.arange(self.n) & 1)).astype(np.int8)
            else:
                yield kernels.sign_flips(self.n, self.seed, first, count)


def sign_flips_of(n: int, seed: int, n_resamples: int) -> Draws:
    """Sign-flips of n images: all of them where that takes no more than `n_resamples` draws."""
    every = (1 << n) - 1 if n <= 20 else MOST
    exact = every <= min(n_resamples, MOST - 1)
    return Draws(n, 0, seed, every if exact else n_resamples, exact)


def relabellings_of(n_first: int, n_second: int, seed: int, n_resamples: int) -> Draws:
    """Relabellings of two groups: all of them where that takes no more than `n_resamples` draws."""
    every = math.comb(n_first + n_second, n_first) - 1
    exact = every <= min(n_resamples, MOST - 1)
    return Draws(n_first + n_second, n_first, seed, every if exact else n_resamples, exact)
