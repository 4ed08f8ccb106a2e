"""Exceedances of t maps, clusters and enhanced scores under relabelling, counted block by block."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.correction import benjamini_hochberg, benjamini_yekutieli
from spatialstats.stats.inference_result import ClusterRow, MeanMapTest, Statistic
from spatialstats.stats.relabelling import Draws
from spatialstats.stats.resampling import TIE, Alternative
from spatialstats.stats.symmetry import symmetry_of
from spatialstats.stats.welch import welch_freedom, welch_t

FORMING_P = 0.001
"""Parametric p of the t that forms clusters, by default."""


WELCH = (
    "t is Welch's, each group with its own variance: the p-values are exact where the groups are distributed "
    "alike, and approximate where only their means are equal, better the more images the smaller group has."
)


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


def tested(null: Null, effect: np.ndarray, what: str, options: Options) -> MeanMapTest:
    """Test the mean maps, by any of the statistics."""
    t, draws = null.t(), null.draws
    p: np.ndarray | None = None
    labels: np.ndarray | None = None
    rows: tuple[ClusterRow, ...] = ()
    threshold = math.nan
    if options.statistic == "max-t":
        p = _share(_max_t(null, t, options), draws.count)
    elif options.statistic == "tfce":
        p = _share(_tfce(null, t, options), draws.count)
    elif options.statistic.startswith("fdr"):
        p = _false_discoveries(null, t, options)
    else:
        threshold = _forming(null, options)
        labels, rows = _clusters(null, t, threshold, options)
    one = null.design == "one-sample"
    first = len(null.maps) if one else draws.n_first
    return MeanMapTest(
        what=what,
        design="sign-flip" if one else "two-sample",
        statistic=options.statistic,
        alternative=options.alternative,
        effect=effect,
        t=t,
        p=p,
        labels=labels,
        clusters=rows,
        threshold=threshold,
        n=first,
        n_second=len(null.maps) - first,
        n_resamples=0 if options.parametric else draws.count,
        exact=draws.exact and not options.parametric,
        alpha=options.alpha,
        symmetry=symmetry_of(null.maps) if one else None,
        note=" ".join(
            note for note in ("" if one else _exchangeable(null), _reach(t, draws, options)) if note
        ),
    )


def _exchangeable(null: Null) -> str:
    """A warning where groups of unequal size vary unequally, or what Welch's t is for, or nothing."""
    if null.welch:
        return WELCH
    first = null.draws.n_first
    a, b = null.maps[:first], null.maps[first:]
    if min(len(a), len(b)) < 2 or max(len(a), len(b)) < 1.5 * min(len(a), len(b)):
        return ""
    ratio = float(np.mean(a.var(0, ddof=1))) / max(float(np.mean(b.var(0, ddof=1))), 1e-300)
    if 1 / 1.5 <= ratio <= 1.5:
        return ""
    return (
        f"WARNING: the groups are of unequal size ({len(a)} and {len(b)}) and vary unequally (variances "
        f"{ratio:.2g} : 1); permuted labels then test whether the groups' maps are distributed alike, "
        "spread included, not only their means: variances='unequal' takes Welch's t."
    )


def _reach(t: np.ndarray, draws: Draws, options: Options) -> str:
    """A note where too few draws keep any single pixel from a small false discovery rate, or nothing."""
    smallest = (2 if options.alternative == "two-sided" else 1) / (draws.count + 1) * t.size
    if not options.statistic.startswith("fdr") or options.parametric or smallest <= options.alpha:
        return ""
    return (
        f"With so few draws for {t.size:,} pixels a pixel by itself cannot reach {100 * options.alpha:g} %: "
        "take more draws, or parametric p-values."
    )


def _sided(t: np.ndarray, alternative: Alternative) -> np.ndarray:
    return np.asarray({"two-sided": np.abs, "greater": np.positive, "less": np.negative}[alternative](t))


def reached(maxima: np.ndarray, values: np.ndarray) -> np.ndarray:
    """How many maxima reach each value, ties within 1e-12 of it counted."""
    ordered = np.sort(maxima)
    tie = TIE * np.abs(np.where(np.isfinite(values), values, 0.0))
    below = np.searchsorted(ordered, (values - tie).ravel(), side="left")
    return np.asarray(maxima.size - below, np.int64).reshape(values.shape)


def _share(counts: np.ndarray, n_resamples: int) -> np.ndarray:
    return np.asarray((counts + 1) / (n_resamples + 1), np.float64)


def _summed(null: Null, batch: int | None, values: np.ndarray, maxima: Callable[[np.ndarray], np.ndarray]
            ) -> np.ndarray:  # fmt: skip
    counts = np.zeros(values.shape, np.int64)
    for signs in null.draws.blocks(batch):
        counts += reached(maxima(signs), values)
    return counts


def _forming(null: Null, options: Options) -> float:
    if options.threshold is not None:
        return options.threshold
    tail = FORMING_P / 2 if options.alternative == "two-sided" else FORMING_P
    freedom = np.asarray(null.freedom)
    known = freedom[np.isfinite(freedom)]
    return float(stats.t.isf(tail, np.median(known) if known.size else 1.0))


def _max_t(null: Null, t: np.ndarray, options: Options) -> np.ndarray:
    threshold = _forming(null, options)
    return _summed(
        null, options.batch, _sided(t, options.alternative),
        lambda signs: null.maxima(signs, threshold, options).t,
    )  # fmt: skip


def _tfce(null: Null, t: np.ndarray, options: Options) -> np.ndarray:
    how = kernels.Enhancement(connectivity=options.connectivity, alternative=options.alternative)
    try:
        scores = np.abs(kernels.tfce(t[None], how)[0])
        return _summed(
            null, options.batch, scores,
            lambda signs: null.enhanced(signs, how),
        )  # fmt: skip
    except ValueError as error:
        raise InputError(
            f"these maps have no TFCE, which adds up heights of t ({error}): a pixel has too large a t, as "
            "one without variance has; use statistic='max-t', or leave such pixels out."
        ) from error


def _clusters(
    null: Null, t: np.ndarray, threshold: float, options: Options
) -> tuple[np.ndarray, tuple[ClusterRow, ...]]:
    found = kernels.clusters(
        t[None], threshold, connectivity=options.connectivity, alternative=options.alternative
    )
    extent = options.statistic == "cluster-extent"
    sizes = found.extent.astype(np.float64) if extent else found.mass
    counts = _summed(
        null, options.batch, sizes,
        lambda signs: np.asarray(_size(null.maxima(signs, threshold, options), extent), np.float64),
    )  # fmt: skip
    p = _share(counts, null.draws.count)
    rows = []
    for at, label in enumerate(found.label):
        inside = np.where(found.labels[0] == label, np.abs(t), -1.0)
        row, column = np.unravel_index(int(inside.argmax()), t.shape)
        rows.append(
            ClusterRow(
                int(label), int(found.sign[at]), int(found.extent[at]), float(found.mass[at]),
                float(t[row, column]), int(row), int(column), float(p[at]),
            )
        )  # fmt: skip
    return found.labels[0], tuple(rows)


def _size(maxima: kernels.ClusterMaxima, extent: bool) -> np.ndarray:
    held: np.ndarray = maxima.extent if extent else maxima.mass
    return held


def _pixel_p(null: Null, t: np.ndarray, options: Options) -> np.ndarray:
    """p-values that are not corrected: of permutations, or Student's."""
    if options.parametric:
        upper, lower = stats.t.sf(t, null.freedom), stats.t.cdf(t, null.freedom)
    else:
        tie = TIE * np.abs(np.where(np.isfinite(t), t, 0.0))
        above, below = np.zeros(t.shape, np.int64), np.zeros(t.shape, np.int64)
        size = options.batch or max(1, min(1024, (1 << 22) // t.size))
        for signs in null.draws.blocks(size):
            drawn = null.t_of(signs)
            above += (drawn >= t - tie).sum(0)
            below += (drawn <= t + tie).sum(0)
        upper, lower = _share(above, null.draws.count), _share(below, null.draws.count)
    tails = {"two-sided": 2 * np.minimum(upper, lower), "greater": upper, "less": lower}
    return np.asarray(np.minimum(1.0, tails[options.alternative]))


def _false_discoveries(null: Null, t: np.ndarray, options: Options) -> np.ndarray:
    p = _pixel_p(null, t, options)
    # a pixel at which no image differs is no test
    p[(null.maps == null.maps[0]).all(0) & (t == 0)] = np.nan
    correct = benjamini_hochberg if options.statistic == "fdr-bh" else benjamini_yekutieli
    adjusted = correct(p.ravel()).reshape(t.shape)
    return np.where(np.isnan(adjusted), 1.0, adjusted)
