"""Integrals of a gradient along straight paths between images, in full micro-batches.

Effect maps and integrated gradients are both made of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

if TYPE_CHECKING:
    import torch

__all__ = [
    "NODES",
    "PathGradient",
    "mean_gradient",
    "micro_batches",
    "path_integral",
    "path_values",
    "refined",
]

NODES = 6
"""Points on a path unless told otherwise."""


class PathGradient(Protocol):
    """A scalar function of an image, and its gradient, at a micro-batch of points."""

    def __call__(self, points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Gradient (P, C, H, W) and value (P,) at `points`; `rows` (P,) are the images they belong to."""


def path_integral(
    gradient: PathGradient, start: torch.Tensor, end: torch.Tensor, *, nodes: int = NODES, size: int = 64
) -> torch.Tensor:
    """Mean gradient on the straight path from `start` to `end`, (N, C, H, W).

    Parameters
    ----------
    gradient : callable
        ``gradient(points, rows) -> (gradient, value)``, called with exactly `size` points.
    start, end : Tensor, (N, C, H, W)
        The two ends, on one device.
    nodes : int
        Midpoints of equal parts of the path, at least 1; 1 with equal ends gives the gradient there.
    size : int
        Points in a micro-batch.

    Returns
    -------
    Tensor, (N, C, H, W)
        Times ``end - start`` it is the integrated gradient.

    Notes
    -----
    The gradient of a network with ReLU or max pooling jumps along a path, so that
    higher-order rules gain nothing: midpoints need no more gradients than
    Gauss-Legendre nodes for the same error (``python analysis/compare_quadrature.py``).
    """
    if nodes < 1 or size < 1:
        raise InputError(f"a path needs at least one node and a micro-batch of one, got {nodes} and {size}")
    return _mean_on_path(gradient, start, end, (np.arange(nodes) + 0.5) / nodes, size)


def refined(
    gradient: PathGradient,
    start: torch.Tensor,
    end: torch.Tensor,
    coarse: torch.Tensor,
    images: torch.Tensor,
    *,
    nodes: int,
    size: int = 64,
) -> torch.Tensor:
    """The integrals of some images with three times the nodes, at twice the price.

    Every third of the finer midpoints is a coarse one: those are not evaluated again.

    Parameters
    ----------
    gradient, start, end, size
        As for `path_integral`.
    coarse : Tensor, (N, C, H, W)
        What it gave with `nodes` nodes.
    images : Tensor of int64, (M,)
        Which are refined.
    nodes : int
        Nodes of `coarse`.

    Returns
    -------
    Tensor, (M, C, H, W)
        What ``path_integral`` gives with ``3 * nodes`` nodes.
    """

    def chosen(points: torch.Tensor, rows: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return gradient(points, images[rows])

    k = np.arange(3 * nodes)
    places = (k[k % 3 != 1] + 0.5) / (3 * nodes)
    return (coarse[images] + 2 * _mean_on_path(chosen, start[images], end[images], places, size)) / 3


def _mean_on_path(
    gradient: PathGradient,
    start: torch.Tensor,
    end: torch.Tensor,
    places: npt.NDArray[np.float64],
    size: int,
) -> torch.Tensor:
    """Mean gradient at some places between 0 (`start`) and 1 (`end`), (N, C, H, W)."""
    import torch

    at = torch.as_tensor(places, dtype=start.dtype, device=start.device)

    def points(rows: torch.Tensor, nodes: torch.Tensor) -> torch.Tensor:
        return torch.lerp(start[rows], end[rows], at[nodes].view(-1, 1, 1, 1))

    return mean_gradient(gradient, points, start, np.full(len(at), 1 / len(at)), size=size)


def mean_gradient(
    gradient: PathGradient,
    points: Callable[[torch.Tensor, torch.Tensor], torch.Tensor],
    like: torch.Tensor,
    weights: npt.NDArray[np.float64],
    *,
    size: int = 64,
) -> torch.Tensor:
    """Weighted sum of the gradients at several points for each image, (N, C, H, W).

    Parameters
    ----------
    gradient : callable
        See `path_integral`.
    points : callable
        ``points(rows, nodes)`` gives the points (P, C, H, W) of image ``rows[p]`` and node ``nodes[p]``.
    like : Tensor, (N, C, H, W)
        An example of the result: its shape, dtype and device.
    weights : ndarray of float64, (K,)
        Weight of each node.
    size : int
        Points in a micro-batch.
    """
    import torch

    n_nodes = len(weights)
    weight = torch.as_tensor(weights, dtype=like.dtype, device=like.device)
    out = torch.zeros_like(like)
    # Image-major: the points of an image are neighbours, so that few images span a
    # micro-batch and the sums below need no scattered (on a GPU: unordered) addition.
    for flat, first, last in micro_batches(len(like) * n_nodes, size, like.device):
        rows = flat // n_nodes
        slopes = gradient(points(rows, flat % n_nodes), rows)[0]
        for row in range(first // n_nodes, (last - 1) // n_nodes + 1):
            own = slice(max(row * n_nodes, first), min((row + 1) * n_nodes, last))
            share = weight[own.start - row * n_nodes : own.stop - row * n_nodes]
            out[row] += torch.tensordot(share, slopes[own.start - first : own.stop - first], dims=1)
    return out


def path_values(
    gradient: PathGradient, points: torch.Tensor, rows: torch.Tensor, *, size: int = 64
) -> torch.Tensor:
    """The function's values (N,) at one of the `points` (N, C, H, W) for each of the images `rows` (N,)."""
    out = points.new_empty(len(rows))
    for flat, first, last in micro_batches(len(rows), size, rows.device):
        out[first:last] = gradient(points[flat], rows[flat])[1][: last - first]
    return out


def micro_batches(
    n: int, size: int, device: torch.device | str = "cpu"
) -> Iterator[tuple[torch.Tensor, int, int]]:
    """Indices of `n` things in batches of exactly `size`; the last is filled up with its last index.

    torch's bits depend on the batch size, so that a short last batch would give other values.

    Yields
    ------
    indices : Tensor of int64, (size,)
    first, last : int
        The half-open range of things that the batch holds.
    """
    import torch

    for first in range(0, n, size):
        yield torch.arange(first, first + size, device=device).clamp_(max=n - 1), first, min(first + size, n)
