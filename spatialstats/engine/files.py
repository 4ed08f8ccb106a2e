"""Files that are whole or absent, and where a job's folder begins."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spatialstats.errors import InputError

REQUEST, RESULTS = "run.json", "results.json"


def new_folder(name: str) -> Path:
    """``runs/<name>-<time>``, below the current folder: where a job goes that was given no folder."""
    return Path("runs") / f"{name.replace(' ', '-')}-{datetime.now():%Y%m%d-%H%M%S}"


def job_folder(path: Path) -> Path:
    """The folder of the job that a file belongs to: the one that says what was asked for."""
    return next((above for above in path.parents if (above / REQUEST).exists()), path.parent)


@contextlib.contextmanager
def refuse_full_disk(path: Path) -> Iterator[None]:
    """Say what to do where `path` does not fit on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk is full: {path.name} could not be written, and no file is half-written; "
                f"free some space and go on with --resume {job_folder(path)}."
            ) from error
        raise


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[BinaryIO]:
    """A file that appears under `path` only when it has been written whole.

    Raises
    ------
    InputError
        If the disk is full; what was there before stays as it was.
    """
    name = ""
    try:
        with refuse_full_disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            with os.fdopen(handle, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            os.chmod(name, 0o644)  # mkstemp keeps files private; results are for sharing
            os.replace(name, path)
    finally:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)


def write_text(path: Path, text: str) -> None:
    """Write `text` in UTF-8, atomically."""
    with atomic(path) as file:
        file.write(text.encode())


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinity are refused."""
    write_text(path, json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False) + "\n")


def write_arrays(path: Path, arrays: Mapping[str, np.ndarray], *, compress: bool = True) -> None:
    """Write `arrays` as an npz file, atomically; object arrays are refused by NumPy on loading."""
    buffer = io.BytesIO()
    save: Any = np.savez_compressed if compress else np.savez
    save(buffer, **arrays)
    with atomic(path) as file:
        file.write(buffer.getbuffer())


def read_arrays(path: Path, *, without: tuple[str, ...] = ()) -> dict[str, np.ndarray]:
    """All arrays of an npz file, but for those whose name begins with one of `without`."""
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files if not name.startswith(without)}
