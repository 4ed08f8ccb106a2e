"""Neighbours of the pixels of an image: rook and queen contiguity, row-standardised."""

from __future__ import annotations

from typing import Literal

import numpy as np

from spatialstats.errors import unknown

Contiguity = Literal["rook", "queen"]
CONTIGUITIES = ("rook", "queen")


def neighbour_means(maps: np.ndarray, contiguity: Contiguity = "rook") -> np.ndarray:
    """Mean over the neighbours of each pixel: the row-standardised spatial lag.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, H, W), at least two pixels an image.
    contiguity : {"rook", "queen"}
        Pixels that share an edge, or an edge or corner.  Those at the border have fewer.

    Returns
    -------
    numpy.ndarray
        float64 (N, H, W).
    """
    if contiguity not in CONTIGUITIES:
        raise unknown("contiguity", contiguity, CONTIGUITIES)
    ones = np.ones((1, *maps.shape[1:]))
    return np.asarray(_sums(maps.astype(np.float64), contiguity) / _sums(ones, contiguity))


def _sums(maps: np.ndarray, contiguity: Contiguity) -> np.ndarray:
    height, width = maps.shape[1:]
    padded = np.pad(maps, ((0, 0), (1, 1), (1, 1)))
    around = np.zeros(maps.shape)
    for down in range(3):
        for right in range(3):
            steps = abs(down - 1) + abs(right - 1)
            if steps == 1 or (steps == 2 and contiguity == "queen"):
                around += padded[:, down : down + height, right : right + width]
    return around
