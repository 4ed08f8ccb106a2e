"""The packed masks of a run, in one file a mask: memory stays flat in the number of images."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np

from spatialstats.engine.files import refuse_full_disk


class MaskFiles:
    """Packed masks, appended chunk by chunk and read through the system's page cache.

    The files are put together anew from the chunks' results by every process that works on a run,
    and lie beside them.

    Parameters
    ----------
    folder : Path
        Where they lie; what an earlier process left there is dropped.
    """

    def __init__(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        self._folder = folder
        self._places: dict[str, int] = {}  # names hold any character, so that files have numbers
        self._shapes: dict[str, tuple[int, int]] = {}

    def append(self, name: str, packed: np.ndarray) -> None:
        """Add the masks of more images, uint64 (n, words)."""
        n, words = packed.shape
        held, _ = self._shapes.get(name, (0, words))
        path = self._path(name)
        with refuse_full_disk(path):
            self._folder.mkdir(parents=True, exist_ok=True)
            with path.open("ab") as file:
                file.write(np.ascontiguousarray(packed, np.uint64).data)
        self._shapes[name] = (held + n, words)

    def __getitem__(self, name: str) -> np.ndarray:
        """The masks of all images so far, uint64 (N, words), read-only: a `numpy.memmap`."""
        shape = self._shapes[name]
        if not shape[0]:
            return np.zeros(shape, np.uint64)  # an empty file cannot be mapped
        return np.memmap(self._path(name), np.uint64, "r", shape=shape)

    def __contains__(self, name: str) -> bool:
        return name in self._shapes

    def _path(self, name: str) -> Path:
        return self._folder / f"{self._places.setdefault(name, len(self._places))}.masks"
