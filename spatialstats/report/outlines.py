"""Masks as vector outlines: crisp at any zoom and coloured by the page's own variables."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

LIMIT = 16_000
"""Characters that one outline may take before it is drawn from a coarser mask."""


def outline(mask: NDArray[np.bool_]) -> str:
    """Outline of a mask along its pixel edges as SVG path data in pixel units.

    Parameters
    ----------
    mask : ndarray of bool, shape (H, W)

    Returns
    -------
    str
        Closed loops in which the mask lies to the right of the direction of travel, so that both fill
        rules paint exactly the mask; empty for an empty mask.  Where the exact outline would take more
        than `LIMIT` characters, the mask is halved by majority in 2 x 2 blocks first.
    """
    mask = np.asarray(mask, dtype=bool)
    step = 1
    while True:
        small = min(mask.shape) < 8
        if small or 2 * _corners(mask) <= LIMIT:  # a corner takes two characters at least
            path = _trace(mask, step)
            if small or len(path) <= LIMIT:
                return path
        mask, step = _halve(mask), step * 2


def _halve(mask: NDArray[np.bool_]) -> NDArray[np.bool_]:
    rows, columns = mask.shape
    padded = np.pad(mask, ((0, rows % 2), (0, columns % 2)), mode="edge")
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2).sum(axis=(1, 3))
    return np.asarray(blocks >= 2)


def _corners(mask: NDArray[np.bool_]) -> int:
    framed = np.pad(mask, 1)
    blocks = framed[:-1, :-1] ^ framed[:-1, 1:] ^ framed[1:, :-1] ^ framed[1:, 1:]
    diagonal = (framed[:-1, :-1] == framed[1:, 1:]) & (framed[:-1, 1:] == framed[1:, :-1])
    return int(blocks.sum()) + 2 * int((diagonal & (framed[:-1, :-1] != framed[:-1, 1:])).sum())


def _edges(mask: NDArray[np.bool_]) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Directed unit edges of the boundary: start corner -> directions (drow, dcolumn)."""
    framed = np.pad(mask, 1)
    inside, shapes = framed[1:-1, 1:-1], []
    for direction, neighbour, corner in (
        ((0, 1), framed[:-2, 1:-1], (0, 0)),
        ((1, 0), framed[1:-1, 2:], (0, 1)),
        ((0, -1), framed[2:, 1:-1], (1, 1)),
        ((-1, 0), framed[1:-1, :-2], (1, 0)),
    ):
        rows, columns = np.nonzero(inside & ~neighbour)
        shapes.append((direction, rows + corner[0], columns + corner[1]))
    edges: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for direction, rows, columns in shapes:
        for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
            edges.setdefault((row, column), []).append(direction)
    return edges


def _trace(mask: NDArray[np.bool_], step: int) -> str:
    edges = _edges(mask)
    parts: list[str] = []
    while edges:
        start = next(iter(edges))  # the first top edge in raster order, hence a corner
        here, heading = start, (0, 0)
        corners: list[tuple[int, int]] = []
        while True:
            choices = edges[here]
            # At a corner where two pixels touch diagonally turn right: pixels stay separate (4-connected).
            right = (heading[1], -heading[0])
            direction = right if right in choices else choices[0]
            choices.remove(direction)
            if not choices:
                del edges[here]
            if direction != heading:
                corners.append(here)
                heading = direction
            here = (here[0] + direction[0], here[1] + direction[1])
            if here == start:
                break
        parts.append(_loop(corners, step))
    return "".join(parts)


def _loop(corners: list[tuple[int, int]], step: int) -> str:
    (row, column), *rest = corners
    path = [f"M{column * step} {row * step}"]
    for next_row, next_column in rest:
        if next_row == row:
            path.append(f"h{(next_column - column) * step}")
        else:
            path.append(f"v{(next_row - row) * step}")
        row, column = next_row, next_column
    path.append("z")
    return "".join(path)
