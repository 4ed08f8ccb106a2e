"""The kernels once more, short and slow: NumPy and Python integers only."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialstats.kernels import PixelMoments

Array = NDArray[Any]


def rounded(values: Array) -> Array:
    """Float32 values as integers in steps of 2^-24, half-even."""
    return np.rint(values.astype(np.float64) * 2.0**24).astype(np.int64)


def moments(rows: Array, sizes: Array, groups: Array, n_groups: int, levels: Array) -> dict[str, Array]:
    """Exact moments of integer rows (N, C, P) by group; `sizes` (N, P) is what exceeds the levels."""
    n_pixels = rows.shape[2]
    sums = {name: np.zeros((n_groups, n_pixels), object) for name in ("positive", "negative", "square")}
    extremes = np.full((2, n_groups, n_pixels), np.inf)
    extremes[1] = -np.inf
    exceeded = np.zeros((len(levels), n_groups, n_pixels), np.int64)
    for g in range(n_groups):
        own = rows[groups == g].reshape(-1, max(n_pixels, 1))[:, :n_pixels].astype(object)
        if len(own):
            sums["positive"][g] = np.maximum(own, 0).sum(axis=0)
            sums["negative"][g] = np.maximum(-own, 0).sum(axis=0)
            sums["square"][g] = (own * own).sum(axis=0)
            extremes[:, g] = own.min(axis=0), own.max(axis=0)
        for t, level in enumerate(levels):
            exceeded[t, g] = (sizes[groups == g] > level).sum(axis=0)
    count = np.bincount(groups, minlength=n_groups)
    return {"count": count, **sums, "minimum": extremes[0], "maximum": extremes[1], "exceeded": exceeded}


def variance(rows: Array) -> float:
    """Population variance of a list of integers, by fractions."""
    values = [Fraction(int(value)) for value in rows]
    mean = sum(values, Fraction(0)) / len(values)
    return float(sum(((value - mean) ** 2 for value in values), Fraction(0)) / len(values))


def philox(counter: tuple[int, int, int, int], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox4x32-10 as its paper states it."""
    c, k = list(counter), list(key)
    for _ in range(10):
        even, odd = 0xD2511F53 * c[0], 0xCD9E8D57 * c[2]
        c = [(odd >> 32) ^ c[1] ^ k[0], odd & 0xFFFFFFFF, (even >> 32) ^ c[3] ^ k[1], even & 0xFFFFFFFF]
        k = [(k[0] + 0x9E3779B9) & 0xFFFFFFFF, (k[1] + 0xBB67AE85) & 0xFFFFFFFF]
    return tuple(c)


def shuffle(n: int, seed: int, k: int) -> list[int]:
    """Fisher-Yates from the end, indices by Lemire's rejection from the words of (seed, k)."""
    low = 0xFFFFFFFF
    block, words = 0, []
    items = list(range(n))
    for last in range(n - 1, 0, -1):
        while True:
            if not words:
                counter = (block & low, block >> 32, k & low, k >> 32)
                words = list(philox(counter, (seed & low, seed >> 32)))
                block += 1
            product = words.pop(0) * (last + 1)
            if product & low >= (1 << 32) % (last + 1):
                break
        j = product >> 32
        items[last], items[j] = items[j], items[last]
    return items


def identical(a: PixelMoments, b: PixelMoments) -> None:
    """Assert that two sets of moments are the same to the last bit."""
    left, right = a.to_arrays(), b.to_arrays()
    for name, array in left.items():
        assert array.dtype == right[name].dtype
        assert array.tobytes() == right[name].tobytes(), name


# Clusters of t maps, and their enhancement


def clusters_of(mask: np.ndarray, connectivity: int) -> list[np.ndarray]:
    """Flat indices of each connected component of a mask (H, W), ordered by their first pixel."""
    left, found = {(int(r), int(c)) for r, c in np.argwhere(mask)}, []
    around = ((0, 1), (0, -1), (1, 0), (-1, 0), (1, 1), (1, -1), (-1, 1), (-1, -1))[: 4 * connectivity]
    for first in sorted(left):
        if first not in left:
            continue
        left.remove(first)
        reached = [first]
        for r, c in reached:  # grows while it is read
            for dr, dc in around:
                if (r + dr, c + dc) in left:
                    left.remove((r + dr, c + dc))
                    reached.append((r + dr, c + dc))
        found.append(np.array([r * mask.shape[1] + c for r, c in sorted(reached)]))
    return found


def cluster_steps(
    t: np.ndarray, threshold: float, connectivity: int
) -> list[tuple[int, int, int, np.ndarray]]:
    """First pixel, sign, mass in steps of 2^-32 and pixels of each cluster of a t map, by first pixel."""
    cap = 2.0 ** (30 - (t.size - 1).bit_length())
    found = []
    for sign in (1, -1):
        for pixels in clusters_of(sign * t > threshold, connectivity):
            steps = np.rint(np.minimum(np.abs(t.ravel()[pixels]), cap) * 2.0**32).astype(np.int64)
            found.append((int(pixels[0]), sign, int(steps.sum()), pixels))
    return sorted(found, key=lambda cluster: cluster[0])


def enhanced(t: np.ndarray, heights: np.ndarray, weights: np.ndarray, connectivity: int, closed: bool = False,
             power: float = 0.5) -> np.ndarray:  # fmt: skip
    """Scores of a t map: for each height, from the lowest up, weight * extent^power."""
    scores = np.zeros(t.size)
    for sign in (1, -1):
        for height, weight in zip(heights, weights, strict=True):
            mask = (sign * t >= height) & (sign * t > 0) if closed else sign * t > height
            for pixels in clusters_of(mask, connectivity):
                scores[pixels] += weight * np.float64(len(pixels)) ** power
    return scores.reshape(t.shape) * np.sign(t)
