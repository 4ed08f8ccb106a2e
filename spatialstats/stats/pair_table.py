"""A statistic of every pair of images, held as a matrix: for statistics of maps of values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.pair_sums import PairSums, sums_of_tiles

MAX_IMAGES = 4096  # 128 MiB as float64


AT_ONCE = 1 << 20  # pairs of draws held at once


@dataclass(frozen=True)
class Table:
    """A statistic of every first map i with every second map j.

    Parameters
    ----------
    values : numpy.ndarray
        float64 (n, n), at most 4,096 images.
    """

    values: np.ndarray

    def __post_init__(self) -> None:
        shape = self.values.shape
        if len(shape) != 2 or shape[0] != shape[1] or not np.isfinite(self.values).all():
            raise InputError(f"a table of pairs must be finite and square, got shape {shape} or NaN.")

    @classmethod
    def of_products(cls, first: np.ndarray, second: np.ndarray) -> Table:
        """Sums over pixels of the products of two maps, for all pairs of two stacks (n, H, W)."""
        refuse_many(len(first))
        return cls(first.reshape(len(first), -1) @ second.reshape(len(second), -1).T)

    @property
    def n(self) -> int:
        """Images."""
        return len(self.values)

    def at(self, rows: np.ndarray) -> Table:
        """Those of some images."""
        return self if len(rows) == self.n else Table(self.values[np.ix_(rows, rows)])

    def sums(self, *, squares: bool = True) -> PairSums:
        """Margins over all pairings."""
        return sums_of_tiles(self.n, self.values.diagonal().copy(), [(slice(None), self.values)])

    def draws(self, seed: int, n_resamples: int) -> np.ndarray:
        """Mean under the permutations ``kernels.pairing(n, seed, k)``, float64 (n_resamples,)."""
        rows, means = np.arange(self.n), np.empty(n_resamples)
        size = max(1, AT_ONCE // max(1, self.n))
        for first in range(0, n_resamples, size):
            partners = kernels.permutations(self.n, seed, first, min(size, n_resamples - first))
            means[first : first + size] = self.values[rows, partners].mean(1)
        return means


def refuse_many(n: int) -> None:
    """Refuse more images than a table may have."""
    if n > MAX_IMAGES:
        raise InputError(
            f"exploratory statistics of maps hold all pairs of at most {MAX_IMAGES} images, got {n}: "
            "pass a sample of the images; the primary statistic takes any number."
        )
