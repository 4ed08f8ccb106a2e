"""Tests of mean maps over images: paired contrasts by sign-flips, two groups by relabelling."""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from spatialstats.errors import InputError, unknown
from spatialstats.stats.inference_result import STATISTICS, MeanMapTest, Statistic
from spatialstats.stats.mean_map_nulls import tested
from spatialstats.stats.relabelled import Null, Options
from spatialstats.stats.relabelling import relabellings_of, sign_flips_of
from spatialstats.stats.resampling import Alternative, checked

Variances = Literal["pooled", "unequal"]
VARIANCES = ("pooled", "unequal")

ONE_SIGN = (
    "sign-flipping needs differences that are symmetric around 0 without an effect, and these maps are all "
    "{sign}: raw maps are refused, since skewed ones, such as lognormal maps, are called significant in "
    ".6 to .9 of cases without an effect even where they are centred at their true mean; take a paired "
    "contrast of the same images, paired_test(a, b): attack A - B, own - other model, attack - noise."
)


def paired_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    statistic: Statistic = "max-t",
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    threshold: float | None = None,
    connectivity: int = 1,
    parametric: bool = False,
    alpha: float = 0.05,
    batch: int | None = None,
    names: tuple[str, str] = ("A", "B"),
) -> MeanMapTest:
    """Test where the mean maps of two conditions of the same images differ.

    Under the null the two conditions of an image could be exchanged, so that the difference is
    symmetric: attack A and attack B, own model and another model, attack and equal-budget noise.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W) maps or masks of the same images in the same order.
    statistic : {"max-t", "cluster-extent", "cluster-mass", "tfce", "fdr-bh", "fdr-by"}
        What is corrected over the map, and how.  The first four hold the familywise error.
    n_resamples, seed : int
        Sign-flips; draw k is a pure function of (seed, k).  Where all sign-flips are no more than
        `n_resamples`, each is taken once.
    alternative : {"two-sided", "greater", "less"}
        Two-sided takes absolute t (the smaller tail twice for the p of false discovery rates);
        "greater": a above b.
    threshold : float, optional
        Of t, that forms clusters; by default that of a parametric p of .001.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.
    parametric : bool
        Take Student's p in place of that of sign-flips; for false discovery rates only, which need p
        smaller than many draws can give.
    alpha : float
        Level that the sentence speaks of.
    batch : int, optional
        Draws held at once; no result depends on it.
    names : (str, str)
        What the conditions are called.

    Returns
    -------
    MeanMapTest

    References
    ----------
    T. E. Nichols, A. P. Holmes, *Nonparametric permutation tests for functional neuroimaging*, Human
    Brain Mapping 15, 2002.  S. M. Smith, T. E. Nichols, *Threshold-free cluster enhancement*,
    NeuroImage 44, 2009.  A. M. Winkler et al., *Permutation inference for the general linear model*,
    NeuroImage 92, 2014.
    """
    a, b = _stack(a, names[0]), _stack(b, names[1])
    if a.shape != b.shape:
        raise InputError(f"a paired test needs two maps of each image, got {a.shape} and {b.shape}.")
    for name, maps in zip(names, (a, b), strict=True):
        if (maps == maps[0]).all():
            raise InputError(
                f"{name} is the same map for all {len(maps)} images, so that the difference is a raw map, "
                "whose sign cannot be flipped: give the maps of a second condition of each image."
            )
    options = _options(statistic, n_resamples, alternative, threshold, connectivity, parametric, alpha, batch)
    differences = np.subtract(a, b, dtype=np.float64)
    return _sign_flip(differences, f"{names[0]} - {names[1]}", seed, n_resamples, options)


def sign_flip_test(
    differences: np.ndarray,
    *,
    statistic: Statistic = "max-t",
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    threshold: float | None = None,
    connectivity: int = 1,
    parametric: bool = False,
    alpha: float = 0.05,
    batch: int | None = None,
    name: str = "the difference",
) -> MeanMapTest:
    """Test where the mean of maps that are symmetric under the null, as differences are, is not 0.

    Parameters
    ----------
    differences : numpy.ndarray
        (N, H, W) of both signs; maps of one sign are refused.
    statistic, n_resamples, seed, alternative, threshold, connectivity, parametric, alpha, batch
        As for `paired_test`.
    name : str
        What the differences are called.

    Returns
    -------
    MeanMapTest

    References
    ----------
    A. Eklund, H. Knutsson, T. E. Nichols, *Cluster failure revisited: impact of first level design and
    physiological noise on cluster false positive rates*, Human Brain Mapping 40, 2019 (online 2018,
    PMC6445744): on one-sample sign-flips of skewed data.
    """
    differences = _stack(differences, name).astype(np.float64)
    low, high = differences.min(), differences.max()
    if low >= 0 < high or high <= 0 > low:
        raise InputError(ONE_SIGN.format(sign="non-negative" if high > 0 else "non-positive"))
    options = _options(statistic, n_resamples, alternative, threshold, connectivity, parametric, alpha, batch)
    return _sign_flip(differences, name, seed, n_resamples, options)


def group_test(
    a: np.ndarray,
    b: np.ndarray,
    *,
    statistic: Statistic = "max-t",
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    threshold: float | None = None,
    connectivity: int = 1,
    parametric: bool = False,
    alpha: float = 0.05,
    batch: int | None = None,
    names: tuple[str, str] = ("A", "B"),
    variances: Variances = "pooled",
) -> MeanMapTest:
    """Test where the mean maps of two groups of different images differ, by permuting their labels.

    Parameters
    ----------
    a, b : numpy.ndarray
        (N, H, W) and (M, H, W) maps or masks of different images, N + M at least 3.
    statistic, n_resamples, seed, alternative, threshold, connectivity, parametric, alpha, batch, names
        As for `paired_test`; draws are permutations of the labels.
    variances : {"pooled", "unequal"}
        Student's t with the variance of both groups, or Welch's, where each has its own.  Where the
        groups vary unequally and are of unequal size, permuted labels with the first reject equal
        means too often or too seldom: .57 of cases at .05, by simulation, with 20 images that vary three
        times as much as 60 others.  With the second it is .11.

    Returns
    -------
    MeanMapTest

    References
    ----------
    As for `paired_test`; for permuted labels of a t with unequal variances: A. Janssen, *Studentized
    permutation tests for non-i.i.d. hypotheses and the generalized Behrens-Fisher problem*, Statistics
    & Probability Letters 36, 1997; E. Chung, J. P. Romano, *Exact and asymptotically robust permutation
    tests*, Annals of Statistics 41, 2013.
    """
    if variances not in VARIANCES:
        raise unknown("variances", variances, VARIANCES)
    welch = variances == "unequal"
    a, b = _stack(a, names[0], 1 + welch), _stack(b, names[1], 1 + welch)
    if a.shape[1:] != b.shape[1:] or len(a) + len(b) < 3:
        raise InputError(
            f"two groups need maps of one size, 3 or more together, got {a.shape} and {b.shape}."
        )
    options = _options(statistic, n_resamples, alternative, threshold, connectivity, parametric, alpha, batch)
    draws = relabellings_of(len(a), len(b), seed, n_resamples)
    maps = np.concatenate([a, b]).astype(np.float64)
    effect = maps[: len(a)].mean(0) - maps[len(a) :].mean(0)
    return tested(Null(maps, "two-sample", draws, welch), effect, f"{names[0]} - {names[1]}", options)


def _options(
    statistic: Statistic,
    n_resamples: int,
    alternative: Alternative,
    threshold: float | None,
    connectivity: int,
    parametric: bool,
    alpha: float,
    batch: int | None,
) -> Options:
    if statistic not in STATISTICS:
        raise unknown("statistic", statistic, STATISTICS)
    checked(alternative, n_resamples)
    if n_resamples < 1:
        raise InputError(f"a test needs draws, got n_resamples = {n_resamples}: use 9999 or more.")
    if parametric and not statistic.startswith("fdr"):
        raise InputError(
            f"parametric p-values are for fdr-bh and fdr-by, got statistic {statistic!r}: leave it out."
        )
    if threshold is not None and not 0 < threshold < math.inf:
        raise InputError(f"threshold must be a positive t, got {threshold}: leave it out for p = .001.")
    if connectivity not in (1, 2):
        raise InputError(f"connectivity must be 1 (edges) or 2 (edges and corners), got {connectivity}.")
    if not 0 < alpha < 1:
        raise InputError(f"alpha must lie between 0 and 1, got {alpha}: use 0.05 for 5 %.")
    if batch is not None and batch < 1:
        raise InputError(f"batch must be at least 1, got {batch}.")
    return Options(statistic, alternative, threshold, connectivity, parametric, alpha, batch)


def _stack(maps: np.ndarray, name: str, least: int = 2) -> np.ndarray:
    maps = np.asarray(maps)
    if maps.ndim != 3 or len(maps) < least or maps.size == 0:
        raise InputError(
            f"{name} must be maps (N, H, W), N at least {least}, got shape {maps.shape}: add images."
        )
    if maps.dtype.kind not in "bfiu":
        raise InputError(f"{name} must be numbers or masks, got {maps.dtype}.")
    if not np.isfinite(maps).all():
        raise InputError(f"{name} must be finite, got NaN or infinity: fill or leave those images out.")
    return maps


def _sign_flip(
    differences: np.ndarray, what: str, seed: int, n_resamples: int, options: Options
) -> MeanMapTest:
    draws = sign_flips_of(len(differences), seed, n_resamples)
    return tested(Null(differences, "one-sample", draws), differences.mean(0), what, options)
