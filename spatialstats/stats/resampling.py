"""What all resampling tests share: alternatives, ties, p-values, and one bootstrap for many effects."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from spatialstats.errors import InputError, unknown
from spatialstats.stats.intervals import BOOTSTRAP, Interval, resamples, tails

Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
TIE = 1e-12  # relative: sums of the same terms in another order count as equal
N_BOOTSTRAP = 2000
SIDES = {"two-sided": "differ", "greater": "are larger", "less": "are smaller"}


def checked(alternative: str, n_resamples: int) -> None:
    """Refuse an alternative that there is not, and a negative number of draws."""
    if alternative not in ALTERNATIVES:
        raise unknown("alternative", alternative, ALTERNATIVES)
    if n_resamples < 0:
        raise InputError(f"n_resamples must be at least 0, got {n_resamples}: use 9999 or more for p-values.")


def worth_squaring(n: int, n_resamples: int) -> bool:
    """Whether Hoeffding's exact variance over all n^2 pairs costs no more than about the n draws of pairs."""
    return n <= max(2048, 2 * n_resamples)


def spread(exact: float, null: np.ndarray) -> float:
    """Standard deviation of a null around its known mean 0: the exact one, or else that of the draws."""
    if math.isfinite(exact) or not null.size:
        return exact
    return math.sqrt(float((null**2).mean()))


def exceedances(null: np.ndarray, observed: float, scale: float = 1.0) -> tuple[int, int]:
    """How many draws lie at or above, and at or below, the observed value.

    Parameters
    ----------
    null : numpy.ndarray
        The draws.
    observed : float
        The statistic of the data.
    scale : float
        Size of the terms that were summed: draws within 1e-12 of it count on both sides.
    """
    tie = TIE * max(scale, abs(observed))
    return int((null >= observed - tie).sum()), int((null <= observed + tie).sum())


def p_value(n_greater: int, n_less: int, n_resamples: int, alternative: Alternative = "two-sided") -> float:
    """Permutation p-value from exceedance counts, the observed arrangement counted as one more.

    Parameters
    ----------
    n_greater, n_less : int
        Resamples at or above, at or below the observed value.
    n_resamples : int
        How many there were.
    alternative : {"two-sided", "greater", "less"}
        Two-sided is twice the smaller one-sided value, at most 1.

    References
    ----------
    B. Phipson, G. K. Smyth, *Permutation p-values should never be zero*, Statistical
    Applications in Genetics and Molecular Biology 9, 2010.
    """
    greater, less = (n_greater + 1) / (n_resamples + 1), (n_less + 1) / (n_resamples + 1)
    if alternative == "two-sided":
        return min(1.0, 2 * min(greater, less))
    return greater if alternative == "greater" else less


def bootstrap_columns(
    columns: np.ndarray, seed: int, n_resamples: int = N_BOOTSTRAP, *, confidence: float = 0.95
) -> tuple[Interval, ...]:
    """Means of several values of the same images, each with an interval, from one bootstrap.

    Every draw resamples the images once for all columns, so that intervals of effects and of
    their differences belong together.

    Parameters
    ----------
    columns : numpy.ndarray
        (n, K): K values of each image.
    seed, n_resamples, confidence
        As for `spatialstats.stats.intervals.bootstrap_mean`, whose interval this is.

    Returns
    -------
    tuple of Interval
        One a column; the ends are NaN with fewer than two images.
    """
    columns = np.asarray(columns, np.float64)
    n, width = columns.shape
    if not np.isfinite(columns).all():
        raise InputError("the bootstrap needs finite values, got NaN or infinity: leave those images out.")
    if n < 2:
        value = columns[0] if n else np.full(width, math.nan)
        return tuple(Interval(float(v), math.nan, math.nan, n, BOOTSTRAP) for v in value)
    means = []
    for rows in resamples(n, seed, n_resamples):
        places = rows + n * np.arange(len(rows))[:, None]
        counts = np.bincount(places.ravel(), minlength=n * len(rows)).reshape(len(rows), n)
        # einsum adds in one fixed order; a BLAS may change its own with the number of threads.
        means.append(np.einsum("bn,nk->bk", counts.astype(np.float64), columns) / n)
    low, high = np.quantile(np.concatenate(means), tails(confidence, n), axis=0)
    return tuple(
        Interval(float(v), float(lo), float(hi), n, BOOTSTRAP)
        for v, lo, hi in zip(columns.mean(0), low, high, strict=True)
    )
