"""Neutralization by truncated SVD: the window around a mask keeps its coarse structure alone."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch

from spatialstats.defence.fill import Fill
from spatialstats.errors import InputError


@dataclass(frozen=True)
class LowRank(Fill):
    """The hidden pixels' window at low rank.

    The window is the bounding box of the mask; each of its channels is replaced, inside the
    mask, by its best approximation of the given rank.  Unlike the other fills it reads the
    pixels that it replaces.

    Parameters
    ----------
    rank : int
        Singular values that are kept.

    Notes
    -----
    The gradient treats the singular subspace as constant: singular vectors of (nearly)
    equal singular values have none.

    References
    ----------
    N. Chattopadhyay et al., *ODDR: Outlier Detection & Dimension Reduction Based Defense
    Against Adversarial Patches*, ICCV 2025 (arXiv 2311.12084).
    """

    name: ClassVar[str] = "svd"
    label: ClassVar[str] = "truncated SVD"
    differentiable: ClassVar[bool] = False
    reads_hidden: ClassVar[bool] = True
    rank: int = 2

    def __post_init__(self) -> None:
        if self.rank < 1:
            raise InputError(f"the rank of a truncated SVD is at least 1, got {self.rank}.")

    def values(self, x: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """See `Fill.values`."""
        # Rows and columns of zeros around a window add singular values of 0 and change no other,
        # so windows of all sizes are one batch.
        window = torch.where(bounding_boxes(hidden), x, 0)
        if self.rank >= min(x.shape[2:]):
            return window
        with torch.no_grad():
            wide = window.shape[2] <= window.shape[3]
            short = window if wide else window.mT
            _, vectors = torch.linalg.eigh((short @ short.mT).double())
            leading = vectors[..., -self.rank :].to(x.dtype)
            projector = leading @ leading.mT
        low: torch.Tensor = projector @ window if wide else window @ projector
        return low


def bounding_boxes(hidden: torch.Tensor) -> torch.Tensor:
    """bool (N, 1, H, W): the pixels of each mask's bounding box."""
    rows, cols = hidden.any(3, keepdim=True), hidden.any(2, keepdim=True)
    return _span(rows, 2) & _span(cols, 3)


def _span(occupied: torch.Tensor, axis: int) -> torch.Tensor:
    """True from the first to the last true value along an axis."""
    after_first = occupied.cummax(axis).values
    before_last = occupied.flip(axis).cummax(axis).values.flip(axis)
    return after_first & before_last
