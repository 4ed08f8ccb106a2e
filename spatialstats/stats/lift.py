"""The primary statistic, overlap lift, of every RoI with every RoA."""

from __future__ import annotations

import math
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.pair_sums import PairSums, sums_of_tiles

TILE = 1 << 20  # pairs held at once
COLUMNS = 2048  # masks that one block of pairs goes over
BLOCK = 1 << 21  # bytes of masks that are looked at, or copied, at once
HELD = 1 << 22  # bytes up to which masks chosen out of a file are held in memory


@dataclass(frozen=True)
class Lift:
    """Overlap lift ``|RoI_i and RoA_j| HW / (|RoI_i| |RoA_j|)`` of all pairs of images.

    With several RoIs an image (of several models) it is the mean of their lifts.  1 is what two
    masks of these areas have when they are placed independently and uniformly.

    Parameters
    ----------
    rois : sequence of numpy.ndarray
        uint64 (N, ceil(HW / 64)) each, from `kernels.pack`.
    roa : numpy.ndarray
        uint64 (N, ceil(HW / 64)).
    n_pixels : int
        HW.

    Raises
    ------
    InputError
        If they are not masks of the same images.
    """

    rois: Sequence[np.ndarray]
    roa: np.ndarray
    n_pixels: int

    def __post_init__(self) -> None:
        shapes = [masks.shape for masks in (*self.rois, self.roa)]
        if len(set(shapes)) > 1 or len(shapes) < 2 or len(shapes[0]) != 2:
            came = " and ".join(map(str, shapes))
            raise InputError(f"RoI and RoA must be packed masks of the same images, got {came}.")
        if shapes[0][1] != -(-self.n_pixels // 64):
            raise InputError(
                f"packed masks of {self.n_pixels} pixels have {-(-self.n_pixels // 64)} words, "
                f"got {shapes[0][1]}: give the number of pixels of one image."
            )

    @property
    def n(self) -> int:
        """Images."""
        return len(self.roa)

    @property
    def exists(self) -> np.ndarray:
        """bool (N,): images whose masks are all there; only these have a lift."""
        there = np.array([present(masks) for masks in (*self.rois, self.roa)])
        return np.asarray(there.all(0))

    def at(self, rows: np.ndarray) -> Lift:
        """The lift of some images."""
        return Lift(tuple(chosen(masks, rows) for masks in self.rois), chosen(self.roa, rows), self.n_pixels)

    def weights(self) -> tuple[list[np.ndarray], np.ndarray]:
        """Factors of the overlaps: for each RoI's HW / |RoI|, averaged over RoIs, and 1 / |RoA|."""
        share = self.n_pixels / len(self.rois)
        return [share / areas(masks) for masks in self.rois], 1 / areas(self.roa)

    def diagonal(self) -> np.ndarray:
        """float64 (N,): the lift of each image."""
        firsts, second = self.weights()
        of = zip(firsts, self.rois, strict=True)
        each = np.array([first * second * kernels.overlap(masks, self.roa) for first, masks in of])
        return np.asarray(each.sum(0))

    def sums(self, *, squares: bool = True) -> PairSums:
        """Margins over all pairings.

        The lift is bilinear in the masks, so the margins need no pairs; the mean square, for
        Hoeffding's variance, goes through tiles of all of them.
        """
        if squares:
            return sums_of_tiles(self.n, self.diagonal(), self._tiles())
        firsts, second = self.weights()
        rows, columns = np.zeros(self.n), np.zeros(self.n)
        total = 0.0
        for first, masks in zip(firsts, self.rois, strict=True):
            found = kernels.overlap_sums(masks, self.roa, first, second)
            rows += found.rows
            columns += found.columns
            total += float(found.total[0])
        return PairSums(self.diagonal(), rows / self.n, columns / self.n, total / self.n**2, math.nan)

    def draws(self, seed: int, n_resamples: int) -> np.ndarray:
        """Mean lift under the permutations ``kernels.pairing(n, seed, k)``, float64 (n_resamples,)."""
        firsts, second = self.weights()
        total = np.zeros(n_resamples)
        for first, masks in zip(firsts, self.rois, strict=True):
            total += kernels.swap_null(masks, self.roa, first, second, seed, n_resamples)
        return total

    def _tiles(self) -> Iterator[tuple[slice, np.ndarray]]:
        firsts, second = self.weights()
        size = max(1, TILE // max(1, self.n))
        for start in range(0, self.n, size):
            rows = slice(start, start + size)
            tile = np.zeros((len(self.roa[rows]), self.n))
            for first, masks in zip(firsts, self.rois, strict=True):
                for left in range(0, self.n, COLUMNS):
                    columns = slice(left, left + COLUMNS)
                    shared = kernels.overlap_matrix(masks[rows], self.roa[columns])
                    tile[:, columns] += first[rows, None] * shared
            yield rows, tile * second


def areas(masks: np.ndarray) -> np.ndarray:
    """int64 (N,): pixels of packed masks, of which only a block at a time is looked at."""
    counts = [kernels.area(masks[rows]) for rows in blocks(masks)]
    return np.concatenate(counts) if counts else np.zeros(0, np.int64)


def present(masks: np.ndarray) -> np.ndarray:
    """bool (N,): which packed masks hold a pixel."""
    return areas(masks) > 0


def chosen(masks: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Some of the packed masks, C-contiguous.

    Where the masks are those of a file (a `numpy.memmap`), many of them go into a temporary file
    beside it instead of memory.
    """
    if len(rows) == len(masks) and bool((rows == np.arange(len(masks))).all()):
        return masks if masks.flags.c_contiguous else np.ascontiguousarray(masks)
    size = len(rows) * masks.shape[1] * masks.itemsize
    if not isinstance(masks, np.memmap) or size <= HELD:
        return np.ascontiguousarray(masks[rows])
    beside = None if masks.filename is None else Path(masks.filename).parent
    with tempfile.NamedTemporaryFile(dir=beside, suffix=".masks") as file:
        for part in blocks(rows[:, None], masks.shape[1] * masks.itemsize):
            file.write(np.ascontiguousarray(masks[rows[part]]).data)
        file.flush()
        # The name goes away with the block; the mapping keeps the file until it is dropped itself.
        return np.memmap(file, masks.dtype, "r", shape=(len(rows), masks.shape[1]))


def blocks(array: np.ndarray, row_bytes: int = 0) -> Iterator[slice]:
    """Slices of the rows of an array (N, ...) of about `BLOCK` bytes each."""
    size = max(1, BLOCK // max(1, row_bytes or array[:1].nbytes))
    return (slice(start, start + size) for start in range(0, len(array), size))
