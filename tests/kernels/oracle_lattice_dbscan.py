"""Lattice DBSCAN once more, short and slow: distances between all points."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def disc_sum(weights: Array, row: int, column: int, eps: float) -> float:
    """Weight in the disc of a pixel: rows from their middle outwards, then from top to bottom."""
    reach = int(eps)
    padded = np.pad(weights.astype(np.float64), reach)
    total = 0.0
    for r in range(-reach, reach + 1):
        line = padded[row + reach + r]
        across = float(line[column + reach])
        for d in range(1, reach + 1):
            if r * r + d * d <= eps * eps:
                across += float(line[column + reach - d]) + float(line[column + reach + d])
        total += across
    return total


def clusters(weights: Array, eps: float, least: float) -> Array:
    """Labels of one image (H, W): cores flooded in raster order, borders to the lowest in reach."""
    points = [tuple(p) for p in np.argwhere(weights > 0).tolist()]
    cores = [p for p in points if disc_sum(weights, *p, eps) >= least]
    near = {p: [q for q in cores if (p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2 <= eps * eps] for p in points}
    found: dict[tuple[int, ...], int] = {}
    for start in cores:
        if start not in found:
            label = max(found.values(), default=-1) + 1
            todo = [start]
            while todo:
                p = todo.pop()
                if p not in found:
                    found[p] = label
                    todo += near[p]
    labels = np.full(weights.shape, -2, np.int32)
    for p in points:
        labels[p] = found[p] if p in found else min((found[q] for q in near[p]), default=-1)
    return labels
