"""Statistics: intervals for what is counted and averaged, tests of co-location."""

from __future__ import annotations

from spatialstats.stats.colocation import SwapTest, swap_test
from spatialstats.stats.intervals import (
    Interval,
    bootstrap_mean,
    mean_interval,
    paired_difference,
    ratio_interval,
    wilson,
)

__all__ = [
    "Interval",
    "SwapTest",
    "bootstrap_mean",
    "mean_interval",
    "paired_difference",
    "ratio_interval",
    "swap_test",
    "wilson",
]
