"""Densities: what many maps look like together, overall, per class and per outcome."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from spatialstats.errors import InputError
from spatialstats.kernels import PixelMoments, density

N_OUTCOMES = 3  # misclassified, resisted, succeeded
CORRECT = (1, 2)  # the outcomes of images that were classified correctly before the attack


def groups(labels: np.ndarray, outcomes: np.ndarray, n_classes: int) -> tuple[np.ndarray, int]:
    """The cell of each image in a table of classes by outcomes: ``class * 3 + outcome``.

    Parameters
    ----------
    labels : numpy.ndarray
        int (N,) true classes in [0, n_classes); with one class they are not told apart.
    outcomes : numpy.ndarray
        int (N,): 0 misclassified, 1 resisted, 2 succeeded.
    n_classes : int
        How many classes are told apart.

    Returns
    -------
    numpy.ndarray
        int64 (N,), for `kernels.density`.
    int
        Number of cells.

    Raises
    ------
    InputError
        If a label or an outcome is out of range.
    """
    labels, outcomes = np.asarray(labels, np.int64), np.asarray(outcomes, np.int64)
    if n_classes == 1:
        labels = np.zeros_like(labels)
    for name, codes, n in (("labels", labels, n_classes), ("outcomes", outcomes, N_OUTCOMES)):
        if codes.shape != labels.shape or (codes.size and not 0 <= codes.min() <= codes.max() < n):
            raise InputError(
                f"{name} must be one integer an image in [0, {n - 1}], got shape {codes.shape} "
                f"with {codes.min(initial=0)} to {codes.max(initial=0)}."
            )
    return labels * N_OUTCOMES + outcomes, n_classes * N_OUTCOMES


@dataclass(frozen=True)
class Density:
    """A view of moments whose groups are classes by outcomes.

    Sums are exact integers, so every margin equals what one pass over those images alone
    would give, to the bit.

    Parameters
    ----------
    moments : PixelMoments
        With the groups of `groups`.
    """

    moments: PixelMoments

    def __post_init__(self) -> None:
        if len(self.moments.count) % N_OUTCOMES:
            raise InputError(
                f"a density has 3 outcomes for each class, got {len(self.moments.count)} groups: "
                "form them with spatialstats.density.groups."
            )

    @property
    def n_classes(self) -> int:
        """How many classes are told apart."""
        return len(self.moments.count) // N_OUTCOMES

    def overall(self, outcomes: Sequence[int] | None = None) -> PixelMoments:
        """Moments of all images as one group; of some `outcomes` only, where they are named."""
        return self._pooled(np.zeros(self.n_classes * N_OUTCOMES, np.int64), 1, outcomes)

    def by_class(self, outcomes: Sequence[int] | None = None) -> PixelMoments:
        """Moments per true class; of some `outcomes` only, where they are named."""
        return self._pooled(np.arange(self.n_classes * N_OUTCOMES) // N_OUTCOMES, self.n_classes, outcomes)

    def by_outcome(self) -> PixelMoments:
        """Moments per outcome: misclassified, resisted, succeeded."""
        return self._pooled(np.arange(self.n_classes * N_OUTCOMES) % N_OUTCOMES, N_OUTCOMES, None)

    def _pooled(self, target: np.ndarray, n: int, outcomes: Sequence[int] | None) -> PixelMoments:
        if outcomes is not None:
            left_out = ~np.isin(np.arange(len(target)) % N_OUTCOMES, outcomes)
            target = np.where(left_out, -1, target)
        return self.moments.pool(target, n)


@dataclass(frozen=True)
class MaskDensity:
    """How often each pixel lies in a mask, per class and outcome: exact counts.

    Parameters
    ----------
    n : numpy.ndarray
        int64 (G,): images in each cell of `groups`.
    hits : numpy.ndarray
        int64 (G, H, W): in how many of them the pixel lies in the mask.
    """

    n: np.ndarray
    hits: np.ndarray

    @classmethod
    def of(cls, masks: np.ndarray, cells: np.ndarray, n_cells: int) -> MaskDensity:
        """Count bool masks (N, H, W) whose cells are int (N,)."""
        moments = density(masks, cells, n_cells)
        return cls(moments.count, moments.positive // moments.steps)

    def merge(self, other: MaskDensity) -> MaskDensity:
        """The counts of both."""
        return MaskDensity(self.n + other.n, self.hits + other.hits)

    def overall(self) -> np.ndarray:
        """float64 (H, W): the frequency over all images, NaN without any."""
        frequency: np.ndarray = self._frequency((1, -1))[0]
        return frequency

    def by_class(self) -> np.ndarray:
        """float64 (K, H, W): the frequency per true class."""
        return self._frequency((-1, N_OUTCOMES))

    def by_outcome(self) -> np.ndarray:
        """float64 (3, H, W): the frequency per outcome."""
        shaped = (-1, N_OUTCOMES)
        n = self.n.reshape(shaped).sum(0)
        hits = self.hits.reshape(*shaped, *self.hits.shape[1:]).sum(0)
        return _ratio(hits, n)

    def _frequency(self, shaped: tuple[int, int]) -> np.ndarray:
        n = self.n.reshape(shaped).sum(1)
        return _ratio(self.hits.reshape(*shaped, *self.hits.shape[1:]).sum(1), n)


def _ratio(hits: np.ndarray, n: np.ndarray) -> np.ndarray:
    """hits / n over the leading axis, NaN where n is 0."""
    out = np.full(hits.shape, np.nan)
    np.divide(hits, n[:, None, None], out=out, where=n[:, None, None] > 0)
    return out
