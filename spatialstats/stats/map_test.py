"""What a test of association between two maps, image by image and pooled over images, found."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.intervals import bootstrap_mean
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.tails import normal_p_values
from spatialstats.stats.wording import draws_of, finite, number, with_interval

if TYPE_CHECKING:
    import pandas as pd

Null = Literal["shift", "phase", "pixels", "effective size"]

NULLS: dict[str, tuple[str, str]] = {
    "shift": (
        "all toroidal shifts of the second map",
        "It holds for stationary, periodic maps only: maps that share a bias to the centre reject it "
        "without any association of their own.",
    ),
    "phase": (
        "surrogates of the second map with its spectrum and random phases",
        "It holds for stationary, periodic maps only: maps that share a bias to the centre reject it "
        "without any association of their own.",
    ),
    "pixels": (
        "random permutations of the pixels of the second map",
        "A contrast, not a test: neighbouring pixels are alike, so that smooth unrelated maps reject it "
        "most of the time.",
    ),
    "effective size": (
        "the t distribution with the effective sample size of two autocorrelated maps",
        "It holds for stationary maps only, and for correlations near normal: maps that share a bias to the "
        "centre reject it without any association of their own.",
    ),
}
"""For each null, what it compares with, and what it does not mean."""


@dataclass(frozen=True)
class MapTest:
    """Association of two maps against a null that is drawn inside each image.

    Parameters
    ----------
    null, statistic : str
        Key of `NULLS`; "Pearson" or "overlap lift".
    values, p_values, z : numpy.ndarray
        float64 (n,): each image's statistic, p-value and z.
    observed, expected : float
        Mean of the values, and of their nulls.
    effect, low, high : float
        ``observed - expected`` with its bootstrap interval over images.
    p_value, pooled_z : float
        Of the mean over images: z by the exact variance of independent draws in each image.
    n, n_left_out : int
        Images; left out because a map is constant or a mask empty or full.
    n_draws, n_resamples : int
        Draws behind each image's p-value, and behind the pooled one; 0 where it is analytic.
    alternative : str
        The hypothesis of all p-values.
    images : numpy.ndarray
        int64 (n,): which of the given images these are.
    """

    null: Null
    statistic: str
    values: np.ndarray
    p_values: np.ndarray
    z: np.ndarray
    observed: float
    expected: float
    effect: float
    low: float
    high: float
    p_value: float
    pooled_z: float
    n: int
    n_left_out: int
    n_draws: int
    n_resamples: int
    alternative: Alternative
    images: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN, without the values of the images."""
        numbers = ("observed", "expected", "effect", "low", "high", "p_value", "pooled_z")
        counts = ("n", "n_left_out", "n_draws", "n_resamples", "alternative")
        found = {name: finite(getattr(self, name)) for name in ("null", "statistic", *numbers, *counts)}
        return found | {"sentence": self.sentence}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row an image."""
        import pandas as pd

        return pd.DataFrame(
            {"image": self.images, self.statistic: self.values, "z": self.z, "p_value": self.p_values}
        )

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        against, limits = NULLS[self.null]
        if not self.n:
            return f"Nothing was tested: no image has two maps that vary. {limits}"
        draws = draws_of(self.n_draws) + " an image" if self.n_draws else "analytic"
        pooled = draws_of(self.n_resamples) if self.n_resamples else "normal approximation"
        left_out = f" ({self.n_left_out} without two maps that vary left out)" if self.n_left_out else ""
        rejected = int((self.p_values <= 0.05).sum())
        return (
            f"{self.statistic}: mean {number(self.observed)}, expected {number(self.expected)}, difference "
            f"{with_interval(self)}, p = {self.p_value:.3g} ({self.alternative}, {pooled}); {rejected} of "
            f"{self.n} images have p <= 0.05 by themselves. Tested against {against} ({draws}), conditional "
            f"on the maps of these images{left_out}. {limits}"
        )


def pooled(
    null: Null,
    statistic: str,
    values: np.ndarray,
    p_values: np.ndarray,
    expected: np.ndarray,
    sd: np.ndarray,
    images: np.ndarray,
    *,
    n_left_out: int,
    n_draws: int,
    n_resamples: int = 0,
    p_value: float | None = None,
    alternative: Alternative = "two-sided",
    seed: int = 0,
    confidence: float = 0.95,
) -> MapTest:
    """A `MapTest` from each image's value, p, and mean and standard deviation of its null.

    Without a `p_value` of the mean over images it is the normal one of `pooled_z`.
    """
    n, nan = len(values), math.nan
    interval = bootstrap_mean(values - expected, seed, confidence=confidence)
    spread = math.sqrt(float((sd**2).sum())) / n if n else 0.0
    z = float((values - expected).mean()) / spread if spread > 0 else nan
    return MapTest(
        null=null,
        statistic=statistic,
        values=values,
        p_values=p_values,
        z=np.asarray((values - expected) / np.where(sd > 0, sd, np.nan)),
        observed=float(values.mean()) if n else nan,
        expected=float(expected.mean()) if n else nan,
        effect=interval.value,
        low=interval.low,
        high=interval.high,
        p_value=float(normal_p_values(np.asarray(z), alternative)) if p_value is None else p_value,
        pooled_z=z,
        n=n,
        n_left_out=n_left_out,
        n_draws=n_draws,
        n_resamples=n_resamples,
        alternative=alternative,
        images=images,
    )


def varying(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Which images have two maps that vary, int64; refuses what is no pair of finite stacks of maps."""
    a, b = np.asarray(a), np.asarray(b)
    if a.ndim != 3 or a.shape != b.shape:
        raise InputError(f"maps must be two stacks (N, H, W) alike, got {a.shape} and {b.shape}.")
    if a.size == 0:
        return np.zeros(0, np.int64)
    varies = np.ones(len(a), bool)
    for maps in (a, b):
        low, high = maps.min((1, 2)), maps.max((1, 2))
        if not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise InputError("maps must be finite, got NaN or infinity: fill or leave those images out.")
        varies &= low < high
    return np.flatnonzero(varies)
