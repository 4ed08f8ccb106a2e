"""Exceedances of t maps, clusters and enhanced scores under relabelling, counted block by block."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.stats.correction import benjamini_hochberg, benjamini_yekutieli
from spatialstats.stats.inference_result import ClusterRow, MeanMapTest
from spatialstats.stats.relabelled import Null, Options
from spatialstats.stats.relabelling import Draws
from spatialstats.stats.resampling import TIE, Alternative, of_tails, tail
from spatialstats.stats.symmetry import symmetry_of

FORMING_P = 0.001
"""Parametric p of the t that forms clusters, by default."""

WELCH = (
    "t is Welch's, each group with its own variance: the p-values are exact where the groups are distributed "
    "alike, and approximate where only their means are equal, better the more images the smaller group has."
)


def tested(null: Null, effect: np.ndarray, what: str, options: Options) -> MeanMapTest:
    """Test the mean maps, by any of the statistics."""
    t, draws = null.t(), null.draws
    p: np.ndarray | None = None
    labels: np.ndarray | None = None
    rows: tuple[ClusterRow, ...] = ()
    threshold = math.nan
    if options.statistic == "max-t":
        p = tail(_max_t(null, t, options), draws.count)
    elif options.statistic == "tfce":
        p = tail(_tfce(null, t, options), draws.count)
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


def _summed(null: Null, batch: int | None, values: np.ndarray, maxima: Callable[[np.ndarray], np.ndarray]
            ) -> np.ndarray:  # fmt: skip
    counts = np.zeros(values.shape, np.int64)
    for signs in null.draws.blocks(batch):
        counts += reached(maxima(signs), values)
    return counts


def _forming(null: Null, options: Options) -> float:
    if options.threshold is not None:
        return options.threshold
    part = FORMING_P / 2 if options.alternative == "two-sided" else FORMING_P
    freedom = np.asarray(null.freedom)
    known = freedom[np.isfinite(freedom)]
    return float(stats.t.isf(part, np.median(known) if known.size else 1.0))


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
    p = tail(counts, null.draws.count)
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
        upper, lower = tail(above, null.draws.count), tail(below, null.draws.count)
    return of_tails(upper, lower, options.alternative)


def _false_discoveries(null: Null, t: np.ndarray, options: Options) -> np.ndarray:
    p = _pixel_p(null, t, options)
    # a pixel at which no image differs is no test
    p[(null.maps == null.maps[0]).all(0) & (t == 0)] = np.nan
    correct = benjamini_hochberg if options.statistic == "fdr-bh" else benjamini_yekutieli
    adjusted = correct(p.ravel()).reshape(t.shape)
    return np.where(np.isnan(adjusted), 1.0, adjusted)
