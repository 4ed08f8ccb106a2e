"""Clusters of t maps above a threshold: their extents and masses, and the maxima of these under a null."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np

from . import device
from .checks import Array, doubles, frozen, on_device
from .t_maps import Design, check_batch, check_signs, prepare
from .t_maps import side as t_side

Alternative: TypeAlias = Literal["two-sided", "greater", "less"]
Options: TypeAlias = tuple[int, bool, bool, float]

UNIT = 2.0**32
"""Steps of mass in a unit of t."""


@dataclass(frozen=True, eq=False)
class ClusterMaxima:
    """The largest of each statistic in K maps, 0 where there is no cluster.

    Attributes
    ----------
    extent : int64 (K,)
        Pixels of the largest cluster.
    mass : float64 (K,)
        Largest sum of abs(t) over a cluster.
    excess : float64 (K,)
        Largest sum of abs(t) - threshold over a cluster.
    t : float64 (K,)
        Largest abs(t) of the whole map, in the directions of the alternative.
    """

    extent: Array
    mass: Array
    excess: Array
    t: Array


@dataclass(frozen=True, eq=False)
class Clusters:
    """R clusters of K maps, ordered by map and then label.

    Attributes
    ----------
    labels : int32 (K, H, W)
        0 outside of clusters; clusters of both signs are numbered from 1 by their first pixel in
        raster order.
    sample, label : int64 (R,)
        Map of the cluster and its number there.
    sign : int64 (R,)
        1 or -1.
    extent : int64 (R,)
        Pixels.
    mass, excess : float64 (R,)
        Sum of abs(t), and of abs(t) - threshold.
    """

    labels: Array
    sample: Array
    label: Array
    sign: Array
    extent: Array
    mass: Array
    excess: Array

    def __len__(self) -> int:
        return len(self.sample)


def clusters(
    t_maps: Array, threshold: float, *, connectivity: int = 1, alternative: Alternative = "two-sided"
) -> Clusters:
    """Find and measure the clusters of every t map.

    A cluster is a connected component of ``t > threshold``, or of ``t < -threshold``: positive and
    negative ones never join.  ``mass`` is what MNE [1]_ sums, without its sign; ``excess`` is
    nilearn's mass.  Masses are added in integer steps of 2^-32, abs(t) being rounded half to even and
    taken as 2^30 / P at most (P: H * W, up to the next power of two; 16,384 for 224 x 224), so that
    they do not depend on an order, a thread or the device.

    Parameters
    ----------
    t_maps : (K, H, W) float32 or float64
        No NaN; infinity counts as the largest mass a pixel can have.  H * W at most 2^20.
    threshold : float
        Finite, not negative.
    connectivity : {1, 2}
        1: pixels touch by their edges; 2: by edges or corners.
    alternative : {"two-sided", "greater", "less"}
        Which clusters count: both, positive, negative ones.

    Returns
    -------
    Clusters
        Arrays live where `t_maps` does.

    Raises
    ------
    TypeError
        If the array is neither NumPy's nor CuPy's, or of another dtype.
    ValueError
        If a shape, a value or an option is not as said.

    References
    ----------
    .. [1] Maris and Oostenveld, "Nonparametric statistical testing of EEG- and MEG-data", J.
       Neurosci. Methods 164, 2007.
    """
    t, there = checked(t_maps)
    where = _side(there)
    grid = t_maps.shape[1:]
    options = _options(grid, threshold, connectivity, alternative)
    roots, extent, mass = where.forest(t, grid, float(threshold), options)
    xp: Any = device.namespace() if there else np
    is_first = extent > 0
    sample, first = xp.nonzero(is_first)
    number = xp.cumsum(is_first.astype(np.int32), axis=1, dtype=np.int32)
    at = xp.maximum(roots, 0)
    labels = xp.where(roots >= 0, xp.take_along_axis(number, at, axis=1), 0).astype(np.int32)
    area, steps = extent[sample, first], mass[sample, first]
    sign = xp.where(t[sample, first] > 0, 1, -1).astype(np.int64)
    excess = steps - area * _level(threshold, options)
    return Clusters(
        labels.reshape(t_maps.shape), sample.astype(np.int64), number[sample, first].astype(np.int64),
        sign, area, steps / UNIT, excess / UNIT,
    )  # fmt: skip


def cluster_maxima(
    t_maps: Array, threshold: float, *, connectivity: int = 1, alternative: Alternative = "two-sided"
) -> ClusterMaxima:
    """Return the largest cluster statistics of every t map; see `clusters` for all terms."""
    t, there = checked(t_maps)
    where = _side(there)
    grid = t_maps.shape[1:]
    options = _options(grid, threshold, connectivity, alternative)
    extent, mass, excess, _ = where.maxima(t, grid, float(threshold), options)
    return ClusterMaxima(extent, mass / UNIT, excess / UNIT, where.largest(t, options))


def cluster_null(
    maps: Array,
    signs: Array,
    threshold: float,
    *,
    design: Design = "one-sample",
    connectivity: int = 1,
    alternative: Alternative = "two-sided",
    batch: int | None = None,
) -> ClusterMaxima:
    """Return ``cluster_maxima(t_maps(maps, signs, design=design), threshold, ...)``, to the same bits.

    On the CPU most t are never formed: t rises with the signed sum of a pixel, so that a sum is
    compared with the smallest whose t exceeds the threshold.

    Parameters
    ----------
    maps, signs, design, batch
        As of `t_maps`.
    threshold, connectivity, alternative
        As of `clusters`.

    Returns
    -------
    ClusterMaxima
    """
    ready = prepare(maps, design)
    shape = check_signs(maps, signs, ready)
    check_batch(batch)
    options = _options(ready.grid, threshold, connectivity, alternative)
    there = on_device(maps=maps)
    where = _side(there)
    extent, mass, excess, peak = where.null_maxima(
        ready.held, shape, signs, ready.grid, float(threshold), options, batch
    )
    quiet = (extent == 0).nonzero()[0]
    if len(quiet) and not there:
        # the largest t of a map that has no cluster is below the threshold: it is formed after all
        for begin in range(0, len(quiet), 64):
            some = quiet[begin : begin + 64]
            t = t_side(there).t_values(ready.held, shape, signs[some], ready.pixels, batch)
            peak[some] = where.largest(t, options)
    return ClusterMaxima(extent, mass / UNIT, excess / UNIT, peak)


def _side(there: bool) -> Any:
    if there:
        from . import clusters_gpu

        return clusters_gpu
    from . import clusters_cpu

    return clusters_cpu


def checked(t_maps: Array) -> tuple[Array, bool]:
    """Return t maps without NaN as float64 (K, P), and whether they live on a device."""
    t, there = flattened(t_maps)
    if bool((t != t).any()):
        raise holds_nan()
    return t, there


def flattened(t_maps: Array) -> tuple[Array, bool]:
    """As `checked`, without a look at the values."""
    there = on_device(t_maps=t_maps)
    if t_maps.dtype not in (np.float32, np.float64):
        raise TypeError(f"t_maps must be float32 or float64, got {t_maps.dtype}: cast them first.")
    if t_maps.ndim != 3:
        raise ValueError(f"t_maps must have 3 axes, got shape {t_maps.shape}.")
    draws, height, width = t_maps.shape
    t = doubles(t_maps).reshape(draws, height * width)
    return device.namespace().ascontiguousarray(t) if there else frozen(t), there


def holds_nan() -> ValueError:
    return ValueError("t_maps must not hold NaN: replace them by 0 where a map has no variance.")


def _options(grid: tuple[int, int], threshold: float, connectivity: int, alternative: Alternative) -> Options:
    if connectivity not in (1, 2):
        raise ValueError(f"connectivity must be 1 (edges) or 2 (edges and corners), got {connectivity}.")
    if alternative not in ("two-sided", "greater", "less"):
        raise ValueError(f"alternative must be 'two-sided', 'greater' or 'less', got {alternative!r}.")
    if not 0 <= threshold < math.inf:
        raise ValueError(f"threshold must be finite and not negative, got {threshold}.")
    pixels = max(grid[0] * grid[1], 1)
    if pixels > 1 << 20:
        raise ValueError(f"maps must have at most 2^20 pixels, got {grid[0]} x {grid[1]}.")
    cap = 2.0 ** (30 - (pixels - 1).bit_length())
    return connectivity - 1, alternative != "less", alternative != "greater", cap


def _level(threshold: float, options: Options) -> int:
    """The threshold in steps of mass."""
    return int(np.rint(min(threshold, options[3]) * UNIT))
