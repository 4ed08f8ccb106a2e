"""Which pixels of an image are sites, and where they lie in an image with a border around it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .checks import Array


@dataclass(frozen=True, eq=False)
class Layout:
    """What `lattice.Lattice` is given, checked, and the indices that loops over it need."""

    shape: tuple[int, int]
    offsets: tuple[tuple[int, int], ...]
    row_standardised: bool = True
    mask: NDArray[np.bool_] | None = None
    torus: bool = False

    def __post_init__(self) -> None:
        height, width = (int(length) for length in self.shape)
        offsets = tuple(sorted((int(row), int(col)) for row, col in self.offsets))
        object.__setattr__(self, "shape", (height, width))
        object.__setattr__(self, "offsets", offsets)
        if not (height > 0 and width > 0 and height * width < 1 << 31):
            raise ValueError(f"shape must be two positive numbers, below 2^31 pixels, got {self.shape}.")
        known = set(offsets)
        if not known or len(known) < len(offsets) or (0, 0) in known:
            raise ValueError(f"offsets must be different, at least two, none (0, 0), got {self.offsets}.")
        if any((-row, -col) not in known for row, col in known):
            raise ValueError(f"offsets must hold the opposite of each, got {self.offsets}.")
        if self.torus and any(2 * r >= size for r, size in zip(self.reach, self.shape, strict=True)):
            raise ValueError(
                f"a torus must be wider than twice its stencil, got {self.shape} for offsets up to "
                f"{self.reach}: pixels would be neighbours twice."
            )
        if self.mask is not None:
            if not isinstance(self.mask, np.ndarray) or self.mask.dtype != np.bool_:
                raise TypeError("mask must be a NumPy array of bool: compare with a threshold first.")
            if self.mask.shape != self.shape or not self.mask.any():
                raise ValueError(
                    f"mask must have shape {self.shape} and a valid pixel, got {self.mask.shape} "
                    f"and {int(self.mask.sum())} valid."
                )

    @cached_property
    def n(self) -> int:
        """Number of sites."""
        return self.shape[0] * self.shape[1] if self.mask is None else int(self.mask.sum())

    @cached_property
    def is_full(self) -> bool:
        """Whether every pixel is a site."""
        return self.n == self.shape[0] * self.shape[1]

    @cached_property
    def sites(self) -> NDArray[np.int32]:
        """Pixel of each site in raster order, (n,)."""
        return np.flatnonzero(self.valid).astype(np.int32)

    @cached_property
    def reach(self) -> tuple[int, int]:
        """Rows and columns that the stencil spans on either side."""
        return max(abs(row) for row, _ in self.offsets), max(abs(col) for _, col in self.offsets)

    @cached_property
    def padded_shape(self) -> tuple[int, int]:
        """Shape with a border as wide as the stencil's reach."""
        return self.shape[0] + 2 * self.reach[0], self.shape[1] + 2 * self.reach[1]

    @cached_property
    def places(self) -> NDArray[np.int32]:
        """Each site's index in the padded image, (n,)."""
        rows, cols = np.divmod(self.sites, np.int32(self.shape[1]))
        return ((rows + self.reach[0]) * self.padded_shape[1] + cols + self.reach[1]).astype(np.int32)

    @cached_property
    def steps(self) -> NDArray[np.int32]:
        """The offsets as steps in the padded image, in the order of `offsets`, (m,)."""
        return np.array([row * self.padded_shape[1] + col for row, col in self.offsets], np.int32)

    @cached_property
    def halo(self) -> NDArray[np.int32]:
        """Border pixels of the padded image and where their values come from on a torus, (2, h)."""
        if not self.torus:
            return np.zeros((2, 0), np.int32)
        grid = np.indices(self.padded_shape)
        inner = [
            (axis - reach) % size + reach
            for axis, reach, size in zip(grid, self.reach, self.shape, strict=True)
        ]
        source = inner[0] * self.padded_shape[1] + inner[1]
        own = np.arange(source.size).reshape(source.shape)
        return np.stack([own[source != own], source[source != own]]).astype(np.int32)

    @property
    def valid(self) -> Array:
        """Which pixels are sites, bool (H, W)."""
        return np.ones(self.shape, bool) if self.mask is None else self.mask
