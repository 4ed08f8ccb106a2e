"""The estimated boundary of an excursion set between pixels, and the bootstrap of its largest deviation."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy import stats

from spatialstats import kernels
from spatialstats.stats.bootstrap import resample_counts
from spatialstats.stats.confidence_result import Drawn

SIGNS = 1 << 24  # held at once
ROUNDING = 1e-12  # of means and variances of standardised residuals
CHUNK = 1 << 23  # values of maps held as float64 at once


@dataclass(frozen=True)
class Field:
    """Maps of one kind and the threshold their mean is compared with, turned so that the set is above it.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, P) numbers or masks.
    mean, sd : numpy.ndarray
        float64 (P,): of the maps; the deviation that residuals are divided by, see `field_of`.
    c : float
        Threshold of the mean.
    sign : float
        1 for {mean > c}, -1 for its complement.
    """

    maps: np.ndarray
    mean: np.ndarray
    sd: np.ndarray
    c: float
    sign: float

    @property
    def distance(self) -> np.ndarray:
        """float64 (P,): how far the mean lies inside the set, in standard errors.

        Infinite without variance.  Of masks it is the normal score of the exact binomial tail of the
        count at the threshold, since small frequencies are far from normal.
        """
        n = len(self.maps)
        if self.maps.dtype == bool:
            hits = np.rint(self.mean * n)
            above = stats.norm.isf(stats.binom.sf(hits - 1, n, self.c))
            below = stats.norm.ppf(stats.binom.cdf(hits, n, self.c))
            score = np.where(self.mean > self.c, np.maximum(above, 0.0), np.minimum(below, 0.0))
            return np.asarray(self.sign * score)
        away = self.sign * (self.mean - self.c)
        error = self.sd / math.sqrt(n)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(away == 0, 0.0, away / error))

    @property
    def inside(self) -> np.ndarray:
        """bool (P,): the estimated set."""
        above = np.asarray(self.mean > self.c)
        return above if self.sign > 0 else ~above

    def residuals(self, pixels: np.ndarray) -> np.ndarray:
        """float64 (N, B): signed standardised residuals at some pixels; 0 without variance."""
        sd = self.sd[pixels]
        scale = np.divide(self.sign, sd, out=np.zeros(sd.shape), where=sd > 0)
        held = self.maps[:, pixels].astype(np.float64)
        held -= self.mean[pixels]
        held *= scale
        return held

    def crossing(self, inner: np.ndarray, outer: np.ndarray) -> np.ndarray:
        """float64 (B,): the share of the inner pixel where the mean, drawn as a line, meets c."""
        span = self.mean[inner] - self.mean[outer]
        share = np.full(span.shape, 0.5)
        np.divide(self.c - self.mean[outer], span, out=share, where=span != 0)
        return share


def field_of(maps: np.ndarray, c: float, *, above: bool = True) -> Field:
    """A field from maps (N, P).

    The standard deviation of numbers is that of the sample (N - 1).  That of masks is the one on the
    boundary, where the frequency is c: sqrt(c (1 - c)).
    """
    n, pixels = maps.shape
    mean, square = np.zeros(pixels), np.zeros(pixels)
    rows = max(1, CHUNK // pixels)
    for first in range(0, n, rows):
        mean += maps[first : first + rows].sum(0, dtype=np.float64)
    mean /= n
    if maps.dtype == bool:
        return Field(maps, mean, np.full(pixels, math.sqrt(c * (1 - c))), c, 1.0 if above else -1.0)
    for first in range(0, n, rows):
        square += ((maps[first : first + rows] - mean) ** 2).sum(0)
    # a constant map has no variance, whatever rounding its mean has met
    square[(maps == maps[0]).all(0)] = 0.0
    return Field(maps, mean, np.sqrt(square / (n - 1)), c, 1.0 if above else -1.0)


def edges(inside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Pairs of pixels that share an edge, one inside and one outside of a set (H, W): raster indices."""
    number = np.arange(inside.size).reshape(inside.shape)
    first = np.concatenate([number[:, :-1].ravel(), number[:-1].ravel()])
    second = np.concatenate([number[:, 1:].ravel(), number[1:].ravel()])
    flat = inside.ravel()
    cut = flat[first] != flat[second]
    first, second = first[cut], second[cut]
    into = flat[first]
    return np.asarray(np.where(into, first, second)), np.where(into, second, first)


def boundary_residuals(
    fields: tuple[Field, ...], shape: tuple[int, int]
) -> tuple[list[np.ndarray], np.ndarray]:
    """Residuals on the boundary of the intersection of the fields' sets, and where each field counts.

    Returns
    -------
    list of numpy.ndarray
        float64 (N, B) for each field: residuals between the pixels of each of B edges, where the
        field's own mean meets its threshold.
    numpy.ndarray
        bool (F, B): whether the edge's outer pixel is outside of the field's set.
    """
    inside = np.logical_and.reduce([field.inside for field in fields])
    inner, outer = edges(inside.reshape(shape))
    left = np.stack([~field.inside[outer] for field in fields])
    held = []
    for field, leaves in zip(fields, left, strict=True):
        share = np.where(leaves, field.crossing(inner, outer), 1.0)
        held.append(share * field.residuals(inner) + (1 - share) * field.residuals(outer))
    return held, left


def map_residuals(fields: tuple[Field, ...]) -> tuple[list[np.ndarray], np.ndarray]:
    """Residuals of all pixels, each of which counts for every field by itself."""
    pixels = fields[0].mean.size
    held = [field.residuals(np.arange(pixels)) for field in fields]
    return held, np.ones((len(fields), pixels), bool)


def largest_deviations(
    residuals: list[np.ndarray],
    counts: np.ndarray,
    seed: int,
    n_resamples: int,
    batch: int | None,
    *,
    together: bool = True,
    drawn: Drawn = "images",
) -> np.ndarray:
    """The largest deviation of each draw of the t-bootstrap, float64 (n_resamples,).

    A draw resamples the images, all fields of an image together, or, of "signs", multiplies all residuals
    of an image by one random sign; t is Student's of what results.  At a point the deviation is abs of
    the least t of the fields that count there, or, not `together`, the largest abs(t).
    """
    points = residuals[0].shape[1]
    joined = np.concatenate(residuals, axis=1)
    of = _of_signs if drawn == "signs" else _of_images
    out, first = np.empty(n_resamples), 0
    for t in of(joined, seed, n_resamples, batch):
        split = t.reshape(len(t), -1, points)
        least = np.where(counts, split, np.inf).min(1) if together else split
        out[first : first + len(t)] = np.abs(least).max(tuple(range(1, least.ndim)))
        first += len(t)
    return out


def _of_signs(joined: np.ndarray, seed: int, n_resamples: int, batch: int | None) -> Iterator[np.ndarray]:
    """t of residuals (N, P) with random signs, (b, P) in turn."""
    n, width = joined.shape
    size = batch or max(1, min(1024, SIGNS // max(n, width)))
    for first in range(0, n_resamples, size):
        count = min(size, n_resamples - first)
        yield kernels.t_maps(joined.reshape(n, 1, width), kernels.sign_flips(n, seed, first, count))[:, 0]


def _of_images(joined: np.ndarray, seed: int, n_resamples: int, batch: int | None) -> Iterator[np.ndarray]:
    """t of residuals (N, P) of resampled images, (b, P) in turn; infinite where a resample does not vary."""
    n, width = joined.shape
    size = batch or max(1, min(1024, SIGNS // max(n, width)))
    square = joined * joined
    for block in resample_counts(n, seed, n_resamples):
        for start in range(0, len(block), size):
            times = block[start : start + size]
            mean = times @ joined / n
            variance = times @ square / n - mean * mean
            variance[variance <= ROUNDING * (1 + mean * mean)] = 0.0
            mean[np.abs(mean) <= ROUNDING] = 0.0
            with np.errstate(divide="ignore", invalid="ignore"):
                t = np.where(mean == 0, 0.0, mean / np.sqrt(variance / (n - 1)))
            # products of matrices round as the number of threads has it: hardly ever beyond this
            yield t.round(10)


def quantile_of(draws: np.ndarray, confidence: float) -> float:
    """The order statistic that a further draw exceeds with a probability of at most 1 - confidence."""
    rank = math.ceil((draws.size + 1) * confidence - 1e-9)
    return float(np.sort(draws)[rank - 1]) if rank <= draws.size else math.inf
