"""Statistics: intervals, and tests of co-location against nulls that say what they hold fixed.

In the order of evidence: `colocation_ladder` (does the attack hit where *this* model looks?),
`swap_family` and `swap_test` (same image or any image?), `control_effects` (the same number where
nothing is looked at), `location_test` (places that were searched), then what is only to be looked at:
`explore`, and the nulls inside one image,
`shift_test`, `phase_test`, `effective_size_test` and, as a contrast, `pixel_permutation_test`.
Mean maps over images: `paired_test`, `sign_flip_test`, `group_test`; where with which confidence:
`confidence_set`, `confidence_difference`; which of two is right more often: `mcnemar_test`.
Autocorrelation of one map: `morans_i`, `gearys_c`, `getis_ord_g`, `join_counts`, `correlogram`, `variogram`;
of two maps, as a contrast: `bivariate_morans_i`;
its description pixel by pixel: `local_morans_i`, `bivariate_local_morans_i`, `local_gearys_c`, `local_g`.
"""

from __future__ import annotations

from spatialstats.stats.autocorrelation import gearys_c, getis_ord_g, morans_i
from spatialstats.stats.autocorrelation_result import Autocorrelation
from spatialstats.stats.bivariate import BivariateMoran, bivariate_morans_i
from spatialstats.stats.colocation import SwapTest, swap_test
from spatialstats.stats.confidence import confidence_difference, confidence_mask, confidence_set
from spatialstats.stats.confidence_result import ConfidenceSet
from spatialstats.stats.controls import control_effects, edge_map
from spatialstats.stats.controls_result import ControlRow, Controls
from spatialstats.stats.correction import benjamini_hochberg, benjamini_yekutieli, holm, max_t
from spatialstats.stats.differences import independent_difference, ratio_difference
from spatialstats.stats.discordant import McNemar, mcnemar_test
from spatialstats.stats.distance_bands import Correlogram, correlogram
from spatialstats.stats.dutilleul import effective_size, effective_size_test
from spatialstats.stats.exploratory import Exploration, explore
from spatialstats.stats.inference import group_test, paired_test, sign_flip_test
from spatialstats.stats.inference_result import ClusterRow, MeanMapTest
from spatialstats.stats.intervals import (
    Interval,
    bootstrap_mean,
    mean_interval,
    paired_difference,
    ratio_interval,
    wilson,
)
from spatialstats.stats.joins import JoinCounts, join_counts
from spatialstats.stats.k_function import cross_k
from spatialstats.stats.ladder import colocation_ladder
from spatialstats.stats.ladder_result import Ladder
from spatialstats.stats.local import bivariate_local_morans_i, local_morans_i
from spatialstats.stats.local_geary import local_gearys_c
from spatialstats.stats.local_getis_ord import local_g
from spatialstats.stats.local_result import LocalAutocorrelation
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
from spatialstats.stats.semivariance import Variogram, variogram
from spatialstats.stats.shifts import shift_correlations, shift_test
from spatialstats.stats.swap import swap_family
from spatialstats.stats.swap_result import SwapFamily, SwapRow

__all__ = [
    "Autocorrelation",
    "BivariateMoran",
    "ClusterRow",
    "ConfidenceSet",
    "ControlRow",
    "Controls",
    "Correlogram",
    "Exploration",
    "Interval",
    "JoinCounts",
    "Ladder",
    "LocalAutocorrelation",
    "LocationTest",
    "MapTest",
    "McNemar",
    "MeanMapTest",
    "Rung",
    "SwapFamily",
    "SwapRow",
    "SwapTest",
    "Variogram",
    "benjamini_hochberg",
    "benjamini_yekutieli",
    "bivariate_local_morans_i",
    "bivariate_moran",
    "bivariate_morans_i",
    "bootstrap_mean",
    "colocation_ladder",
    "confidence_difference",
    "confidence_mask",
    "confidence_set",
    "control_effects",
    "correlogram",
    "cross_k",
    "edge_map",
    "effective_size",
    "effective_size_test",
    "explore",
    "gearys_c",
    "getis_ord_g",
    "group_test",
    "holm",
    "independent_difference",
    "join_counts",
    "lees_l",
    "local_g",
    "local_gearys_c",
    "local_morans_i",
    "location_test",
    "manders",
    "manders_overlap",
    "mask_statistics",
    "max_t",
    "mcnemar_test",
    "mean_interval",
    "morans_i",
    "paired_difference",
    "paired_test",
    "pearson",
    "phase_surrogates",
    "phase_test",
    "pixel_permutation_test",
    "ratio_difference",
    "ratio_interval",
    "shift_correlations",
    "shift_test",
    "sign_flip_test",
    "spearman",
    "swap_family",
    "swap_test",
    "variogram",
    "weighted_jaccard",
    "wilson",
    "window_means",
]
