"""Where fetched data sets lie, and how they are written there: whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int64]
Parts = Mapping[str, tuple[Images, Labels]]  # split -> (images (N, C, H, W), labels (N,))


def cache_dir(cache: str | Path | None = None) -> Path:
    """The cache folder: the one given, else ``$SPATIALSTATS_CACHE``, else the XDG cache."""
    if cache is not None:
        return Path(cache)
    named = os.environ.get("SPATIALSTATS_CACHE")
    if named:
        return Path(named)
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "spatialstats"


def is_cached(name: str, cache: str | Path | None = None) -> bool:
    """Whether the set `name` lies in the cache."""
    return (cache_dir(cache) / name / "source.json").is_file()


def write_parts(name: str, parts: Parts, source: str, cache: str | Path | None = None) -> Path:
    """Write a whole set into the cache as memory-mappable ``.npy`` files; returns its folder.

    The files are written into a temporary folder beside the target, which is then renamed:
    a killed or failed write leaves nothing that could be taken for a set.

    Raises
    ------
    InputError
        If the cache cannot be written: a full disk, missing rights.
    """
    folder = cache_dir(cache) / name
    work: Path | None = None
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        work = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=folder.parent))
        for split, (images, labels) in parts.items():
            np.save(work / f"{split}_images.npy", images)
            np.save(work / f"{split}_labels.npy", labels)
        about = {split: len(labels) for split, (_, labels) in parts.items()}
        (work / "source.json").write_text(
            json.dumps({"name": name, "source": source, "images": about}) + "\n"
        )
        work.chmod(0o755)  # mkdtemp makes it private; a shared cache is meant to be read
        if folder.exists():
            shutil.rmtree(folder)
        work.rename(folder)
    except OSError as error:
        if error.errno == errno.ENOTEMPTY and is_cached(name, cache):
            return folder  # another process has just written the same set
        why = "the disk is full" if error.errno == errno.ENOSPC else (error.strerror or str(error))
        raise InputError(
            f"the data set {name!r} must be written to the cache {folder.parent}, but {why}: free some space "
            "there or name another folder in SPATIALSTATS_CACHE"
        ) from error
    finally:
        if work is not None:
            shutil.rmtree(work, ignore_errors=True)
    return folder


def read_part(name: str, split: str, cache: str | Path | None = None) -> tuple[Images, Labels]:
    """Images (memory-mapped, copy on write) and labels of one split of a cached set.

    Raises
    ------
    InputError
        If the cached files are missing or damaged.
    """
    folder = cache_dir(cache) / name
    try:
        # "c" rather than "r": torch.from_numpy warns about arrays that cannot be written to
        images = np.load(folder / f"{split}_images.npy", mmap_mode="c", allow_pickle=False)
        labels = np.load(folder / f"{split}_labels.npy", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise InputError(
            f"the cached copy of {name!r} in {folder} cannot be read ({error}): delete that folder and run "
            f"`spatialstats fetch {name}`"
        ) from error
    if images.dtype != np.uint8 or images.ndim != 4 or len(images) != len(labels):
        raise InputError(
            f"the cached copy of {name!r} in {folder} does not hold uint8 images (N, C, H, W) with as many "
            f"labels: delete that folder and run `spatialstats fetch {name}`"
        )
    return images, labels.astype(np.int64)
