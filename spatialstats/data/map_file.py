"""Maps and masks that someone brings in a file: ``.npz`` or ``.npy``, without running code."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.data.arrayfile import BARE, ArrayFile
from spatialstats.errors import InputError

SUFFIXES = (".npz", ".npy")
USUAL = ("maps", "masks", "map", "mask", "arr_0")


def read_maps(path: Path, key: str | None = None) -> npt.NDArray[Any]:
    """Maps of a file, checked.

    Parameters
    ----------
    path : Path
        ``.npy``, or ``.npz`` with one array, one of the names in `USUAL`, or `key`.
    key : str, optional
        Name of the array in an ``.npz``.

    Returns
    -------
    numpy.ndarray
        (N, H, W): bool, or finite numbers as float64; float32 stays as it is.

    Raises
    ------
    InputError
        If the file holds no such maps.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError(f"maps come as .npz or .npy, got {path}: save them with numpy.savez or numpy.save.")
    file = ArrayFile(path)
    maps = np.asarray(file.get(_name(file, path, key)))
    if maps.ndim == 2:
        maps = maps[None]
    if maps.ndim == 4 and maps.shape[1] == 1:
        maps = maps[:, 0]
    if maps.ndim != 3 or maps.size == 0:
        raise InputError(
            f"{path} must hold maps (N, H, W), one an image, got shape {maps.shape}: sum over the channels "
            "first, and leave out what is no map."
        )
    if maps.dtype.kind not in "bfiu":
        raise InputError(f"{path} must hold numbers or masks, got {maps.dtype}: convert them.")
    if maps.dtype == bool:
        return maps
    bad = ~np.isfinite(maps).all((1, 2))
    if bad.any():
        raise InputError(
            f"{path} must be finite, got NaN or infinity in {int(bad.sum())} of {len(maps)} maps (the first "
            f"is map {int(np.flatnonzero(bad)[0])}): fill them, or leave these images out of both files."
        )
    return maps if maps.dtype == np.float32 else maps.astype(np.float64)


def read_classes(path: Path) -> npt.NDArray[Any]:
    """Class numbers, one an image, from ``.npy`` or the only array of an ``.npz``."""
    file = ArrayFile(path)
    classes = np.asarray(file.get(_name(file, path, None)))
    if classes.ndim != 1 or classes.dtype.kind not in "iu":
        raise InputError(
            f"{path} must hold one integer an image, got {classes.dtype} {classes.shape}: save the labels."
        )
    return classes


def _name(file: ArrayFile, path: Path, key: str | None) -> str:
    if key is not None:
        if key not in file.names:
            held = ", ".join(name or "one without a name" for name in file.names)
            raise InputError(f"{path} holds no array {key!r}: it has {held}.")
        return key
    if len(file.names) == 1:
        return file.names[0]
    found = file.find(USUAL)
    if found is None or found == BARE:
        raise InputError(
            f"{path} holds {len(file.names)} arrays ({', '.join(file.names)[:200]}): say which one with "
            f"--key, or name it {USUAL[0]!r}."
        )
    return found
