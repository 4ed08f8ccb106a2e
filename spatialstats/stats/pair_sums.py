"""Sums over all pairings of n images: what Hoeffding's theorem and the linearised effects need."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

FLAT = 1e-13  # share of the mean square below which the centred squares are rounding


@dataclass(frozen=True)
class PairSums:
    """Margins of the matrix S of a statistic of every first map i with every second map j.

    Parameters
    ----------
    diagonal : numpy.ndarray
        float64 (n,): S_ii, maps of one image.
    row_means, column_means : numpy.ndarray
        float64 (n,): S_i. and S_.j.
    mean, mean_square : float
        Of all of S; the second NaN where it was not asked for.
    """

    diagonal: np.ndarray
    row_means: np.ndarray
    column_means: np.ndarray
    mean: float
    mean_square: float

    @property
    def n(self) -> int:
        """Images."""
        return len(self.diagonal)

    @property
    def observed(self) -> float:
        """Mean of the diagonal."""
        return float(self.diagonal.mean())

    @property
    def centred(self) -> np.ndarray:
        """float64 (n,): doubly centred diagonal S_ii - S_i. - S_.i + S_.., linear in the images."""
        return np.asarray(self.diagonal - self.row_means - self.column_means + self.mean)

    @property
    def own_minus_others(self) -> np.ndarray:
        """float64 (n,): `centred` times n / (n - 1), whose mean is own less *other* images' pairs.

        S_.. holds the diagonal itself, so the mean of `centred` is (n - 1) / n of the difference
        between diagonal and off-diagonal means: half of it with two images.  NaN for one image.
        """
        return self.centred * (self.n / (self.n - 1)) if self.n > 1 else np.full(1, np.nan)

    @property
    def sd(self) -> float:
        """Exact standard deviation of ``mean(S[i, pi(i)])`` over uniform permutations pi.

        The sum of the squared doubly centred entries over n - 1, a root, and over n; the mean of
        the permuted mean is `mean`.  0 where the entries differ by rounding alone, NaN without
        `mean_square`.

        References
        ----------
        W. Hoeffding, *A combinatorial central limit theorem*, Annals of Mathematical Statistics
        22, 1951, theorem 2.
        """
        if self.n < 2:
            return 0.0
        margins = float((self.row_means**2).mean() + (self.column_means**2).mean())
        square = self.mean_square - margins + self.mean**2
        if square <= FLAT * self.mean_square:
            return 0.0
        return math.sqrt(square / (self.n - 1)) if math.isfinite(square) else math.nan


class Pairs(Protocol):
    """A statistic that is defined for any two images' maps."""

    @property
    def n(self) -> int:
        """Images."""
        ...

    def at(self, rows: np.ndarray) -> Pairs:
        """Those of some images."""
        ...

    def sums(self, *, squares: bool = True) -> PairSums:
        """Margins over all pairings; `squares` may be left out where these alone cost n^2 steps."""
        ...

    def draws(self, seed: int, n_resamples: int) -> np.ndarray:
        """float64 (n_resamples,): mean over i of S[i, pairing(n, seed, k)[i]]."""
        ...


def sums_of_tiles(n: int, diagonal: np.ndarray, tiles: Iterable[tuple[slice, np.ndarray]]) -> PairSums:
    """`PairSums` from blocks of whole rows of S, none of which is kept.

    Parameters
    ----------
    n : int
        Images, at least one.
    diagonal : numpy.ndarray
        float64 (n,).
    tiles : iterable of (slice, numpy.ndarray)
        Rows and their float64 (b, n), in order.
    """
    rows, columns, squares = np.empty(n), np.zeros(n), np.empty(n)
    for which, tile in tiles:
        rows[which] = tile.sum(1)
        columns += tile.sum(0)
        squares[which] = np.einsum("ij,ij->i", tile, tile)
    return PairSums(diagonal, rows / n, columns / n, float(rows.sum()) / n**2, float(squares.sum()) / n**2)
