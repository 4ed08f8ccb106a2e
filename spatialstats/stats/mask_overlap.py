"""Statistics of two masks, from what they share and how large they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from spatialstats import kernels
from spatialstats.errors import unknown
from spatialstats.stats.pair_sums import PairSums, sums_of_tiles
from spatialstats.stats.pair_table import Table

TILE = 1 << 20  # pairs held at once
FEW = 2048  # images up to which a table of all pairs costs less than drawing them
Formula = Callable[[np.ndarray, np.ndarray, np.ndarray, int], np.ndarray]

MASK_STATISTICS: dict[str, Formula] = {
    "overlap lift": lambda both, a, b, n: both * (n / (a * b)),
    "Dice": lambda both, a, b, n: 2 * both / (a + b),
    "IoU": lambda both, a, b, n: both / (a + b - both),
    "overlap coefficient": lambda both, a, b, n: both / np.minimum(a, b),
    "Manders M1": lambda both, a, b, n: both / a,
    "Manders M2": lambda both, a, b, n: both / b,
    "Manders overlap": lambda both, a, b, n: both / np.sqrt(a * b),
    "phi": lambda both, a, b, n: (n * both - a * b) / np.sqrt(a * b * (n - a) * (n - b)),
}
"""Each from overlap, both areas and HW; NaN where a mask that it divides by is empty.

"Manders M1" and "M2" of masks are the shares of the first and the second in the other, "phi" is
Pearson's correlation of masks.
"""

MONOTONE = (
    "At constant areas of both masks the mask statistics are monotone functions of the overlap: they "
    "then rank, and test, alike, and their agreement is no further evidence."
)


def mask_statistics(roi: np.ndarray, roa: np.ndarray, n_pixels: int) -> dict[str, np.ndarray]:
    """All statistics of two masks for each image.

    Parameters
    ----------
    roi, roa : numpy.ndarray
        uint64 (N, ceil(HW / 64)) from `kernels.pack`.
    n_pixels : int
        HW.

    Returns
    -------
    dict of str to numpy.ndarray
        float64 (N,) for each name of `MASK_STATISTICS`.  Dice, IoU and the rest depend on the
        areas: report them beside their mean over swapped images.

    References
    ----------
    E. M. M. Manders, F. J. Verbeek, J. A. Aten, *Measurement of co-localization of objects in
    dual-colour confocal images*, Journal of Microscopy 169, 1993.
    """
    a, b = kernels.area(roi).astype(np.float64), kernels.area(roa).astype(np.float64)
    both = kernels.overlap(roi, roa).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {name: _defined(formula(both, a, b, n_pixels)) for name, formula in MASK_STATISTICS.items()}


@dataclass(frozen=True)
class MaskPairs:
    """One of `MASK_STATISTICS` for every RoI with every RoA: exchangeable with `Lift` in a family.

    Parameters
    ----------
    name : str
        Of the statistic.
    roi, roa : numpy.ndarray
        uint64 (N, ceil(HW / 64)), no mask empty or (for phi) full.
    n_pixels : int
        HW.
    """

    name: str
    roi: np.ndarray
    roa: np.ndarray
    n_pixels: int

    def __post_init__(self) -> None:
        if self.name not in MASK_STATISTICS:
            raise unknown("mask statistic", self.name, MASK_STATISTICS)

    @property
    def n(self) -> int:
        """Images."""
        return len(self.roi)

    def at(self, rows: np.ndarray) -> MaskPairs:
        """Those of some images."""
        return MaskPairs(self.name, self.roi[rows], self.roa[rows], self.n_pixels)

    def sums(self, *, squares: bool = True) -> PairSums:
        """Margins over all pairings."""
        return sums_of_tiles(self.n, self._of(np.arange(self.n), *self._areas()), self._tiles())

    def draws(self, seed: int, n_resamples: int) -> np.ndarray:
        """Mean under the permutations ``kernels.pairing(n, seed, k)``, float64 (n_resamples,)."""
        if self.n <= FEW:
            return Table(np.concatenate([tile for _, tile in self._tiles()])).draws(seed, n_resamples)
        areas = self._areas()
        means = [self._of(kernels.pairing(self.n, seed, k), *areas).mean() for k in range(n_resamples)]
        return np.array(means, np.float64)

    def _areas(self) -> tuple[np.ndarray, np.ndarray]:
        return kernels.area(self.roi).astype(np.float64), kernels.area(self.roa).astype(np.float64)

    def _of(self, partners: np.ndarray, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        both = kernels.overlap(self.roi, self.roa, partners).astype(np.float64)
        return MASK_STATISTICS[self.name](both, a, b[partners], self.n_pixels)

    def _tiles(self) -> Iterator[tuple[slice, np.ndarray]]:
        a, b = self._areas()
        size = max(1, TILE // max(1, self.n))
        for start in range(0, self.n, size):
            rows = slice(start, start + size)
            both = kernels.overlap_matrix(self.roi[rows], self.roa).astype(np.float64)
            yield rows, MASK_STATISTICS[self.name](both, a[rows, None], b[None], self.n_pixels)


def _defined(values: np.ndarray) -> np.ndarray:
    return np.where(np.isfinite(values), values, np.nan)
