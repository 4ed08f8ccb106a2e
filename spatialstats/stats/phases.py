"""Phase randomisation: surrogates with the spectrum of a map, for stationary, periodic maps only."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import fft

from spatialstats.stats.map_statistics import standardised
from spatialstats.stats.map_test import MapTest, pooled, varying
from spatialstats.stats.resampling import TIE, Alternative, checked, p_values

BLOCK = 1 << 21  # phases held at once


@dataclass(frozen=True)
class Frequencies:
    """Frequencies of a real H x W map, of which every other is the conjugate of one.

    Parameters
    ----------
    free_rows, free_columns : numpy.ndarray
        int64 (F,): those that have a conjugate partner, one of each two.
    own_rows, own_columns : numpy.ndarray
        int64: those that are their own conjugate, the mean left out: up to three.
    """

    free_rows: np.ndarray
    free_columns: np.ndarray
    own_rows: np.ndarray
    own_columns: np.ndarray

    @classmethod
    def of(cls, height: int, width: int) -> Frequencies:
        """Those of maps of this size, as places in their rfft2."""
        rows, columns = (axis.ravel() for axis in np.mgrid[:height, : width // 2 + 1])
        edge = (columns == 0) | (2 * columns == width)  # columns that hold both of each two
        own = edge & ((rows == 0) | (2 * rows == height))
        free = ~edge | (2 * rows < height)
        mean = (rows == 0) & (columns == 0)
        return cls(rows[free & ~own], columns[free & ~own], rows[own & ~mean], columns[own & ~mean])

    def draw(self, seed: int, k: int) -> tuple[np.ndarray, np.ndarray]:
        """Angles of the free frequencies and signs of the others: a pure function of (seed, k)."""
        generator = np.random.Generator(np.random.Philox(key=np.array([seed, k], np.uint64)))
        angles = 2 * np.pi * generator.random(len(self.free_rows))
        return angles, generator.integers(0, 2, len(self.own_rows)) * 2.0 - 1


def phase_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> MapTest:
    """Test the correlation of two maps against surrogates with random phases.

    A surrogate keeps the second map's amplitude at every frequency, hence its autocorrelation
    around the torus, and turns each phase by a uniform angle.  Its correlation with the first
    map is ``sum of |A| |B| cos(angle)``, so no surrogate needs to be formed.

    On a torus this is Moran spectral randomisation: the cosine and the sine of one frequency
    are Moran eigenvectors with one eigenvalue, and turning the phase rotates these two into
    each other.  It is offered once.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W).
    n_resamples, seed : int
        Draw k's angles are a pure function of (seed, k), the same for every image.
    alternative : {"two-sided", "greater", "less"}
        Of all p-values.  That of the mean over images is normal, with the exact variance of
        independent angles in each image.
    confidence : float
        Of the interval.

    Returns
    -------
    MapTest

    References
    ----------
    J. Theiler et al., *Testing for nonlinearity in time series: the method of surrogate data*,
    Physica D 58, 1992; H. H. Wagner, S. Dray, *Generating spatially constrained null models for
    irregularly spaced data using Moran spectral randomization methods*, Methods in Ecology and
    Evolution 6, 2015.
    """
    checked(alternative, n_resamples)
    images = varying(a, b)
    n = len(images)
    height, width = np.asarray(a).shape[1:]
    frequencies = Frequencies.of(height, width)
    n_free = len(frequencies.free_rows)
    values, sd, counts = np.zeros(n), np.zeros(n), np.zeros((n, 2), np.int64)
    amplitudes = np.zeros((n, n_free + len(frequencies.own_rows)))
    step = max(1, BLOCK // max(1, height * width))
    for start in range(0, n, step):
        at = slice(start, min(start + step, n))
        first, second = (standardised(np.asarray(maps)[images[at]]) for maps in (a, b))
        values[at] = np.einsum("nij,nij->n", first, second)
        both = np.abs(fft.rfft2(first)) * np.abs(fft.rfft2(second)) / (height * width)
        amplitudes[at, :n_free] = 2 * both[:, frequencies.free_rows, frequencies.free_columns]
        amplitudes[at, n_free:] = both[:, frequencies.own_rows, frequencies.own_columns]
        squares = amplitudes[at] ** 2
        sd[at] = np.sqrt(squares[:, :n_free].sum(1) / 2 + squares[:, n_free:].sum(1))
    block = max(1, BLOCK // max(1, amplitudes.shape[1]))
    for start in range(0, n_resamples if n else 0, block):
        draws = range(start, min(start + block, n_resamples))
        turned = [frequencies.draw(seed, k) for k in draws]
        factors = np.array([np.concatenate([np.cos(angles), signs]) for angles, signs in turned])
        null = amplitudes @ factors.T
        counts[:, 0] += (null >= values[:, None] - TIE).sum(1)
        counts[:, 1] += (null <= values[:, None] + TIE).sum(1)
    p = p_values(counts[:, 0], counts[:, 1], n_resamples, alternative)
    return pooled(
        "phase",
        "Pearson",
        values,
        p,
        np.zeros(n),
        sd,
        images,
        n_left_out=len(np.asarray(a)) - n,
        n_draws=n_resamples,
        alternative=alternative,
        seed=seed,
        confidence=confidence,
    )


def phase_surrogates(maps: np.ndarray, seed: int, k: int) -> np.ndarray:
    """The k-th surrogate of each map, by the angles that `phase_test` draws.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, H, W).  All get the same angles, so that surrogates of paired maps keep the
        coherence between them.
    seed, k : int
        The angles are a pure function of these.

    Returns
    -------
    numpy.ndarray
        float64 (N, H, W) with the mean, variance and toroidal autocorrelation of each map.
    """
    maps = np.asarray(maps, np.float64)
    height, width = maps.shape[1:]
    frequencies = Frequencies.of(height, width)
    angles, signs = frequencies.draw(seed, k)
    turn = np.ones((height, width // 2 + 1), np.complex128)
    rows, columns = frequencies.free_rows, frequencies.free_columns
    turn[rows, columns] = np.exp(1j * angles)
    edge = (columns == 0) | (2 * columns == width)
    turn[-rows[edge] % height, columns[edge]] = np.exp(-1j * angles[edge])
    turn[frequencies.own_rows, frequencies.own_columns] = signs
    return np.asarray(fft.irfft2(fft.rfft2(maps) * turn, (height, width)))
