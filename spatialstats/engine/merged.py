"""Chunk results put together: exact sums of moments, rows in order."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from spatialstats.density import MaskDensity
from spatialstats.engine.mask_files import MaskFiles
from spatialstats.kernels import PixelMoments

MOMENTS, MASKS, PACKED = "moments", "frequency", "mask"
REGIONS, RESERVOIR, PICTURES = IN_FILES = "region", "reservoir", "picture"


class Merged:
    """The sum of the chunks that are done.

    A chunk's result is a flat dictionary of arrays.  Names that begin with ``moments.``
    belong to `PixelMoments` and those with ``frequency.`` to `MaskDensity`: both add up
    exactly.  ``region.``, ``reservoir.`` and ``picture.`` stay in the chunk's file until the
    run's own files are written.  ``mask.`` are packed masks: those of the correctly classified
    images go into files, see `packed`.  Everything else is one row an image and is strung together.

    Parameters
    ----------
    folder : Path
        Where the files of masks lie, see `RunDirectory.masks_path`.
    """

    def __init__(self, folder: Path) -> None:
        self._parts: dict[str, list[np.ndarray]] = {}
        self._files = MaskFiles(folder)
        self.moments: dict[str, PixelMoments] = {}
        self.masks: dict[str, MaskDensity] = {}

    def add(self, arrays: Mapping[str, np.ndarray]) -> None:
        """Take in the result of one more chunk."""
        summed: dict[tuple[str, str], dict[str, np.ndarray]] = {}
        for name, array in arrays.items():
            kind, _, rest = name.partition(".")
            if kind in (MOMENTS, MASKS):
                of, _, field = rest.rpartition(".")
                summed.setdefault((kind, of), {})[field] = array
            elif kind == PACKED:
                self._files.append(rest, array[arrays["row.correct"]])
            elif kind not in IN_FILES:
                self._parts.setdefault(name, []).append(array)
        for (kind, of), fields in summed.items():
            if kind == MOMENTS:
                moments = PixelMoments.from_arrays(fields)
                self.moments[of] = self.moments[of].merge(moments) if of in self.moments else moments
            else:
                masks = MaskDensity(fields["n"], fields["hits"].astype(np.int64))
                self.masks[of] = self.masks[of].merge(masks) if of in self.masks else masks

    def __getitem__(self, name: str) -> np.ndarray:
        parts = self._parts[name]
        if len(parts) > 1:
            self._parts[name] = parts = [np.concatenate(parts)]  # kept once, not beside its parts
        return parts[0]

    def __contains__(self, name: str) -> bool:
        return name in self._parts

    def packed(self, name: str) -> np.ndarray:
        """Packed masks of the correctly classified images, uint64 (m, words), out of a file.

        Parameters
        ----------
        name : str
            ``roi``, ``other.0``, ``<attack>/roa`` and so on, as the chunks' results name them.
        """
        return self._files[name]

    def has_packed(self, name: str) -> bool:
        """Whether there are masks of that name."""
        return name in self._files

    def names(self, prefix: str) -> list[str]:
        """The row arrays whose name begins with `prefix`, without it."""
        return [name.removeprefix(prefix) for name in self._parts if name.startswith(prefix)]


def moments_to_arrays(of: str, moments: PixelMoments) -> dict[str, np.ndarray]:
    """`moments` as arrays of a chunk's result."""
    return {f"{MOMENTS}.{of}.{field}": array for field, array in moments.to_arrays().items()}


def masks_to_arrays(of: str, masks: MaskDensity) -> dict[str, np.ndarray]:
    """`masks` as arrays of a chunk's result, which never has 2^31 images."""
    return {f"{MASKS}.{of}.n": masks.n, f"{MASKS}.{of}.hits": masks.hits.astype(np.int32)}
