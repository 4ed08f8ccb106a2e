"""Corrections for many tests: step-down max-T, Holm, Benjamini-Hochberg, Benjamini-Yekutieli."""

from __future__ import annotations

import numpy as np

from spatialstats.errors import InputError
from spatialstats.stats.resampling import TIE, Alternative, checked


def max_t(observed: np.ndarray, draws: np.ndarray, alternative: Alternative = "two-sided") -> np.ndarray:
    """Step-down max-T p-values: familywise error held under any dependence of the tests.

    Parameters
    ----------
    observed : numpy.ndarray
        (T,) statistics on one scale, such as z with the exact mean and standard deviation of the
        null; NaN where a test cannot be made, which gets NaN back and does not count.
    draws : numpy.ndarray
        (n, T) the same statistics under n draws of a null that was drawn once for all tests.
    alternative : {"two-sided", "greater", "less"}
        Two-sided takes absolute values.

    Returns
    -------
    numpy.ndarray
        float64 (T,): (count + 1) / (n + 1) of draws whose maximum over this test and all tests
        with smaller statistics reaches the observed one, made monotone.

    References
    ----------
    P. H. Westfall, S. S. Young, *Resampling-Based Multiple Testing*, Wiley, 1993, algorithm 4.1.
    """
    checked(alternative, 0)
    observed, draws = np.asarray(observed, np.float64), np.asarray(draws, np.float64)
    if observed.ndim != 1 or draws.ndim != 2 or draws.shape[1] != observed.size:
        raise InputError(
            f"max-T needs (T,) statistics and (n, T) draws, got {observed.shape} and {draws.shape}."
        )
    side = {"two-sided": np.abs, "greater": np.positive, "less": np.negative}[alternative]
    found, drawn = side(observed), side(draws)
    adjusted = np.full(observed.size, np.nan)
    tests = np.flatnonzero(np.isfinite(observed))
    largest = np.full(len(draws), -np.inf)
    for test in tests[np.argsort(found[tests], kind="stable")]:  # from the least significant up
        largest = np.maximum(largest, drawn[:, test])
        tie = TIE * max(1.0, abs(found[test]))
        adjusted[test] = ((largest >= found[test] - tie).sum() + 1) / (len(draws) + 1)
    order = tests[np.argsort(-found[tests], kind="stable")]
    adjusted[order] = np.maximum.accumulate(adjusted[order])
    return adjusted


def holm(p_values: np.ndarray) -> np.ndarray:
    """Holm's step-down adjusted p-values: familywise error, any dependence.

    Parameters
    ----------
    p_values : numpy.ndarray
        (T,); NaN stands for a test that was not made and does not count.

    References
    ----------
    S. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian Journal of
    Statistics 6, 1979.
    """
    adjusted, at, p, rank = _sorted(p_values)
    adjusted[at] = np.minimum(1, np.maximum.accumulate(p * (p.size + 1 - rank)))
    return adjusted


def benjamini_hochberg(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values of the false discovery rate, for independent or positively dependent tests.

    Parameters
    ----------
    p_values : numpy.ndarray
        (T,); NaN stands for a test that was not made and does not count.

    References
    ----------
    Y. Benjamini, Y. Hochberg, *Controlling the false discovery rate*, Journal of the Royal
    Statistical Society B 57, 1995.
    """
    adjusted, at, p, rank = _sorted(p_values)
    adjusted[at] = np.minimum(1, np.minimum.accumulate((p * p.size / rank)[::-1])[::-1])
    return adjusted


def benjamini_yekutieli(p_values: np.ndarray) -> np.ndarray:
    """Adjusted p-values of the false discovery rate under any dependence of the tests.

    Parameters
    ----------
    p_values : numpy.ndarray
        (T,); NaN stands for a test that was not made and does not count.

    References
    ----------
    Y. Benjamini, D. Yekutieli, *The control of the false discovery rate in multiple testing
    under dependency*, Annals of Statistics 29, 2001.
    """
    adjusted, at, p, rank = _sorted(p_values)
    harmonic = (1 / rank).sum()
    adjusted[at] = np.minimum(1, np.minimum.accumulate((p * p.size * harmonic / rank)[::-1])[::-1])
    return adjusted


def _sorted(p_values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """A place for the answer, where the sorted p-values come from, these, and their ranks from 1."""
    p = np.asarray(p_values, np.float64)
    made = np.isfinite(p)
    if p.ndim != 1 or (p[made] < 0).any() or (p[made] > 1).any():
        raise InputError(f"p-values must be one list of numbers in [0, 1], got shape {p.shape} or others.")
    at = np.flatnonzero(made)[np.argsort(p[made], kind="stable")]
    return np.full(p.size, np.nan), at, p[at], np.arange(1, at.size + 1)
