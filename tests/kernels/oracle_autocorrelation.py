"""Lattices and their sums once more, with a matrix of weights; draws from `kernel_oracles`."""

from __future__ import annotations

import kernel_oracles as oracles
import numpy as np

from spatialstats.kernels.lattice import Lattice

LOW = 0xFFFFFFFF


def weights(lattice: Lattice) -> np.ndarray:
    """Matrix of weights between the sites of a lattice."""
    height, width = lattice.shape
    valid = np.ones(lattice.shape, bool) if lattice.mask is None else lattice.mask
    number = np.full(lattice.shape, -1)
    number[valid] = np.arange(valid.sum())
    matrix = np.zeros((valid.sum(),) * 2)
    for row, col in zip(*np.nonzero(valid), strict=True):
        for up, left in lattice.offsets:
            r, c = row + up, col + left
            if lattice.torus:
                r, c = r % height, c % width
            if 0 <= r < height and 0 <= c < width and valid[r, c]:
                matrix[number[row, col], number[r, c]] = 1
    if lattice.row_standardised:
        matrix /= np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    return matrix


def lanes(terms: np.ndarray, n: int) -> float:
    """Terms added in n lanes by their index, then the upper half of the lanes onto the lower."""
    sums = np.zeros(n)
    for i, term in enumerate(terms.tolist()):
        sums[i % n] += term
    while n > 1:
        half = 1
        while 2 * half < n:
            half *= 2
        sums[: n - half] += sums[half:n]
        n = half
    return float(sums[0])


def sample(n: int, size: int, skip: int, use: int, site: int, seed: int, k: int) -> list[int]:
    """The first n different indices below `size`, past `skip`, of the words of (seed, site, k)."""
    found: list[int] = []
    block, words = 0, []
    while len(found) < n:
        if not words:
            counter = (k & LOW, block << 4 | use, site, k >> 32)
            words = list(oracles.philox(counter, (seed & LOW, seed >> 32)))
            block += 1
        product = words.pop(0) * size
        if product & LOW < (1 << 32) % size:
            continue
        j = (product >> 32) + (product >> 32 >= skip)
        if j not in found:
            found.append(j)
    return found
