"""ODDR: outlying fragments, their biggest cluster, and low rank in its place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch

from spatialstats.defence.blind_windows import pixels, starts
from spatialstats.defence.locate import Knowledge
from spatialstats.defence.locator import Locator, Model
from spatialstats.defence.lowrank import LowRank
from spatialstats.defence.rivals.masking import MaskingRival
from spatialstats.errors import InputError

__all__ = ["Oddr", "OutlyingFragments", "biggest_clusters"]

AVERAGE = -0.5
"""Score of a path of average length: where the forest decides, outliers are below, as in scikit-learn."""


@dataclass(frozen=True)
class OutlyingFragments(Locator):
    """Fragments that an isolation forest sets apart; the biggest cluster of overlapping ones.

    Parameters
    ----------
    window : float
        Side of a fragment, as a share of the image's shorter side.
    step : float
        Distance of neighbouring fragments, as a share of the window.
    outlying : float
        Share of the fragments that are taken for outliers; 0 lets the forest decide.
    sample : float
        Share of the fragments that each tree is grown on.
    trees : int
        Trees of a forest.
    clusters : int
        How many clusters are hidden, the biggest first.
    seed : int
        Of the forest, the same for each image: a mask depends on its image alone.

    Notes
    -----
    The forest is that of [1]_, drawn from the seed by `isolation_scores`; scikit-learn's
    ``IsolationForest``, which it is tested against, is too slow for attacks that ask for a mask
    at every step.

    References
    ----------
    .. [1] Liu, Ting and Zhou, "Isolation Forest", ICDM 2008.
    """

    window: float = 5 / 32
    step: float = 0.2
    outlying: float = 0.1
    sample: float = 0.3
    trees: int = 100
    clusters: int = 1
    seed: int = 0
    name: ClassVar[str] = "oddr"
    label: ClassVar[str] = "isolation forest over fragments"

    def __post_init__(self) -> None:
        for key in ("window", "step", "sample"):
            if not 0 < getattr(self, key) <= 1:
                raise InputError(f"{key} of oddr is a share above 0 and at most 1, got {getattr(self, key)}.")
        if not 0 <= self.outlying <= 0.5:
            raise InputError(f"outlying of oddr is a share of at most 0.5, got {self.outlying}.")
        if self.seed < 0:
            raise InputError(f"seed of oddr is at least 0, got {self.seed}.")
        if self.trees < 1 or self.clusters < 1:
            raise InputError(
                f"oddr takes at least one tree and one cluster, got {self.trees} and {self.clusters}."
            )

    @property
    def knowledge(self) -> Knowledge:
        """See `Locator.knowledge`: nothing but the image, and no region of importance."""
        return Knowledge("blind", "blind", labels=False)

    def find(self, model: Model, x: torch.Tensor) -> torch.Tensor:
        """See `Locator.find`; the forests run on the CPU, in single precision."""
        if torch.compiler.is_compiling():
            # Dynamo traces NumPy and fails at this: a graph break.  As a decorator it would import dynamo.
            return torch.compiler.disable(self._find)(x)  # type: ignore[no-any-return]
        return self._find(x)

    def _find(self, x: torch.Tensor) -> torch.Tensor:
        side = pixels(self.window, x.shape)
        corners = _corners(x.shape, side, max(1, round(self.step * side)))
        masks = np.zeros((len(x), *x.shape[2:]), bool)
        for mask, outlying in zip(masks, self._outliers(x, corners, side), strict=True):
            for row, col in corners[biggest_clusters(outlying, corners, side, self.clusters)]:
                mask[row : row + side, col : col + side] = True
        return torch.from_numpy(masks).to(x.device)

    def _outliers(self, x: torch.Tensor, corners: np.ndarray, side: int) -> np.ndarray:
        """bool (N, M): which of each image's fragments its forest isolates first."""
        from spatialstats.kernels.isolation_cpu import isolation_scores  # heavy

        _, channels, height, width = x.shape
        # Fragments overlap: the forest looks them up in the image, and no copy of them is made.
        points = corners @ (width, 1)
        features = np.ravel_multi_index(np.indices((channels, side, side)), (channels, height, width)).ravel()
        values = x.flatten(1).float().cpu().numpy()
        sample = max(1, int(self.sample * len(points)))
        scores = isolation_scores(values, points, features, sample, self.trees, self.seed)
        cut: Any = AVERAGE
        if self.outlying:
            cut = np.percentile(scores, 100 * self.outlying, axis=1, keepdims=True)
        # Fragments that are all alike have no outlier among them, however their score is rounded.
        found: np.ndarray = (scores < cut) & (np.ptp(scores, axis=1, keepdims=True) > 0)
        return found


class Oddr(MaskingRival):
    """ODDR: fragments, isolation forest, biggest cluster of overlapping outliers, truncated SVD.

    Parameters
    ----------
    model : Classifier, torch.nn.Module or callable
        The undefended model.
    window, step, outlying, sample, trees, clusters
        See `OutlyingFragments`.  The source gives the sub-sample of 30 % and that there may be
        more than one cluster; its window, stride, threshold and rank could not be read.
    rank : int
        Of the window around the mask that stays.

    Notes
    -----
    The gradient takes the mask for constant and follows `LowRank`'s straight-through one.

    References
    ----------
    N. Chattopadhyay, A. Guesmi, M. A. Hanif, B. Ouni, M. Shafique, *ODDR: Outlier Detection &
    Dimension Reduction Based Defense Against Adversarial Patches*, ICCV 2025 (arXiv 2311.12084).
    """

    name: ClassVar[str] = "oddr"
    label: ClassVar[str] = "ODDR"
    ours: ClassVar[tuple[str, ...]] = ("window", "step", "outlying", "trees", "rank")

    def __init__(
        self,
        model: Model,
        *,
        window: float = 5 / 32,
        step: float = 0.2,
        outlying: float = 0.1,
        sample: float = 0.3,
        trees: int = 100,
        clusters: int = 1,
        rank: int = 1,
    ) -> None:
        locating = {
            "window": window,
            "step": step,
            "outlying": outlying,
            "sample": sample,
            "trees": trees,
            "clusters": clusters,
        }
        locator = OutlyingFragments(**locating)  # type: ignore[arg-type]
        super().__init__(model, locator, LowRank(rank), **locating, rank=rank)


def biggest_clusters(outlying: np.ndarray, corners: np.ndarray, side: int, count: int) -> np.ndarray:
    """bool (M,): the outlying fragments of the `count` biggest clusters.

    Two fragments belong together when they overlap, and a cluster is as big as it has fragments;
    of equal ones the first in raster order comes first.

    Parameters
    ----------
    outlying : numpy.ndarray
        bool (M,).
    corners : numpy.ndarray
        int (M, 2): top left corners of the fragments.
    side : int
        Side of a fragment in pixels.
    count : int
        Clusters that are kept.
    """
    from scipy.sparse.csgraph import connected_components

    chosen = np.zeros(len(outlying), bool)
    where = np.flatnonzero(outlying)
    if len(where) == 0:
        return chosen
    apart = np.abs(corners[where, None] - corners[where]).max(2)
    labels = connected_components(apart < side, directed=False)[1]
    order = np.argsort(-np.bincount(labels), kind="stable")[:count]  # labels are in order of first appearance
    chosen[where[np.isin(labels, order)]] = True
    return chosen


def _corners(shape: tuple[int, ...], side: int, stride: int) -> np.ndarray:
    """int (M, 2): top left corners of the fragments, row by row."""
    rows, cols = (starts(length, side, stride).numpy() for length in shape[2:])
    return np.stack(np.meshgrid(rows, cols, indexing="ij"), -1).reshape(-1, 2)
