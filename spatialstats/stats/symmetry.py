"""Whether differences look symmetric, as sign-flipping needs them to be where there is no effect."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from spatialstats.stats.wording import number

HARM = 0.02
"""Skewness over sqrt(n) from which the tails of t that familywise tests use are off by about half.

From the first Edgeworth term of Student's t, skewness (2 t^2 + 1) phi(t) / (6 sqrt(n)), beside the
normal tail at t = 4: about 23 times skewness / sqrt(n).
"""


@dataclass(frozen=True)
class Symmetry:
    """Skewness of the differences.

    Parameters
    ----------
    image_means : float
        Skewness of the images' mean differences.
    pixels : float
        Median over pixels of the skewness over images; pixels without variance do not count.
    n : int
        Images.
    """

    image_means: float
    pixels: float
    n: int

    @property
    def doubtful(self) -> bool:
        """Whether a skewness lies beyond chance (3 standard errors, 2 for the median) and could do harm."""
        n = self.n
        if n < 4:
            return False
        error = math.sqrt(6.0 * n * (n - 1) / ((n - 2) * (n + 1) * (n + 3)))
        beyond = [
            abs(value)
            for value, limit in ((self.image_means, 3), (self.pixels, 2))
            if abs(value) > limit * error
        ]
        return bool(beyond) and max(beyond) > HARM * math.sqrt(n)

    @property
    def sentence(self) -> str:
        """The diagnostic in words."""
        found = (
            f"skewness {number(self.image_means, sign=True)} of the images' mean differences, "
            f"{number(self.pixels, sign=True)} in the median pixel"
        )
        if self.doubtful:
            return (
                f"WARNING: the differences are skewed ({found}); sign-flipping holds its error only where "
                "a difference and its negative are equally likely without an effect, so that these p-values "
                "may be too small: take a contrast that is symmetric by its design, two conditions of the "
                "same images that could be exchanged."
            )
        return f"No asymmetry that matters is seen ({found})."


def symmetry_of(differences: np.ndarray) -> Symmetry:
    """Skewness of differences (N, H, W), over images, of their means and of every pixel."""
    n = len(differences)
    flat = differences.reshape(n, -1)
    pixels = _skewness(flat)
    pixels = pixels[np.isfinite(pixels)]
    of_images = flat.mean(1, dtype=np.float64)
    # maps that each have one and the same mean leave rounding behind in the differences' means
    of_images[np.abs(of_images) <= 1e-12 * np.abs(flat).max(1)] = 0.0
    means = _skewness(of_images[:, None])
    return Symmetry(float(means[0]), float(np.median(pixels)) if pixels.size else math.nan, n)


def _skewness(columns: np.ndarray) -> np.ndarray:
    """Third standardised moment of each column (N, K); NaN without variance."""
    n, width = columns.shape
    mean = columns.mean(0, dtype=np.float64)
    second, third = np.zeros(width), np.zeros(width)
    for row in columns:
        away = row - mean
        square = away * away
        second += square
        third += square * away
    spread = second / n
    # differences of equal values leave rounding behind, whose skewness is none
    varies = spread > 1e-24 * np.maximum(np.abs(columns).max(0), 1e-300).astype(np.float64) ** 2
    out = np.full(width, math.nan)
    out[varies] = third[varies] / n / spread[varies] ** 1.5
    return out
