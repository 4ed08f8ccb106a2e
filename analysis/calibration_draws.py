"""How much the calibration draws, and what its columns hold: p-values by the name of the test.

An interval or a confidence set gives 0 where it misses the truth and 1 where it holds it, so that all
are counted alike.  Draws are few where they are dear: a permutation test holds its level with any number.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import numpy as np

from spatialstats import stats
from spatialstats.stats import map_test, swap

MANY, SOME, FEW, NONE = 199, 99, 39, 0
"""Draws: all attain 5 % exactly where p is one-sided, 199 and 39 where it is two-sided."""

FORMING = 2.5
PAIRED, FIRST, EXPLORED, INSIDE, PLACED = 20, 12, 16, 12, 24
"""Images of the tests that take fewer than all."""

Found = dict[str, float]


@contextmanager
def p_values_alone() -> Iterator[None]:
    """Leaves out the bootstrap of intervals that nobody looks at here; no p-value depends on it."""

    def none(values: np.ndarray, *_: object, **__: object) -> stats.Interval:
        mean = float(values.mean()) if len(values) else math.nan
        return stats.Interval(mean, math.nan, math.nan, len(values), "none")

    def no_columns(columns: np.ndarray, *_: object, **__: object) -> tuple[stats.Interval, ...]:
        return tuple(none(column) for column in columns.T)

    with (
        mock.patch.object(map_test, "bootstrap_mean", none),
        mock.patch.object(swap, "bootstrap_columns", no_columns),
    ):
        yield


def interval_holds(low: float, high: float, truth: float) -> float:
    return float(low <= truth <= high) if math.isfinite(low) else math.nan
