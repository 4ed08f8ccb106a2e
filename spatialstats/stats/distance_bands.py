"""Correlogram: Moran's I in bands of distance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.errors import InputError
from spatialstats.kernels import Lattice
from spatialstats.stats.autocorrelation import morans_i
from spatialstats.stats.autocorrelation_result import LIMITS, Autocorrelation
from spatialstats.stats.correction import holm
from spatialstats.stats.lattices import Weights, stack_of
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.wording import draws_of, number

if TYPE_CHECKING:
    import pandas as pd

N_BANDS = 10


@dataclass(frozen=True)
class Correlogram:
    """Moran's I of each map in each band of distance.

    Parameters
    ----------
    edges : tuple of float
        B + 1 distances in pixels: band b reaches from beyond edge b to edge b + 1.
    bands : tuple of Autocorrelation
        One a band, all with the same draws.
    """

    edges: tuple[float, ...]
    bands: tuple[Autocorrelation, ...]

    @property
    def values(self) -> np.ndarray:
        """Moran's I, float64 (N, B)."""
        return np.stack([band.values for band in self.bands], axis=1)

    @property
    def p_values(self) -> np.ndarray:
        """Permutation p-values, float64 (N, B), each band by itself."""
        return np.stack([band.p_values for band in self.bands], axis=1)

    @property
    def p_adjusted(self) -> np.ndarray:
        """Holm's adjusted p-values over the bands of a map, float64 (N, B)."""
        return np.stack([holm(p) for p in self.p_values])

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each map and band."""
        import pandas as pd

        adjusted = self.p_adjusted.T
        parts = [
            band.to_frame().assign(beyond=low, up_to=high, p_adjusted=p)
            for low, high, band, p in zip(self.edges, self.edges[1:], self.bands, adjusted, strict=False)
        ]
        return pd.concat(parts, ignore_index=True).sort_values(["map", "beyond"], ignore_index=True)

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON, None in place of NaN."""
        parts = [band.to_dict() for band in self.bands]
        return {"edges": list(self.edges), "bands": parts, "sentence": self.sentence}

    @property
    def sentence(self) -> str:
        """What was tested, against what, and what it does not mean."""
        first = self.bands[0]
        tested = np.flatnonzero(np.isfinite(self.values).any(axis=1))
        if not tested.size:
            return f"{first.finding}. {LIMITS}"
        means = np.ma.masked_invalid(self.values[tested]).mean(axis=0).filled(np.nan)
        whose = "" if tested.size == 1 else f", means of {tested.size} maps"
        found = ", ".join(
            f"{number(m)} up to {high:g}" for m, high in zip(means, self.edges[1:], strict=True)
        )
        draws = f"{first.alternative}, {draws_of(first.n_resamples)} shared by the bands; adjusted by Holm"
        return (
            f"Moran's I by distance in pixels{whose}: {found} ({draws}). Tested against all arrangements of "
            "a map's values over its pixels being equally likely, conditional on those values: not against "
            f"a shorter reach, so a band with a small p may only follow from nearer ones. {LIMITS}"
        )


def correlogram(
    maps: np.ndarray,
    edges: Sequence[float] | None = None,
    *,
    weights: Weights = "row",
    mask: np.ndarray | None = None,
    torus: bool = False,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> Correlogram:
    """Moran's I of pixels as far apart as each band says.

    Parameters
    ----------
    maps : numpy.ndarray
        (H, W) or (N, H, W); NaN where a pixel is missing.
    edges : sequence of float, optional
        Rising distances in pixels; 0, 1, 2, ... up to 10 or half the shorter side without it.
    weights : {"row", "binary"}
        1 / (number of pixels in the band), or 1.
    mask : numpy.ndarray, optional
        bool (H, W) or (N, H, W): where pixels are valid.
    torus : bool
        Whether the first row and column follow the last; every edge below half the shorter side then.
    n_resamples, seed, alternative
        As for `spatialstats.stats.morans_i`.

    Returns
    -------
    Correlogram

    References
    ----------
    A. D. Cliff, J. K. Ord, *Spatial processes: models and applications*, 1981, chapter 5.
    """
    shape = stack_of(maps, mask)[0].shape[1:]
    bounds = rising(edges, shape)
    bands = []
    for low, high in pairwise(bounds):
        try:
            lattice = Lattice.distance_band(
                shape, high, beyond=low, row_standardised=weights == "row", torus=torus
            )
        except ValueError as error:
            raise InputError(
                f"the band from {low:g} to {high:g} pixels does not fit maps of {shape}: {error}"
            ) from error
        bands.append(
            morans_i(
                maps,
                lattice,
                weights=weights,
                mask=mask,
                n_resamples=n_resamples,
                seed=seed,
                alternative=alternative,
            )
        )
    return Correlogram(bounds, tuple(bands))


def rising(edges: Sequence[float] | None, shape: tuple[int, ...]) -> tuple[float, ...]:
    """Edges of bands of distance, checked, or those that suit maps of a shape."""
    if edges is None:
        most = min(N_BANDS, max(1, (min(shape) - 1) // 2))
        return tuple(float(edge) for edge in range(most + 1))
    bounds = tuple(float(edge) for edge in edges)
    steps = np.diff(bounds)
    if len(bounds) < 2 or bounds[0] < 0 or not (np.isfinite(bounds).all() and (steps > 0).all()):
        raise InputError(f"edges must be at least two rising distances from 0 on, got {list(edges)}.")
    return bounds
