"""CPU side of `lattice_dbscan`: one image a task, on a copy with a margin around it."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .label_cpu import join


def clusters(weights: Array, widths: Array, least: float) -> tuple[Array, bool]:
    """Labels of float64 weights (N, H, W); False where a weight is negative or not finite."""
    labels = np.empty(weights.shape, np.int32)
    bad = np.zeros(len(weights), np.bool_)
    if weights.size:
        _clusters(weights, widths, least, labels, bad)
    return labels, not bad.any()


@inner
def add(total: Array, values: Array) -> None:
    """Add one array to another."""
    for j in range(total.size):
        total[j] += values[j]


@inner
def unfit(row: Array) -> int:
    """Non-zero where a weight is negative or not finite."""
    bad = 0
    for value in row:
        bad |= not ((value >= 0.0) & (value < np.inf))
    return bad


@inner
def cores(padded: Array, widths: Array, least: float, parent: Array, width: int) -> None:
    """Mark the cores: `parent` becomes the own index of a core, -1 elsewhere."""
    reach = widths.size // 2
    total = np.empty(width, np.float64)
    for r in range(reach, padded.shape[0] - reach):
        total[:] = 0.0
        for k in range(widths.size):
            source = padded[r + k - reach]
            for c in range(reach - widths[k], reach + widths[k] + 1):
                add(total, source[c : c + width])
        base = r * padded.shape[1] + reach
        for c in range(width):
            if padded[r, reach + c] > 0.0 and total[c] >= least:
                parent[base + c] = base + c


@inner
def link(parent: Array, widths: Array, stride: int, p: int) -> None:
    """Join core p with the cores of its disc that come before it."""
    reach = widths.size // 2
    for k in range(reach + 1):
        base = p + (k - reach) * stride
        last = base + widths[k] if k < reach else p - 1
        for q in range(base - widths[k], last + 1):
            if parent[q] >= 0 and parent[q] != parent[p]:
                join(parent, q, p)


@inner
def lowest(number: Array, widths: Array, stride: int, p: int) -> int:
    """Lowest cluster among the cores in the disc of p, -1 without any."""
    reach = widths.size // 2
    best = np.int32(2147483647)
    for k in range(widths.size):
        base = p + (k - reach) * stride
        for q in range(base - widths[k], base + widths[k] + 1):
            if 0 <= number[q] < best:
                best = number[q]
    return -1 if best == 2147483647 else int(best)


@parallel
def _clusters(weights: Array, widths: Array, least: float, labels: Array, bad: Array) -> None:
    height = weights.shape[1]
    width = weights.shape[2]
    reach = widths.size // 2
    stride = width + 2 * reach
    for s in prange(weights.shape[0]):
        padded = np.zeros((height + 2 * reach, stride), np.float64)
        wrong = 0
        for r in range(height):
            wrong |= unfit(weights[s, r])
            padded[r + reach, reach : reach + width] = weights[s, r]
        bad[s] = wrong
        parent = np.full(padded.size, -1, np.int32)
        number = np.full(padded.size, -1, np.int32)
        cores(padded, widths, least, parent, width)
        for r in range(height):
            base = (r + reach) * stride + reach
            for p in range(base, base + width):
                if parent[p] >= 0:
                    link(parent, widths, stride, p)
        count = 0
        for r in range(height):
            base = (r + reach) * stride + reach
            for p in range(base, base + width):
                if parent[p] == p:
                    number[p] = count
                    count += 1
                elif parent[p] >= 0:
                    parent[p] = parent[parent[p]]
                    number[p] = number[parent[p]]
        for r in range(height):
            base = (r + reach) * stride + reach
            row = labels[s, r]
            for c in range(width):
                if padded[r + reach, reach + c] == 0.0:
                    row[c] = -2
                elif parent[base + c] >= 0:
                    row[c] = number[base + c]
                else:
                    row[c] = lowest(number, widths, stride, base + c)
