"""Empirical semivariogram: half the mean squared difference of pixels by their distance, by FFT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import fft

from spatialstats.stats.distance_bands import rising
from spatialstats.stats.lattices import stack_of
from spatialstats.stats.wording import finite, number

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class Variogram:
    """Semivariances of each map by distance: a description, nothing is tested.

    Parameters
    ----------
    edges : tuple of float
        B + 1 distances in pixels: band b reaches from beyond edge b to edge b + 1.
    distance : numpy.ndarray
        float64 (N, B): mean distance of the pairs of pixels in the band.
    semivariance : numpy.ndarray
        float64 (N, B): half the mean squared difference of these pairs; NaN without any.
    n_pairs : numpy.ndarray
        int64 (N, B): pairs, each counted once.
    """

    edges: tuple[float, ...]
    distance: np.ndarray
    semivariance: np.ndarray
    n_pairs: np.ndarray

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each map and band."""
        import pandas as pd

        n, bands = self.semivariance.shape
        columns = {name: getattr(self, name).ravel() for name in ("distance", "semivariance", "n_pairs")}
        edges = {"beyond": np.tile(self.edges[:-1], n), "up_to": np.tile(self.edges[1:], n)}
        return pd.DataFrame({"map": np.repeat(np.arange(n), bands)} | edges | columns)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN."""
        lists = {
            name: [[finite(value) for value in row] for row in getattr(self, name).tolist()]
            for name in ("distance", "semivariance", "n_pairs")
        }
        return {"edges": list(self.edges), **lists, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """What was measured, and what it does not mean."""
        if not self.n_pairs.any():
            return "Nothing was measured: no map has two valid pixels within the distances asked for."
        means = np.ma.masked_invalid(self.semivariance).mean(axis=0).filled(np.nan)
        n = len(self.semivariance)
        whose = "" if n == 1 else f", means of {n} maps"
        found = ", ".join(
            f"{number(m)} up to {high:g}" for m, high in zip(means, self.edges[1:], strict=True)
        )
        return (
            f"Semivariance by distance in pixels{whose}: {found}. Nothing was tested: it describes how fast "
            "near pixels become unlike, and means the same everywhere only where a map is stationary; a bump "
            "in the centre lets it rise with distance too. It says nothing about other images, nor that two "
            "maps belong together."
        )


def variogram(
    maps: np.ndarray, edges: Sequence[float] | None = None, *, mask: np.ndarray | None = None
) -> Variogram:
    """Half the mean squared difference of all pairs of pixels, by distance in every direction.

    Sums over pairs at each step are cross-correlations of the valid pixels, their values and squares.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W); NaN where a pixel is missing.
    edges : sequence of float, optional
        As for `spatialstats.stats.correlogram`.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid.

    Returns
    -------
    Variogram

    Notes
    -----
    In a band it is Geary's C with binary weights times the sample variance.  Rounding errs by about
    1e-16 of the map's variance times the number of pixels over that of pairs.

    References
    ----------
    G. Matheron, *Principles of geostatistics*, Economic Geology 58, 1963; by FFT: D. Marcotte, *Fast
    variogram computation with FFT*, Computers & Geosciences 22, 1996.
    """
    stack, valid = stack_of(maps, mask)
    bounds = rising(edges, stack.shape[1:])
    height, width = stack.shape[1:]
    # half of the steps: each pair once
    down, right = np.mgrid[:height, 1 - width : width]
    length = np.hypot(down, right)
    half = (down > 0) | (right > 0)
    band = np.where(half, np.searchsorted(bounds, length, side="left") - 1, -1)
    kept = (band >= 0) & (band < len(bounds) - 1)
    place, lengths, bands = (down[kept], right[kept]), length[kept], band[kept]
    shape = len(stack), len(bounds) - 1
    totals, distances, pairs = np.zeros(shape), np.zeros(shape), np.zeros(shape, np.int64)
    for i, (image, known) in enumerate(zip(stack, valid, strict=True)):
        counts, squares = _steps(image, known, place)
        pairs[i] = np.rint(np.bincount(bands, counts, shape[1])).astype(np.int64)
        totals[i] = np.bincount(bands, squares, shape[1])
        distances[i] = np.bincount(bands, counts * lengths, shape[1])
    some = np.where(pairs > 0, pairs, np.nan)
    return Variogram(bounds, distances / some, totals / (2 * some), pairs)


def _steps(
    image: np.ndarray, known: np.ndarray, place: tuple[np.ndarray, np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Number of pairs, and sum of their squared differences, at some steps down and right."""
    if not known.any():
        return np.zeros(place[0].size), np.zeros(place[0].size)
    inside = known.astype(np.float64)
    values = np.where(known, image, 0).astype(np.float64)
    values = np.where(known, values - values.sum() / inside.sum(), 0.0)
    size = tuple(fft.next_fast_len(2 * length - 1, True) for length in image.shape)
    ones, first, second = (fft.rfft2(part, size) for part in (inside, values, values**2))
    counts = np.rint(fft.irfft2(ones.real**2 + ones.imag**2, size)[place])
    # squares of both ends less twice their product; the spectrum of the first two is real
    crossed = 2 * (second * ones.conj()).real - 2 * (first.real**2 + first.imag**2)
    squares = fft.irfft2(crossed, size)[place]
    return counts, np.where(counts > 0, np.maximum(squares, 0.0), 0.0)
