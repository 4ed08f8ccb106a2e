"""`label` once more, short and slow: flood fill, and fractions."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]


def numbered(mask: Array, connectivity: int) -> Array:
    """Components of one mask, numbered by their first pixel in raster order."""
    labels = np.zeros(mask.shape, np.int32)
    steps = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if 0 < abs(a) + abs(b) <= connectivity]
    count = 0
    for seed in np.argwhere(mask).tolist():
        if labels[tuple(seed)]:
            continue
        count += 1
        labels[tuple(seed)] = count
        stack = [seed]
        while stack:
            r, c = stack.pop()
            for a, b in steps:
                y, x = r + a, c + b
                inside = 0 <= y < mask.shape[0] and 0 <= x < mask.shape[1]
                if inside and mask[y, x] and not labels[y, x]:
                    labels[y, x] = count
                    stack.append((y, x))
    return labels


def properties(labels: Array, weights: Array | None) -> dict[str, Array]:
    """All columns of Regions from labels that leave out no number, each correctly rounded."""
    rows: list[dict[str, float]] = []
    for sample, image in enumerate(labels):
        for number in range(1, image.max(initial=0) + 1):
            where = np.argwhere(image == number).tolist()
            heavy = [Fraction(1)] * len(where)
            if weights is not None:
                heavy = [Fraction(float(weights[sample, r, c])) for r, c in where]
            rows.append({"sample": sample, "label": number, **region(where, heavy)})
    if not rows:
        return {}
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def region(where: list[list[int]], heavy: list[Fraction]) -> dict[str, float]:
    """Properties of one region from its pixels and their weights."""
    n = len(where)
    rows, cols = [r for r, _ in where], [c for _, c in where]
    row, col = Fraction(sum(rows), n), Fraction(sum(cols), n)
    mass = sum(heavy, Fraction(0))
    found = {
        "area": n, "min_row": min(rows), "min_col": min(cols), "max_row": max(rows) + 1,
        "max_col": max(cols) + 1, "centroid_row": row, "centroid_col": col, "mass": mass, "peak": max(heavy),
        "weighted_row": sum(w * r for w, r in zip(heavy, rows, strict=True)) / mass if mass else np.nan,
        "weighted_col": sum(w * c for w, c in zip(heavy, cols, strict=True)) / mass if mass else np.nan,
        "mu_rr": sum((r - row) ** 2 for r in rows) / n,
        "mu_cc": sum((c - col) ** 2 for c in cols) / n,
        "mu_rc": sum((r - row) * (c - col) for r, c in where) / n,
    }  # fmt: skip
    return {name: value if isinstance(value, int) else float(value) for name, value in found.items()}
