"""The folder of a run: every file in it is whole or absent."""

from __future__ import annotations

import contextlib
import errno
import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from spatialstats.engine.config import Config
from spatialstats.errors import InputError

REQUEST, RESULTS, CHUNKS = "run.json", "results.json", "chunks"


def run_folder(path: Path) -> Path:
    """The run that a file belongs to."""
    return next((above.parent for above in path.parents if above.name == CHUNKS), path.parent)


@contextlib.contextmanager
def refuse_full_disk(path: Path) -> Iterator[None]:
    """Say what to do where `path` does not fit on the disk."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise InputError(
                f"the disk is full: {path.name} could not be written, and no file is half-written; "
                f"free some space and go on with --resume {run_folder(path)}."
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


def write_json(path: Path, value: Any) -> None:
    """Write `value` as indented JSON, atomically; NaN and infinity are refused."""
    text = json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False)
    with atomic(path) as file:
        file.write(text.encode() + b"\n")


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


class RunDirectory:
    """A run's folder.

    ``run.json`` is written first and says what is asked for; ``results.json`` is written
    last, so that its presence means that the run is complete.  In between, ``chunks/``
    holds the result of every chunk that is done, which is what a resumed run goes on from.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, path: Path, config: Config, fingerprints: Mapping[str, str], *, resume: bool
    ) -> RunDirectory:
        """Open the folder of a new run, or with `resume` of one that was cut off.

        Raises
        ------
        InputError
            If `path` holds another run, other files, or (with `resume`) a run of other
            settings, images or another model.
        """
        run = cls(path)
        asked = {"config": config.to_dict(), **fingerprints}
        if path.exists() and not path.is_dir():
            raise InputError(f"the output must be a folder, but {path} is a file: pass another --out.")
        leftovers = f".{REQUEST}."  # of a write that was killed
        if not path.exists() or all(file.name.startswith(leftovers) for file in path.iterdir()):
            try:
                write_json(path / REQUEST, asked)
            except OSError as error:
                raise InputError(
                    f"the output folder {path} cannot be written to ({error.strerror})."
                ) from error
            return run
        if not (path / REQUEST).exists():
            raise InputError(f"the output folder {path} holds other files: pass an empty or a new --out.")
        if not resume:
            raise InputError(
                f"the output folder {path} holds another run: pass another --out, or --resume {path}."
            )
        stored = run.request()
        different = Config.from_dict(stored["config"]).differences(config)
        different += [f"{k}: {stored.get(k)}, {v}" for k, v in fingerprints.items() if stored.get(k) != v]
        if different:
            raise InputError(
                f"{path} holds a run of other settings ({'; '.join(different)}): it cannot be continued."
            )
        return run

    def request(self) -> dict[str, Any]:
        """What ``run.json`` holds: the configuration and the fingerprints of data and model."""
        if not (self.path / REQUEST).exists():
            raise InputError(
                f"{self.path} holds no run: expected a folder that `spatialstats analyze` wrote."
            )
        try:
            value: dict[str, Any] = json.loads((self.path / REQUEST).read_text())
            Config.from_dict(value["config"])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path / REQUEST} is no record of a run ({type(error).__name__}): pass another folder."
            ) from error
        return value

    @property
    def complete(self) -> bool:
        """Whether the run has come to its end."""
        return (self.path / RESULTS).exists()

    def results(self) -> dict[str, Any]:
        """What ``results.json`` holds.

        Raises
        ------
        InputError
            If there is no complete run in the folder.
        """
        if not self.complete:
            started = (self.path / REQUEST).exists()
            hint = (
                f"it was cut off: go on with --resume {self.path}" if started else "is it the right folder?"
            )
            raise InputError(f"{self.path} holds no complete run: {hint}")
        value: dict[str, Any] = json.loads((self.path / RESULTS).read_text())
        return value

    def chunk_path(self, name: str) -> Path:
        """Where the result of chunk `name` lies."""
        return self.path / CHUNKS / f"{name}.npz"

    @property
    def masks_path(self) -> Path:
        """Where the masks of the chunks that are done are strung together."""
        return self.path / CHUNKS / "masks"

    @property
    def time_path(self) -> Path:
        """Where the seconds of the processes that worked on the run lie, beside its chunks."""
        return self.path / CHUNKS / "time.json"

    def clear_chunks(self) -> None:
        """Drop the chunk results once the run's own files hold all they said."""
        shutil.rmtree(self.path / CHUNKS, ignore_errors=True)
