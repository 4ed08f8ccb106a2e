"""Arrays of images, whatever their layout and type, read by row as (n, C, H, W) in [0, 1]."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.data.normalisation import TOLERANCE, out_of_range
from spatialstats.data.splitting import digest
from spatialstats.errors import InputError

Array = npt.NDArray[Any]
CHUNK_VALUES = 2 << 20
_CHANNELS = (1, 3)


@dataclass(frozen=True)
class ArrayImages:
    """Images in an array, perhaps memory-mapped, perhaps with the channels last.

    Attributes
    ----------
    array : ndarray, (N, C, H, W)
        A view in the canonical order: uint8, or float in [0, 1].
    note : str or None
        What was done to bring it there, when that was anything.
    """

    array: Array
    note: str | None = None

    def __len__(self) -> int:
        return len(self.array)

    @property
    def shape(self) -> tuple[int, int, int]:
        _, c, h, w = self.array.shape
        return (c, h, w)

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows as float32 in [0, 1]."""
        return to_unit(np.ascontiguousarray(self.array[rows]))

    def digests(self, rows: npt.NDArray[np.int64]) -> list[bytes]:
        """Digest of the pixel bytes of each row, in (C, H, W) order, of the stored type."""
        return [digest(np.ascontiguousarray(self.array[row]).data.cast("B")) for row in rows]

    def chunks(self) -> Iterator[tuple[int, Array]]:
        """First row and stored values of consecutive pieces of about two million values."""
        step = max(1, CHUNK_VALUES // int(np.prod(self.shape)))
        for first in range(0, len(self), step):
            yield first, np.ascontiguousarray(self.array[first : first + step])


def to_unit(values: Array) -> npt.NDArray[np.float32]:
    """uint8 divided by 255, floats clipped to [0, 1] (checked before: only rounding goes)."""
    if values.dtype == np.uint8:
        return values.astype(np.float32) / np.float32(255)
    return np.clip(values.astype(np.float32), 0, 1)


def as_images(array: Array, where: str) -> ArrayImages:
    """Recognise the layout and type of an array of images; values are not looked at.

    Channels in the last place are moved to the second when only the last place can be channels
    (1 or 3); arrays (N, H, W) get one channel.

    Parameters
    ----------
    array : ndarray
        ``(N, C, H, W)``, ``(N, H, W, C)`` or ``(N, H, W)``; uint8 or float.
    where : str
        What to call it in messages.

    Raises
    ------
    InputError
        If it is empty, of another type, or of a shape that cannot be images.
    """
    kind = array.dtype.kind
    if array.dtype != np.uint8 and kind != "f":
        raise InputError(
            f"images must be uint8, or float in [0, 1], got {array.dtype} in {where}: convert them, as with "
            ".astype('uint8') for values 0 to 255"
        )
    if 0 in array.shape:
        raise InputError(f"at least one image is needed, got an array of shape {array.shape} in {where}")
    if array.ndim == 3:
        return ArrayImages(array[:, None], f"{where}: shape {array.shape} was read as grey images (N, H, W).")
    if array.ndim != 4:
        raise InputError(f"images must be (N, C, H, W), got shape {array.shape} in {where}: reshape them")
    first, last = array.shape[1], array.shape[3]
    if first not in _CHANNELS and last in _CHANNELS:
        moved = array.transpose(0, 3, 1, 2)
        return ArrayImages(
            moved, f"{where}: shape {array.shape} has its channels last and was read as {moved.shape}."
        )
    if first not in _CHANNELS and first >= min(array.shape[2:]):
        raise InputError(
            f"images must be (N, C, H, W) or (N, H, W, C) with 1 or 3 channels, got shape {array.shape} in "
            f"{where}: reorder or reshape them"
        )
    return ArrayImages(array)


def check_values(images: ArrayImages, what: str) -> None:
    """Refuse floats that are not finite or lie outside [0, 1]; one pass over the array.

    Parameters
    ----------
    images : ArrayImages
        What to look at; uint8 needs no look.
    what : str
        What to call them: ``"images"``, ``"adversarial images"``.

    Raises
    ------
    InputError
        With the range seen and, where it can be told, what was done to the images.
    """
    if images.array.dtype == np.uint8:
        return
    channels = images.shape[0]
    low, high = np.full(channels, np.inf), np.full(channels, -np.inf)
    bad: list[int] = []
    for first, values in images.chunks():
        lowest, highest = values.min(axis=(2, 3)), values.max(axis=(2, 3))  # NaN and infinity come through
        finite = np.isfinite(lowest).all(1) & np.isfinite(highest).all(1)
        bad.extend((first + np.flatnonzero(~finite)).tolist())
        if finite.any():
            low = np.minimum(low, lowest[finite].min(0))
            high = np.maximum(high, highest[finite].max(0))
    if bad:
        raise InputError(
            f"{what} must be finite numbers, got NaN or infinity in {len(bad):,} of {len(images):,} images "
            f"(the first is row {bad[0]}): remove those rows from every file, or make them anew"
        )
    if low.min() < -TOLERANCE or high.max() > 1 + TOLERANCE:
        raise out_of_range(what, low, high)
