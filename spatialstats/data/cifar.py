"""CIFAR-10: the statistics its models are normalised by, the whole set, the embedded thousand."""

from __future__ import annotations

import json
from importlib.resources import files
from pathlib import Path

import numpy as np

from spatialstats.data.cache import Images, Labels
from spatialstats.data.fetching import load_part
from spatialstats.data.source import Report
from spatialstats.errors import InputError

MEAN = (0.4914, 0.4822, 0.4465)  # of the training set, by channel, in [0, 1] units
STD = (0.2470, 0.2435, 0.2616)
CLASSES = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")


def load_cifar10(
    split: str, cache: str | Path | None = None, *, report: Report | None = None
) -> tuple[Images, Labels]:
    """One whole split of CIFAR-10, from the cache; fetched into it when it is not there.

    Parameters
    ----------
    split : {"train", "test"}
        Which of the two.
    cache : path, optional
        Cache folder; by default ``$SPATIALSTATS_CACHE``, else the XDG cache.
    report : callable, optional
        Called with a sentence for each step of the fetch.

    Returns
    -------
    images : ndarray of uint8, (N, 3, 32, 32)
        Memory-mapped, in the original order.
    labels : ndarray of int64, (N,)
        Positions in `CLASSES`.

    Raises
    ------
    InputError
        If the split is unknown, or the set is not cached and cannot be fetched.

    References
    ----------
    Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images.
    """
    return load_part("cifar10", split, cache, report=report)


def load_embedded() -> tuple[Images, Labels, Labels]:
    """The 1,000 test images that come with the package: 100 a class, lossless.

    Returns
    -------
    images : ndarray of uint8, (1000, 3, 32, 32)
        The first 100 test images of each class, in the original order.
    labels : ndarray of int64, (1000,)
        Positions in `CLASSES`.
    indices : ndarray of int64, (1000,)
        Positions in the 10,000 test images.

    Raises
    ------
    InputError
        If the embedded files are damaged.

    References
    ----------
    Krizhevsky (2009). Learning Multiple Layers of Features from Tiny Images.
    """
    from PIL import Image

    folder = files("spatialstats.data") / "embedded"
    try:
        about = json.loads((folder / "cifar10_test_1000.json").read_text(encoding="utf-8"))
        with (folder / about["file"]).open("rb") as file, Image.open(file) as sheet:
            pixels = np.asarray(sheet.convert("RGB"))
        images = from_sheet(pixels, len(about["labels"]))
    except (OSError, ValueError, KeyError) as error:
        raise InputError(
            f"the embedded CIFAR-10 images cannot be read ({error}): install spatialstats again, with a "
            "Pillow that reads WebP"
        ) from error
    return images, np.array(about["labels"], np.int64), np.array(about["indices"], np.int64)


def to_sheet(images: Images, columns: int) -> Images:
    """Lay images (N, 3, 32, 32) out on one sheet (H, W, 3), row by row."""
    rows = len(images) // columns
    tiles = images.reshape(rows, columns, 3, 32, 32).transpose(0, 3, 1, 4, 2)
    return np.ascontiguousarray(tiles).reshape(rows * 32, columns * 32, 3)


def from_sheet(sheet: Images, n: int) -> Images:
    """The images (N, 3, 32, 32) of a sheet that `to_sheet` laid out."""
    height, width, _ = sheet.shape
    if height % 32 or width % 32 or (height // 32) * (width // 32) != n:
        raise ValueError(f"a sheet of {n} images is expected, got {height} x {width} pixels")
    tiles = sheet.reshape(height // 32, 32, width // 32, 32, 3).transpose(0, 2, 4, 1, 3)
    return np.ascontiguousarray(tiles).reshape(n, 3, 32, 32)
