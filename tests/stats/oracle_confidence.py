"""Confidence sets written down as in the papers, with loops over edges and draws, in plain NumPy."""

from __future__ import annotations

import math

import numpy as np


def neighbours(inside: np.ndarray) -> list[tuple[tuple[int, int], tuple[int, int]]]:
    """(inner, outer) pixels of all edges that the boundary of a set cuts."""
    height, width = inside.shape
    cut = []
    for y in range(height):
        for x in range(width):
            for other in ((y, x + 1), (y + 1, x)):
                if other[0] < height and other[1] < width and inside[y, x] != inside[other]:
                    cut.append(((y, x), other) if inside[y, x] else (other, (y, x)))
    return cut


def student(values: np.ndarray) -> float:
    """t of values over images."""
    return float(np.sqrt(len(values)) * values.mean() / values.std(ddof=1))


def deviations(stacks: list[tuple[np.ndarray, float, int]], draws: np.ndarray) -> np.ndarray:
    """Largest deviation of each draw of images for the intersection of {mean > c} (1), {mean <= c} (-1)."""
    means = [maps.mean(0) for maps, _, _ in stacks]
    member = [m > c if side > 0 else m <= c for m, (_, c, side) in zip(means, stacks, strict=True)]
    residuals = [
        side * (maps - m) / maps.std(0, ddof=1) for m, (maps, _, side) in zip(means, stacks, strict=True)
    ]
    largest = []
    for row in draws:
        found = 0.0
        for inner, outer in neighbours(np.logical_and.reduce(member)):
            least = math.inf
            for m, inside, e, (_, c, _) in zip(means, member, residuals, stacks, strict=True):
                if not inside[outer]:
                    share = (c - m[outer]) / (m[inner] - m[outer])
                    point = share * e[:, inner[0], inner[1]] + (1 - share) * e[:, outer[0], outer[1]]
                    least = min(least, student(point[row]))
            found = max(found, abs(least))
        largest.append(found)
    return np.array(largest)


def boundary_covered(maps: np.ndarray, truth: np.ndarray, c: float, quantile: float) -> bool:
    """Whether the mean stays within `quantile` standard errors of c all along the true boundary."""
    mean, error = maps.mean(0), maps.std(0, ddof=1) / math.sqrt(len(maps))
    for inner, outer in neighbours(truth > c):
        share = (c - truth[outer]) / (truth[inner] - truth[outer])
        away = share * mean[inner] + (1 - share) * mean[outer] - c
        if abs(away) > quantile * (share * error[inner] + (1 - share) * error[outer]):
            return False
    return True
