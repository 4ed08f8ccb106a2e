"""Many statistics of co-location on the same images: one is primary, all others are exploratory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import ndimage

from spatialstats import kernels
from spatialstats.errors import InputError, unknown
from spatialstats.stats import map_statistics as of_maps
from spatialstats.stats.lift import Lift
from spatialstats.stats.mask_overlap import MASK_STATISTICS, MONOTONE, MaskPairs
from spatialstats.stats.neighbours import neighbour_means
from spatialstats.stats.pair_sums import Pairs
from spatialstats.stats.pair_table import Table, refuse_many
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.swap import family
from spatialstats.stats.swap_result import SwapFamily

if TYPE_CHECKING:
    import pandas as pd

PRIMARY = "overlap lift"
MANY = "statistic"  # what a family of several statistics calls what it measures
K_RADIUS = 2
Maps = np.ndarray


def _weighted_jaccard(a: Maps, b: Maps) -> Table:
    refuse_many(len(a))
    first, second = of_maps.non_negative(a), of_maps.non_negative(b)
    both = np.array([np.minimum(one, second).sum((1, 2)) for one in first])
    return Table(both / (first.sum((1, 2))[:, None] + second.sum((1, 2)) - both))


MAP_STATISTICS: dict[str, Callable[[Maps, Maps], Table]] = {
    "Pearson": lambda a, b: Table.of_products(of_maps.standardised(a), of_maps.standardised(b)),
    "Spearman": lambda a, b: Table.of_products(
        of_maps.standardised(of_maps.ranks(a)), of_maps.standardised(of_maps.ranks(b))
    ),
    "Lee's L": lambda a, b: Table.of_products(
        neighbour_means(of_maps.standardised(a)), neighbour_means(of_maps.standardised(b))
    ),
    "bivariate Moran": lambda a, b: Table.of_products(
        of_maps.standardised(a), neighbour_means(of_maps.standardised(b))
    ),
    "Manders overlap of maps": lambda a, b: Table.of_products(of_maps.unit(a), of_maps.unit(b)),
    "weighted Jaccard": _weighted_jaccard,
}
"""Statistics of maps of values, of all pairs at once; the last two need maps that are nowhere negative."""


@dataclass(frozen=True)
class Exploration:
    """Statistics beside the primary one, each against swapped images.

    Parameters
    ----------
    family : SwapFamily
        One test a statistic, all under the same permutations.
    """

    family: SwapFamily

    @property
    def sentence(self) -> str:
        """What these numbers are for, then what was tested."""
        monotone = f" {MONOTONE}" if self.family.statistic in (MANY, *MASK_STATISTICS) else ""
        return (
            f"Exploratory: the one primary statistic is {PRIMARY}, named before the run; all others are "
            f"shown to be looked at, not to be chosen from.{monotone} {self.family.sentence}"
        )

    def to_dict(self) -> dict[str, Any]:
        """Ready for JSON; each row says whether it is primary or exploratory."""
        found = self.family.to_dict() | {"sentence": self.sentence}
        return found | {"rows": [row | {"role": _role(row["test"])} for row in found["rows"]]}

    def to_frame(self) -> pd.DataFrame:
        """A pandas table with one row for each statistic and stratum."""
        frame = self.family.to_frame()
        frame.insert(1, "role", [_role(row.test) for row in self.family.rows])
        return frame


def explore(
    roi: np.ndarray,
    roa: np.ndarray,
    *,
    importance: np.ndarray | None = None,
    attack: np.ndarray | None = None,
    classes: np.ndarray | None = None,
    n_resamples: int = 999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
) -> Exploration:
    """Every statistic of masks, and of maps where given, each against swapped images.

    Parameters
    ----------
    roi, roa : numpy.ndarray
        bool (N, H, W); images with an empty or full mask are left out.
    importance, attack : numpy.ndarray, optional
        Maps (N, H, W), at most 4,096 images: adds `MAP_STATISTICS`.  Those that need
        non-negative maps are left out where a map is negative somewhere.
    classes, n_resamples, seed, alternative
        As for `spatialstats.stats.swap.swap_family`.

    Returns
    -------
    Exploration
        With p-values adjusted over all statistics by step-down max-T.
    """
    roi, roa = np.asarray(roi, bool), np.asarray(roa, bool)
    if roi.shape != roa.shape or roi.ndim != 3:
        raise InputError(f"RoI and RoA must be masks (N, H, W) alike, got {roi.shape} and {roa.shape}.")
    if (importance is None) != (attack is None):
        raise InputError(
            "statistics of maps need both the importance and the attack maps: give both or none."
        )
    for maps in (importance, attack):
        if maps is not None and maps.shape != roi.shape:
            raise InputError(f"maps must have the shape of the masks, {roi.shape}, got {maps.shape}.")
    shares = np.stack([roi.mean((1, 2)), roa.mean((1, 2))])
    there = np.flatnonzero(((shares > 0) & (shares < 1)).all(0))
    if importance is not None and attack is not None:
        importance, attack = importance[there], attack[there]
    return Exploration(
        family(
            MANY,
            _tests(roi[there], roa[there], importance, attack),
            there,
            n_empty=len(roi) - len(there),
            classes=None if classes is None else np.asarray(classes)[there],
            n_resamples=n_resamples,
            seed=seed,
            alternative=alternative,
        )
    )


def map_pairs(name: str, importance: np.ndarray, attack: np.ndarray) -> Table:
    """One of `MAP_STATISTICS` for all pairs of images."""
    if name not in MAP_STATISTICS:
        raise unknown("map statistic", name, MAP_STATISTICS)
    return MAP_STATISTICS[name](importance, attack)


def _tests(
    roi: np.ndarray, roa: np.ndarray, importance: np.ndarray | None, attack: np.ndarray | None
) -> Iterator[tuple[str, Pairs]]:
    n_pixels = roi[:1].size
    packed = kernels.pack(roi), kernels.pack(roa)
    yield PRIMARY, Lift((packed[0],), packed[1], n_pixels)
    for name in MASK_STATISTICS:
        if name != PRIMARY:
            yield name, MaskPairs(name, *packed, n_pixels)
    steps = np.arange(-K_RADIUS, K_RADIUS + 1)
    disc = (np.hypot(steps[:, None], steps) <= K_RADIUS).astype(np.float64)
    near = ndimage.convolve(roa.astype(np.float64), disc[None], mode="constant") / disc.sum()
    areas = [masks.sum((1, 2), keepdims=True) for masks in (roi, roa)]
    yield (
        f"cross-K within {K_RADIUS} pixels",
        Table.of_products(n_pixels * roi / areas[0], near / areas[1]),
    )
    if importance is None or attack is None:
        return
    negative = min(float(importance.min()), float(attack.min())) < 0
    for name in MAP_STATISTICS:
        if not (negative and name in ("Manders overlap of maps", "weighted Jaccard")):
            yield name, map_pairs(name, importance, attack)


def _role(name: str) -> str:
    return "primary" if name == PRIMARY else "exploratory"
