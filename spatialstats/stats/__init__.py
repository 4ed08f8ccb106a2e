"""Statistics: intervals, and tests of co-location against nulls that say what they hold fixed.

In the order of evidence: `colocation_ladder` (does the attack hit where *this* model looks?),
`swap_family` and `swap_test` (same image or any image?), `location_test` (places that were
searched), then what is only to be looked at: `explore`, and the nulls inside one image,
`shift_test`, `phase_test`, `effective_size_test` and, as a contrast, `pixel_permutation_test`.
"""

from __future__ import annotations

from spatialstats.stats.colocation import SwapTest, swap_test
from spatialstats.stats.controls import edge_map
from spatialstats.stats.correction import benjamini_hochberg, benjamini_yekutieli, holm, max_t
from spatialstats.stats.dutilleul import effective_size, effective_size_test
from spatialstats.stats.exploratory import Exploration, explore
from spatialstats.stats.intervals import (
    Interval,
    bootstrap_mean,
    mean_interval,
    paired_difference,
    ratio_interval,
    wilson,
)
from spatialstats.stats.k_function import cross_k
from spatialstats.stats.ladder import colocation_ladder
from spatialstats.stats.ladder_result import Ladder
from spatialstats.stats.location import LocationTest, location_test, window_means
from spatialstats.stats.map_statistics import (
    bivariate_moran,
    lees_l,
    manders,
    manders_overlap,
    pearson,
    spearman,
    weighted_jaccard,
)
from spatialstats.stats.map_test import MapTest
from spatialstats.stats.mask_overlap import mask_statistics
from spatialstats.stats.phases import phase_surrogates, phase_test
from spatialstats.stats.pixel_permutation import pixel_permutation_test
from spatialstats.stats.rung import Rung
from spatialstats.stats.shifts import shift_correlations, shift_test
from spatialstats.stats.swap import swap_family
from spatialstats.stats.swap_result import SwapFamily, SwapRow

__all__ = [
    "Exploration",
    "Interval",
    "Ladder",
    "LocationTest",
    "MapTest",
    "Rung",
    "SwapFamily",
    "SwapRow",
    "SwapTest",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bivariate_moran",
    "bootstrap_mean",
    "colocation_ladder",
    "cross_k",
    "edge_map",
    "effective_size",
    "effective_size_test",
    "explore",
    "holm",
    "lees_l",
    "location_test",
    "manders",
    "manders_overlap",
    "mask_statistics",
    "max_t",
    "mean_interval",
    "paired_difference",
    "pearson",
    "phase_surrogates",
    "phase_test",
    "pixel_permutation_test",
    "ratio_interval",
    "shift_correlations",
    "shift_test",
    "spearman",
    "swap_family",
    "swap_test",
    "weighted_jaccard",
    "wilson",
    "window_means",
]
