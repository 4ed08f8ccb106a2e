"""Maps and their relabellings: observed t maps, drawn ones, and the largest statistics of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from spatialstats import kernels
from spatialstats.stats.inference_result import Statistic
from spatialstats.stats.relabelling import Draws
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.welch import welch_freedom, welch_t


@dataclass(frozen=True)
class Options:
    """How a test of mean maps is made; the names are those of `paired_test`."""

    statistic: Statistic
    alternative: Alternative
    threshold: float | None
    connectivity: int
    parametric: bool
    alpha: float
    batch: int | None


@dataclass(frozen=True)
class Null:
    """Maps (N, H, W) float64, what was done with them, and its relabellings."""

    maps: np.ndarray
    design: Literal["one-sample", "two-sample"]
    draws: Draws
    welch: bool = False

    @property
    def freedom(self) -> float | np.ndarray:
        """Degrees of freedom of t; of Welch's in each pixel, NaN where nothing varies."""
        if self.welch:
            return welch_freedom(self.maps[: self.draws.n_first], self.maps[self.draws.n_first :])
        return len(self.maps) - (1 if self.design == "one-sample" else 2)

    def t(self) -> np.ndarray:
        """The observed t map, float64 (H, W)."""
        return np.asarray(self.t_of(self.draws.observed[None])[0])

    def t_of(self, signs: np.ndarray) -> np.ndarray:
        """The t maps of some relabellings, float64 (K, H, W)."""
        if self.welch:
            return welch_t(self.maps, signs)
        held: np.ndarray = kernels.t_maps(self.maps, signs, design=self.design)
        return held

    def maxima(self, signs: np.ndarray, threshold: float, options: Options) -> kernels.ClusterMaxima:
        """The largest cluster statistics of some relabellings."""
        if self.welch:
            return kernels.cluster_maxima(
                self.t_of(signs), threshold, connectivity=options.connectivity,
                alternative=options.alternative,
            )  # fmt: skip
        return kernels.cluster_null(
            self.maps, signs, threshold, design=self.design, connectivity=options.connectivity,
            alternative=options.alternative,
        )  # fmt: skip

    def enhanced(self, signs: np.ndarray, how: kernels.Enhancement) -> np.ndarray:
        """The largest enhanced scores of some relabellings, float64 (K,)."""
        if self.welch:
            return np.asarray(kernels.tfce_maxima(self.t_of(signs), how))
        return np.asarray(kernels.tfce_null(self.maps, signs, how, design=self.design))
