"""A folder of class folders of images, decoded row by row."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from spatialstats.data.splitting import digest
from spatialstats.errors import InputError

if TYPE_CHECKING:
    from PIL.Image import Image

SUFFIXES = frozenset((".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm"))
ORDER_FILE = "classes.txt"


@dataclass(frozen=True)
class FolderImages:
    """Image files, each read when its row is asked for.

    Attributes
    ----------
    paths : tuple of Path
        One file a row.
    height, width : int
        Size of every image as read.
    resize : bool
        Whether files are resized and cropped to that size.
    """

    paths: tuple[Path, ...]
    height: int
    width: int
    resize: bool

    def read(self, rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
        """Rows as float32 (n, 3, H, W) in [0, 1]; a file that cannot be decoded is named."""
        out = np.empty((len(rows), 3, self.height, self.width), np.float32)
        for at, row in enumerate(rows):
            out[at] = self._decode(self.paths[row]).transpose(2, 0, 1) / np.float32(255)
        return out

    def digests(self, rows: npt.NDArray[np.int64]) -> list[bytes]:
        """Digest of the bytes of each file."""
        return [digest(_content(self.paths[row])) for row in rows]

    def _decode(self, path: Path) -> npt.NDArray[np.uint8]:
        with _open(path) as picture:
            try:
                colour = picture.convert("RGB")
            except (OSError, SyntaxError, ValueError) as error:
                raise _unreadable(path, error) from error
        pixels = np.asarray(resize_and_crop(colour, self.height) if self.resize else colour)
        if pixels.shape != (self.height, self.width, 3):
            raise InputError(
                f"{path} must be {self.width}x{self.height} pixels as when the run began, got "
                f"{pixels.shape[1]}x{pixels.shape[0]}: do not change the folder during a run"
            )
        return pixels


def resize_and_crop(picture: Image, size: int) -> Image:
    """Resize the shorter side to `size` (bicubic, antialiased), then crop the centre square."""
    from PIL.Image import Resampling

    width, height = picture.size
    scale = size / min(width, height)
    width, height = max(size, round(width * scale)), max(size, round(height * scale))
    if picture.size != (width, height):
        picture = picture.resize((width, height), Resampling.BICUBIC)
    left, top = (width - size) // 2, (height - size) // 2
    return picture.crop((left, top, left + size, top + size))


def open_folder(
    folder: Path, size: int | None = None
) -> tuple[FolderImages, npt.NDArray[np.int64], tuple[str, ...], tuple[str, ...]]:
    """Find the images of a folder of class folders; their headers are read, not their pixels.

    Classes are numbered in the sorted order of their folders' names, or as the lines of a file
    ``classes.txt`` in the folder order them (folders of a subset of the model's classes need it).

    Parameters
    ----------
    folder : Path
        Holds one folder a class, each with images, also in folders below.
    size : int, optional
        Side in pixels to bring every image to; may be left out when all have one size.

    Returns
    -------
    images : FolderImages
    labels : ndarray of int64, (N,)
    classes : tuple of str
    notes : tuple of str

    Raises
    ------
    InputError
        If there are no class folders, one is empty, a file cannot be read, or the sizes differ
        and none is given.
    """
    if size is not None and size < 1:
        raise InputError(f"the size must be at least 1 pixel, got {size}: give the side that the model takes")
    classes, notes = _classes(folder)
    paths: list[Path] = []
    labels: list[int] = []
    for name, label in sorted(classes.items(), key=lambda item: item[1]):
        inside = folder / name
        if not inside.is_dir():
            continue
        found = sorted(
            p for p in inside.rglob("*") if p.suffix.lower() in SUFFIXES and not p.name.startswith(".")
        )
        found = [p for p in found if p.is_file()]
        if not found:
            raise InputError(
                f"every class folder must hold images, got none in {inside} (known are "
                f"{', '.join(sorted(SUFFIXES))}): remove that folder or fill it"
            )
        paths += found
        labels += [label] * len(found)
    sizes = Counter(_size(path) for path in paths)
    if size is None and len(sizes) > 1:
        common = ", ".join(f"{w}x{h}" for (w, h), _ in sizes.most_common(3))
        raise InputError(
            f"the images of {folder} must have one size unless one is given, got {len(sizes)} sizes "
            f"({common}, ...): give --size with the side in pixels that the model takes"
        )
    width, height = (size, size) if size else next(iter(sizes))
    resize = size is not None and set(sizes) != {(size, size)}
    names = tuple(name for name, _ in sorted(classes.items(), key=lambda item: item[1]))
    return FolderImages(tuple(paths), height, width, resize), np.array(labels, np.int64), names, notes


def _classes(folder: Path) -> tuple[dict[str, int], tuple[str, ...]]:
    """Class number by folder name, and what is to be said about it."""
    entries = sorted(folder.iterdir(), key=lambda p: p.name)
    found = [p.name for p in entries if p.is_dir() and not p.name.startswith((".", "__MACOSX"))]
    if not found:
        loose = sum(p.suffix.lower() in SUFFIXES for p in entries)
        raise InputError(
            f"{folder} must hold one folder of images a class, got "
            f"{f'{loose} images and ' if loose else ''}no folder: move the images of each class into a "
            "folder named after it"
        )
    if (folder / ORDER_FILE).is_file():
        order = [line.strip() for line in (folder / ORDER_FILE).read_text(encoding="utf-8").splitlines()]
        order = [line for line in order if line]
        strange = sorted(set(found) - set(order))
        if strange or len(set(order)) < len(order):
            raise InputError(
                f"{folder / ORDER_FILE} must name every class folder once, in the order of the model's "
                f"outputs, got {f'no line for {strange[0]!r}' if strange else 'a name twice'}: correct it"
            )
        return {name: label for label, name in enumerate(order)}, ()
    notes: tuple[str, ...] = ()
    if all(name.isdecimal() for name in found) and found != sorted(found, key=int):
        notes = (
            f"The class folders of {folder} are numbers and were sorted as text ({', '.join(found[:3])}, "
            f"...): list them in {ORDER_FILE} there if the model's outputs have another order.",
        )
    return {name: label for label, name in enumerate(found)}, notes


def _content(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from error


def _open(path: Path) -> Image:
    from PIL import Image

    try:
        picture = Image.open(path)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        raise _unreadable(path, error) from error
    if picture.mode.startswith(("I", "F")):
        picture.close()
        raise InputError(
            f"{path} must have 8 bits a channel, got mode {picture.mode!r}: convert it to 8 bits"
        )
    return picture


def _size(path: Path) -> tuple[int, int]:
    with _open(path) as picture:
        return picture.size


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"the image {path} cannot be read ({error}): replace or remove it")
