"""Weights between pixels as a matrix, by the distance of every two, and what all permutations give."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable

import numpy as np

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    import libpysal

__all__ = ["arrangements", "esda", "libpysal", "matrix", "pysal", "quietly"]


def matrix(valid: np.ndarray, lattice: str | float, row: bool = True) -> np.ndarray:
    """Weights between the valid pixels in raster order."""
    y, x = np.nonzero(valid)
    down, right = np.abs(y[:, None] - y), np.abs(x[:, None] - x)
    near = {"rook": down + right == 1, "queen": np.maximum(down, right) == 1}
    found = (
        near[lattice]
        if isinstance(lattice, str)
        else (np.hypot(down, right) <= lattice) & ~np.eye(y.size, dtype=bool)
    )
    weights = found.astype(float)
    return weights / np.maximum(weights.sum(1, keepdims=True), 1) if row else weights


def pysal(valid: np.ndarray, lattice: str | float) -> libpysal.weights.W:
    """The same as libpysal holds it, before any transformation; ``lat2W`` where nothing is missing."""
    if valid.all() and isinstance(lattice, str):
        return libpysal.weights.lat2W(*valid.shape, rook=lattice == "rook")
    near = matrix(valid, lattice, row=False)
    neighbours = {i: np.flatnonzero(row).tolist() for i, row in enumerate(near)}
    return libpysal.weights.W(neighbours, silence_warnings=True)


def quietly(make: Callable[..., object], *arguments: object, **options: object) -> object:
    """Call a peer without its warnings."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return make(*arguments, **options)


def arrangements(values: np.ndarray, statistic: Callable[[np.ndarray], float]) -> np.ndarray:
    """A statistic of all arrangements of a few values."""
    return np.array([statistic(np.array(order)) for order in itertools.permutations(values.tolist())])
