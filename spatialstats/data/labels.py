"""True classes: whole numbers, one an image, within the classes there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

_MOST = 100_000  # above this a "class number" is an identifier


def as_labels(
    values: npt.NDArray[Any], n_images: int, where: str, n_classes: int | None = None
) -> npt.NDArray[np.int64]:
    """Check labels and bring them to int64 (N,).

    Parameters
    ----------
    values : ndarray, (N,) or (N, 1)
        Integers, or floats that are whole numbers.
    n_images : int
        How many there must be.
    where : str
        What to call them in messages.
    n_classes : int, optional
        Number of classes, where known.

    Raises
    ------
    InputError
        If their number, type or range does not fit.
    """
    if values.ndim == 2 and values.shape[1] == 1:
        values = values[:, 0]
    if values.ndim == 2:
        raise InputError(
            f"labels must be one class number an image, got shape {values.shape} in {where}: take .argmax(1) "
            "of one-hot labels or scores"
        )
    if values.ndim != 1 or values.dtype.kind not in "iubf":
        raise InputError(
            f"labels must be whole numbers (N,), got {values.dtype} of shape {values.shape} in {where}: "
            "number the classes from 0"
        )
    if len(values) != n_images:
        raise InputError(
            f"there must be one label an image, got {len(values):,} labels for {n_images:,} images in "
            f"{where}: save both from the same rows"
        )
    if values.dtype.kind == "f" and not (np.isfinite(values).all() and (values == np.floor(values)).all()):
        row = int(np.flatnonzero(~np.isfinite(values) | (values != np.floor(values)))[0])
        raise InputError(
            f"labels must be whole numbers, got {values[row]} at row {row} in {where}: number the classes "
            "from 0"
        )
    most = (n_classes or _MOST) - 1
    wrong = np.flatnonzero((values < 0) | (values > most))
    if len(wrong):
        raise InputError(
            f"labels must lie in 0..{most}, got {int(values[wrong[0]])} at row {wrong[0]} ({len(wrong):,} "
            f"rows lie outside) in {where}: number the classes from 0, in the order of the model's outputs"
        )
    return np.array(values).astype(np.int64)


def as_classes(values: npt.NDArray[Any] | None, labels: npt.NDArray[np.int64]) -> tuple[str, ...]:
    """Class names from an array of strings, else the numbers up to the largest label."""
    if values is not None and values.dtype.kind == "U" and values.ndim == 1:
        return tuple(str(v) for v in values)
    return tuple(str(k) for k in range(int(labels.max()) + 1))
