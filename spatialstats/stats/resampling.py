"""What all resampling tests share: alternatives, ties, and p-values from counts."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from spatialstats.errors import InputError, unknown

Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
TIE = 1e-12  # relative: sums of the same terms in another order count as equal
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


def tail(counts: np.ndarray | int, n_resamples: int) -> np.ndarray:
    """Share of the draws in a tail, the observed arrangement counted as one more."""
    return np.asarray((np.asarray(counts) + 1) / (n_resamples + 1), np.float64)


def of_tails(greater: np.ndarray, less: np.ndarray, alternative: Alternative) -> np.ndarray:
    """The p-values of an alternative from both one-sided ones; two-sided is twice the smaller, at most 1."""
    if alternative == "two-sided":
        return np.asarray(np.minimum(1.0, 2 * np.minimum(greater, less)))
    return np.asarray(greater if alternative == "greater" else less)


def p_values(
    n_greater: np.ndarray, n_less: np.ndarray, n_resamples: int, alternative: Alternative = "two-sided"
) -> np.ndarray:
    """Permutation p-values from exceedance counts, the observed arrangement counted as one more.

    Parameters
    ----------
    n_greater, n_less : numpy.ndarray
        Resamples at or above, at or below each observed value.
    n_resamples : int
        How many there were.
    alternative : {"two-sided", "greater", "less"}
        Two-sided is twice the smaller one-sided value, at most 1.

    References
    ----------
    B. Phipson, G. K. Smyth, *Permutation p-values should never be zero*, Statistical
    Applications in Genetics and Molecular Biology 9, 2010.
    """
    return of_tails(tail(n_greater, n_resamples), tail(n_less, n_resamples), alternative)


def p_value(n_greater: int, n_less: int, n_resamples: int, alternative: Alternative = "two-sided") -> float:
    """`p_values` of a single test."""
    return float(p_values(np.asarray(n_greater), np.asarray(n_less), n_resamples, alternative))
