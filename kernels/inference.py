"""Permutation p-values of clusters, of enhanced scores and of single t, corrected over the map."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from . import device
from .checks import Array, on_device
from .clusters import Alternative, ClusterMaxima, Clusters, cluster_null, clusters
from .t_maps import Design, t_maps
from .tfce import Enhancement, tfce, tfce_null

TOLERANCE = 1e-12
"""Relative difference below which two statistics count as equal."""


@dataclass(frozen=True, eq=False)
class ClusterTest:
    """What `cluster_test` returns.

    Attributes
    ----------
    t : float64 (H, W)
    clusters : Clusters
        Of the observed map.
    p_extent, p_mass, p_excess : float64 (R,)
        Of each cluster, corrected over the map.
    p_t : float64 (H, W)
        Of each pixel's t, corrected over the map (max-t).
    null : ClusterMaxima
        Maxima of the draws, one number a draw and statistic.
    """

    t: Array
    clusters: Clusters
    p_extent: Array
    p_mass: Array
    p_excess: Array
    p_t: Array
    null: ClusterMaxima


@dataclass(frozen=True, eq=False)
class TfceTest:
    """What `tfce_test` returns.

    Attributes
    ----------
    t, scores : float64 (H, W)
    p : float64 (H, W)
        Of each pixel's score, corrected over the map.
    null : float64 (K,)
        Largest score of each draw.
    """

    t: Array
    scores: Array
    p: Array
    null: Array


def p_values(observed: Array, null: Array) -> Array:
    """Return (1 + number of null values as large as the observed) / (1 + number of null values).

    Values that differ by less than 1e-12 of the observed count as equal.

    Parameters
    ----------
    observed : float or int array, of any shape
    null : float or int (K,)
    """
    xp: Any = device.namespace() if on_device(observed=observed, null=null) else np
    ordered = xp.sort(null.astype(np.float64))
    value = observed.astype(np.float64)
    slack = xp.where(xp.isinf(value), 0.0, TOLERANCE * abs(value))  # inf - inf would sort last
    below = xp.searchsorted(ordered, (value - slack).ravel(), side="left")
    p: Array = (1 + len(null) - below) / np.float64(1 + len(null))
    return p.reshape(observed.shape)


def cluster_test(
    maps: Array,
    signs: Array,
    threshold: float,
    *,
    observed: Array | None = None,
    design: Design = "one-sample",
    connectivity: int = 1,
    alternative: Alternative = "two-sided",
    batch: int | None = None,
) -> ClusterTest:
    """Test the clusters of the observed t map against those of the draws.

    The p-value of a cluster is that of its extent (or mass) among the largest of each draw, both signs
    pooled where both count: it holds for the whole map at once, and says that the cluster is there,
    not where it begins or ends.

    Parameters
    ----------
    maps, signs, design, batch
        As of `t_maps`; `signs` are the draws, without the observed one.
    threshold, connectivity, alternative
        As of `clusters`.
    observed : int8 (N,), optional
        The signs as they were: needed for two samples, all 1 otherwise.

    Returns
    -------
    ClusterTest
    """
    t = _observed_t(maps, observed, design)
    found = clusters(t, threshold, connectivity=connectivity, alternative=alternative)
    null = cluster_null(
        maps, signs, threshold, design=design, connectivity=connectivity, alternative=alternative, batch=batch
    )
    size = {"two-sided": abs(t[0]), "greater": t[0], "less": -t[0]}[alternative]
    return ClusterTest(
        t[0], found, p_values(found.extent, null.extent), p_values(found.mass, null.mass),
        p_values(found.excess, null.excess), p_values(size, null.t), null,
    )  # fmt: skip


def tfce_test(
    maps: Array,
    signs: Array,
    how: Enhancement | None = None,
    *,
    observed: Array | None = None,
    design: Design = "one-sample",
    batch: int | None = None,
) -> TfceTest:
    """Test the enhanced score of every pixel against the largest of each draw.

    Parameters
    ----------
    maps, signs, observed, design, batch
        As of `cluster_test`.
    how : Enhancement, optional
        As of `tfce`.

    Returns
    -------
    TfceTest
    """
    t = _observed_t(maps, observed, design)
    scores = tfce(t, how)
    null = tfce_null(maps, signs, how, design=design, batch=batch)
    return TfceTest(t[0], scores[0], p_values(abs(scores[0]), null), null)


def _observed_t(maps: Array, observed: Array | None, design: Design) -> Array:
    if observed is None and design != "one-sample":
        raise ValueError(
            "observed must be given for two samples: 1 for the first group's maps, -1 for others."
        )
    if observed is None:
        xp: Any = device.namespace() if on_device(maps=maps) else np
        observed = xp.ones(len(maps), np.int8)
    return t_maps(maps, observed[None], design=design)
