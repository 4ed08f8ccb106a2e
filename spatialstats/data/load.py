"""One entry for every data set: a known name, a folder of images, an array file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from spatialstats.data import cifar, fashion
from spatialstats.data.arrayfile import BARE, SUFFIXES, Array, ArrayFile
from spatialstats.data.dataset import Dataset
from spatialstats.data.fetching import load_part
from spatialstats.data.folder import open_folder
from spatialstats.data.labels import as_classes, as_labels
from spatialstats.data.pixels import ArrayImages, as_images, check_values
from spatialstats.data.source import Report
from spatialstats.errors import InputError, unknown

NAMES = ("cifar10", "fashion-mnist")
IMAGE_KEYS = ("images", "x", "data", "inputs", "clean_inputs", "clean")
LABEL_KEYS = ("labels", "y", "label", "targets")


def load_dataset(
    spec: str | Path,
    *,
    split: str | None = None,
    size: int | None = None,
    labels: str | Path | None = None,
    cache: str | Path | None = None,
    report: Report | None = None,
) -> Dataset:
    """Load a data set by name or path.

    Parameters
    ----------
    spec : str or path
        ``"cifar10"`` (the embedded 1,000 test images, or a whole `split`), ``"fashion-mnist"``, a
        folder of class folders of images (``./cifar10`` where it is called like a set), an ``.npz`` with
        images and labels, or a pair ``"images.npy,labels.npy"``.
    split : {"test", "train"}, optional
        Which whole split of a named set; fetched into the cache when it is not there.
    size : int, optional
        For folders: side in pixels to which every image is resized (shorter side, bicubic) and
        cropped (centre).
    labels : path, optional
        File with the labels, where they are not beside the images.
    cache : path, optional
        Cache folder; by default ``$SPATIALSTATS_CACHE``, else the XDG cache.
    report : callable, optional
        Called with a sentence for each step of a fetch.

    Returns
    -------
    Dataset
        Read by row; ``bundled_model`` is ``"cifar10-0"`` for CIFAR-10 and None elsewhere.

    Raises
    ------
    InputError
        If it is unknown, cannot be read, or its images or labels are not what they must be.
    """
    name = str(spec)
    if name in NAMES:
        _refuse(size is not None, f"--size resizes folders of images, {name} has its own size: leave it out")
        _refuse(labels is not None, f"{name} has its own labels: leave --labels out")
        return _named(name, split, cache, report)
    _refuse(split is not None, f"--split is for {' and '.join(NAMES)}, got it with {name}: leave it out")
    image_path, _, label_path = name.partition(",")
    path = Path(image_path).expanduser()
    if path.is_dir():
        _refuse(labels is not None, f"the folders in {path} are its labels: leave --labels out")
        return _folder(path, size)
    if path.suffix.lower() in SUFFIXES:
        named = label_path or labels
        return _arrays(path, Path(named).expanduser() if named else None, size)
    if path.exists():
        raise InputError(
            f"data must be a folder of images or end in {', '.join(SUFFIXES)}, got the file {path}"
        )
    raise InputError(
        f"{unknown('data set', name, NAMES)} Nor is there a file or folder {name!r}: check the path."
    )


def _refuse(condition: bool, message: str) -> None:
    if condition:
        raise InputError(message)


def _named(name: str, split: str | None, cache: str | Path | None, report: Report | None) -> Dataset:
    if name == "cifar10" and split is None:
        pixels, labels, indices = cifar.load_embedded()
        note = (
            "The embedded 1,000 CIFAR-10 test images (100 a class); "
            "--split test --effort full takes all 10,000."
        )
        whole = Dataset.of("cifar10", ArrayImages(pixels), labels, cifar.CLASSES, "cifar10-0")
        return replace(whole, indices=indices, notes=(note,))
    split = split or "test"
    if name == "cifar10":
        pixels, labels = cifar.load_cifar10(split, cache, report=report)
        return Dataset.of(f"cifar10 {split}", ArrayImages(pixels), labels, cifar.CLASSES, "cifar10-0")
    pixels, labels = load_part(name, split, cache, report=report)
    return Dataset.of(f"{name} {split}", ArrayImages(pixels), labels, fashion.CLASSES)


def _folder(path: Path, size: int | None) -> Dataset:
    images, labels, classes, notes = open_folder(path, size)
    rows = np.arange(len(labels))
    shape = (3, images.height, images.width)
    return Dataset(path.name, labels, classes, rows, shape, images.read, images.digests, rows, notes=notes)


def _arrays(path: Path, label_path: Path | None, size: int | None) -> Dataset:
    file = ArrayFile(path)
    images = as_images(find_images(file, IMAGE_KEYS), str(path))
    _refuse(
        size is not None and images.shape[1:] != (size, size),
        f"the images in {path} are {images.shape[2]}x{images.shape[1]} pixels, got --size {size}: resize "
        "them where they are made",
    )
    check_values(images, "images")
    found = find_labels(label_path, file)
    if found is None:
        raise InputError(
            f"{path} must hold labels under one of {', '.join(LABEL_KEYS)}, got {_named_list(file)}: give "
            f"them as {path},labels.npy or by --labels"
        )
    values, where = found
    key = file.find(("classes", "class_names"))
    names = file.get(key) if key is not None else None
    known = len(names) if names is not None and names.dtype.kind == "U" else None
    labels = as_labels(values, len(images), where, known)
    return Dataset.of(path.name, images, labels, as_classes(names, labels))


def find_images(file: ArrayFile, keys: tuple[str, ...]) -> Array:
    """The images of a file: under the first of `keys` that it holds, or its only array.

    Raises
    ------
    InputError
        If none of the keys is there.
    """
    key = file.find((BARE, *keys))
    if key is None:
        raise InputError(
            f"{file.path} must hold images under one of {', '.join(keys)}, got {_named_list(file)}"
        )
    return file.get(key)


def find_labels(path: Path | None, *files: ArrayFile) -> tuple[Array, str] | None:
    """Labels from a file of their own, else from the first of `files` that holds some."""
    if path is not None:
        own = ArrayFile(path)
        key = own.find((BARE, *LABEL_KEYS))
        if key is None:
            raise InputError(
                f"{path} must hold labels under one of {', '.join(LABEL_KEYS)}, got {_named_list(own)}"
            )
        return own.get(key), str(path)
    for file in files:
        key = file.find(LABEL_KEYS)
        if key is not None:
            return file.get(key), str(file.path)
    return None


def _named_list(file: ArrayFile) -> str:
    names = [name or "one array without a name" for name in file.names]
    return ", ".join(names) if names else "no arrays"
