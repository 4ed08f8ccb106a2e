"""Do RoI and RoA of one image overlap more than those of different images? The image-swap test."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError, unknown
from spatialstats.stats.intervals import bootstrap_mean

Alternative = Literal["two-sided", "greater", "less"]
ALTERNATIVES = ("two-sided", "greater", "less")
TIE = 1e-12  # relative: sums of the same terms in another order count as equal
N_BOOTSTRAP = 2000
BLOCK_BYTES = 1 << 25  # unpacked masks held at once


@dataclass(frozen=True)
class SwapTest:
    """What the image-swap test found.

    Parameters
    ----------
    observed : float
        Mean overlap lift of RoI and RoA of the same image; 1 is what two independent masks
        of these areas have.
    swapped : float
        Mean overlap lift over all pairings of the images: the mean of the null.
    effect, low, high : float
        ``observed - swapped`` with its bootstrap interval.
    p_value, z : float
        From the null; z is in its standard deviations.
    n : int
        Images with both masks.
    n_empty : int
        Images left out because their RoI or RoA is empty.
    n_resamples : int
        Permutations.
    n_greater, n_less : int
        Permutations at or above, at or below the observed value.
    alternative : str
        The hypothesis that the p-value is for.
    per_image : numpy.ndarray
        float64 (n,): how much each image's lift exceeds what its RoI and its RoA have with
        other images' masks; the mean is `effect`.
    rows : numpy.ndarray
        int64 (n,): which of the given images these are.
    """

    observed: float
    swapped: float
    effect: float
    low: float
    high: float
    p_value: float
    z: float
    n: int
    n_empty: int
    n_resamples: int
    n_greater: int
    n_less: int
    alternative: Alternative
    per_image: np.ndarray
    rows: np.ndarray

    def to_dict(self) -> dict[str, Any]:
        """The numbers ready for JSON, None in place of NaN, without the arrays."""
        numbers = {
            name: float(value) if math.isfinite(value) else None
            for name in ("observed", "swapped", "effect", "low", "high", "p_value", "z")
            for value in [getattr(self, name)]
        }
        counts = {
            name: getattr(self, name) for name in ("n", "n_empty", "n_resamples", "n_greater", "n_less")
        }
        return {"statistic": "overlap lift", **numbers, **counts, "alternative": self.alternative}


def swap_test(
    roi_packed: np.ndarray,
    roa_packed: np.ndarray,
    n_pixels: int,
    *,
    n_resamples: int = 9999,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    confidence: float = 0.95,
) -> SwapTest:
    """Test whether overlap is specific to the image, by swapping images.

    The statistic is the mean overlap lift ``|RoI and RoA| HW / (|RoI| |RoA|)``.  The null
    pairs every RoI with the RoA of a uniformly permuted image, fixed points included (the
    permutations without them are no group).  It keeps everything that maps share across
    images, such as a bias to the centre, so it asks for an image-specific association only.

    The effect is the mean of the doubly centred diagonal of the matrix of all pairings.
    The lift is bilinear in the masks, so its margins follow from the mean masks and no
    matrix of pairs is formed.  The interval resamples images on that diagonal; a resampled
    image never meets its own copy in the null.

    Parameters
    ----------
    roi_packed, roa_packed : numpy.ndarray
        uint64 (N, ceil(HW / 64)), from `kernels.pack`.  Images whose RoI or RoA is empty are
        left out and counted.
    n_pixels : int
        HW.
    n_resamples : int
        Permutations.  The bootstrap of the interval always draws 2,000.
    seed : int
        Draw k is a pure function of (seed, k).
    alternative : {"two-sided", "greater", "less"}
        Two-sided p-values are twice the smaller one-sided, at most 1.
    confidence : float
        Of the interval of the effect.

    Returns
    -------
    SwapTest
        With NaN in place of all that fewer than two images cannot give.

    References
    ----------
    J. Hemerik, J. Goeman, *Exact testing with random permutations*, TEST 27, 2018 (arXiv
    1411.7565).  W. Hoeffding, *A combinatorial central limit theorem*, Annals of
    Mathematical Statistics 22, 1951, for the doubly centred form.
    """
    if alternative not in ALTERNATIVES:
        raise unknown("alternative", alternative, ALTERNATIVES)
    if roi_packed.shape != roa_packed.shape or roi_packed.ndim != 2:
        raise InputError(
            f"RoI and RoA must be packed masks of the same images, {roi_packed.shape} and {roa_packed.shape}."
        )
    roi_area, roa_area = kernels.area(roi_packed), kernels.area(roa_packed)
    rows = np.flatnonzero((roi_area > 0) & (roa_area > 0))
    n, n_empty = len(rows), len(roi_packed) - len(rows)
    if n < 2:
        nan = math.nan
        return SwapTest(
            nan, nan, nan, nan, nan, nan, nan, n, n_empty, 0, 0, 0, alternative, np.full(n, np.nan), rows
        )
    roi, roa = np.ascontiguousarray(roi_packed[rows]), np.ascontiguousarray(roa_packed[rows])
    weight_roi, weight_roa = n_pixels / roi_area[rows], 1 / roa_area[rows]
    lift = weight_roi * weight_roa * kernels.overlap(roi, roa)
    mean_roi = _weighted_mean(roi, weight_roi, n_pixels)
    mean_roa = _weighted_mean(roa, weight_roa, n_pixels)
    with_any_roa = weight_roi * _dot(roi, mean_roa)
    with_any_roi = weight_roa * _dot(roa, mean_roi)
    observed, swapped = float(lift.mean()), float(mean_roi @ mean_roa)
    per_image = lift - with_any_roa - with_any_roi + swapped
    interval = bootstrap_mean(per_image, seed, N_BOOTSTRAP, confidence=confidence)
    null = kernels.swap_null(roi, roa, weight_roi, weight_roa, seed, n_resamples)
    tie = TIE * max(1.0, abs(observed))
    n_greater = int((null >= observed - tie).sum())
    n_less = int((null <= observed + tie).sum())
    # The null's mean is known exactly, so only its spread is estimated from the draws.
    spread = math.sqrt(float(((null - swapped) ** 2).mean()))
    return SwapTest(
        observed=observed,
        swapped=swapped,
        effect=observed - swapped,
        low=interval.low,
        high=interval.high,
        p_value=p_value(n_greater, n_less, n_resamples, alternative),
        z=(observed - swapped) / spread if spread > tie else math.nan,
        n=n,
        n_empty=n_empty,
        n_resamples=n_resamples,
        n_greater=n_greater,
        n_less=n_less,
        alternative=alternative,
        per_image=per_image,
        rows=rows,
    )


def p_value(n_greater: int, n_less: int, n_resamples: int, alternative: Alternative = "two-sided") -> float:
    """Permutation p-value from exceedance counts, the observed arrangement counted as one more.

    Parameters
    ----------
    n_greater, n_less : int
        Resamples at or above, at or below the observed value.
    n_resamples : int
        How many there were.
    alternative : {"two-sided", "greater", "less"}
        Two-sided is twice the smaller one-sided value, at most 1.

    References
    ----------
    B. Phipson, G. K. Smyth, *Permutation p-values should never be zero*, Statistical
    Applications in Genetics and Molecular Biology 9, 2010.
    """
    greater, less = (n_greater + 1) / (n_resamples + 1), (n_less + 1) / (n_resamples + 1)
    if alternative == "two-sided":
        return min(1.0, 2 * min(greater, less))
    return greater if alternative == "greater" else less


def _blocks(packed: np.ndarray, n_pixels: int) -> Iterator[tuple[slice, np.ndarray]]:
    """Unpacked masks (b, HW) as float64, a few at a time."""
    size = max(1, BLOCK_BYTES // (8 * n_pixels))
    for start in range(0, len(packed), size):
        rows = slice(start, start + size)
        yield rows, kernels.unpack(packed[rows], (1, n_pixels)).reshape(-1, n_pixels).astype(np.float64)


def _weighted_mean(packed: np.ndarray, weights: np.ndarray, n_pixels: int) -> np.ndarray:
    """float64 (HW,): mean over the masks of weight times mask."""
    total = np.zeros(n_pixels)
    for rows, masks in _blocks(packed, n_pixels):
        total += weights[rows] @ masks
    return total / len(packed)


def _dot(packed: np.ndarray, values: np.ndarray) -> np.ndarray:
    """float64 (N,): sum of `values` (HW,) under each mask."""
    return np.concatenate([masks @ values for _, masks in _blocks(packed, values.size)])
