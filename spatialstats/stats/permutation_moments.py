"""Means and variances of quadratic forms on a lattice when all arrangements of the values are equally likely.

All are those of Cliff and Ord, *Spatial processes: models and applications*, 1981, chapter 2, with
S0, S1, S2 of the weights; the product's is derived from its centred parts, which loses no digits
where the mean is far from 0.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spatialstats.kernels import Lattice

ROUNDING = 1e-12
"""A variance below this part of the second moment is none: the form is the same for all arrangements."""


@dataclass(frozen=True)
class Powers:
    """Values of several maps, centred, and the means of their powers.

    Parameters
    ----------
    mean, m2, m3, m4 : numpy.ndarray
        float64 (m,): mean, and means of the second to fourth power of `z`.
    z : numpy.ndarray
        float64 (m, n): values less their mean.
    """

    mean: np.ndarray
    m2: np.ndarray
    m3: np.ndarray
    m4: np.ndarray
    z: np.ndarray

    @classmethod
    def of(cls, values: np.ndarray) -> Powers:
        """Of the values (m, n) of m maps."""
        mean = values.mean(axis=1)
        z = values - mean[:, None]
        square = z * z
        return cls(mean, square.mean(1), (square * z).mean(1), (square * square).mean(1), z)


@dataclass(frozen=True)
class Moments:
    """Expectation, and variance of normal values and of permuted ones; float64 (m,)."""

    expected: np.ndarray
    normality: np.ndarray
    randomisation: np.ndarray


def moran_moments(lattice: Lattice, powers: Powers) -> Moments:
    """Moments of Moran's I; the variance under randomisation needs four sites, else it is NaN."""
    n, s0, s1, s2 = _sums(lattice)
    centre = -1.0 / (n - 1)
    normal = (n * n * s1 - n * s2 + 3 * s0**2) / ((n - 1) * (n + 1) * s0**2)
    kurtosis = powers.m4 / powers.m2**2
    first = n * ((n * n - 3 * n + 3) * s1 - n * s2 + 3 * s0**2)
    second = kurtosis * ((n * n - n) * s1 - 2 * n * s2 + 6 * s0**2)
    square = (first - second) / _four(n, s0**2 * (n - 1) * (n - 2) * (n - 3))
    return _moments(np.full_like(kurtosis, centre), np.full_like(kurtosis, normal), square)


def geary_moments(lattice: Lattice, powers: Powers) -> Moments:
    """Moments of Geary's C; the variance under randomisation needs four sites, else it is NaN."""
    n, s0, s1, s2 = _sums(lattice)
    normal = ((2 * s1 + s2) * (n - 1) - 4 * s0**2) / (2 * (n + 1) * s0**2)
    kurtosis = powers.m4 / powers.m2**2
    terms = (n - 1) * s1 * (n * n - 3 * n + 3 - (n - 1) * kurtosis)
    terms = terms - 0.25 * (n - 1) * s2 * (n * n + 3 * n - 6 - (n * n - n + 2) * kurtosis)
    terms = terms + s0**2 * (n * n - 3 - (n - 1) ** 2 * kurtosis)
    random = terms / _four(n, n * (n - 2) * (n - 3) * s0**2)
    ones = np.ones_like(kurtosis)
    return _moments(ones, ones + normal, ones + random)


def product_moments(lattice: Lattice, powers: Powers) -> Moments:
    """Moments of the sum over i, j of ``w_ij y_i y_j``; there is none under normality, NaN.

    With ``y = mean + z`` it is ``mean^2 S0 + mean sum r_i z_i + sum w_ij z_i z_j``, r_i the row and
    column sum of weights: variances and covariance of the last two add up.
    """
    n, s0, _, s2 = _sums(lattice)
    expected = powers.mean**2 * s0 - powers.m2 * s0 / (n - 1)
    quadratic = moran_moments(lattice, powers).randomisation * (s0 * powers.m2) ** 2
    uneven = n * s2 - 4 * s0**2  # n^2 times the variance of r
    uneven = uneven if uneven > ROUNDING * n * s2 else 0.0
    linear = powers.mean**2 * powers.m2 * uneven / (n - 1)
    both = -2 * powers.mean * powers.m3 * uneven / ((n - 1) * _four(n, n - 2))
    variance = quadratic + linear + both
    variance = np.where(variance <= ROUNDING * (quadratic + linear), variance * 0.0, variance)
    return Moments(expected, np.full_like(variance, np.nan), variance)


def _moments(expected: np.ndarray, normal: np.ndarray, random: np.ndarray) -> Moments:
    """From second moments; what is left by rounding alone is no variance."""
    left = [
        np.where(square - expected**2 > ROUNDING * square, square - expected**2, square * 0.0)
        for square in (normal, random)
    ]
    return Moments(expected, *left)


def _sums(lattice: Lattice) -> tuple[int, float, float, float]:
    return lattice.n, lattice.s0, lattice.s1, lattice.s2


def _four(n: int, divisor: float) -> float:
    """The divisor, NaN below four sites."""
    return divisor if n > 3 else float("nan")
