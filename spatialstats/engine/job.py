"""The folder of a job that can be continued: what was asked for comes first, the results last."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar, Self

from spatialstats.engine.files import REQUEST, RESULTS, write_json
from spatialstats.engine.settings import Settings
from spatialstats.errors import InputError

RUN, DEFENCES, COMPARISON = "run", "defences", "comparison"
KINDS = {
    RUN: ("run", "a run", "analyze"),
    DEFENCES: ("evaluation of defences", "an evaluation of defences", "defend"),
    COMPARISON: ("comparison", "a comparison", "compare"),
}
"""What a folder may hold: in words, with its article, and the command that writes it."""


def read_results(path: Path, kind: str | None = None) -> dict[str, Any]:
    """What ``results.json`` of a folder holds.

    Parameters
    ----------
    path : Path
        The folder.
    kind : str, optional
        Which of `KINDS` it must be; any when None.

    Raises
    ------
    InputError
        If there is nothing complete of that kind in the folder.
    """
    wanted, _, command = KINDS[kind or RUN]
    if not (path / RESULTS).exists():
        started = (path / REQUEST).exists()
        hint = f"it was cut off: go on with --resume {path}" if started else "is it the right folder?"
        raise InputError(f"{path} holds no complete {wanted}: {hint}")
    value: dict[str, Any] = json.loads((path / RESULTS).read_text())
    held = kind_of(value)
    if kind is not None and held != kind:
        raise InputError(
            f"{path} holds {KINDS[held][1]}, no {wanted}: name a folder that `spatialstats {command}` wrote."
        )
    return value


def kind_of(stored: Mapping[str, Any]) -> str:
    """Which of `KINDS` a ``run.json`` or ``results.json`` belongs to."""
    kind = str(stored.get("kind", RUN))
    return kind if kind in KINDS else RUN


class JobFolder:
    """A job's folder.

    ``run.json`` is written first and says what is asked for; ``results.json`` is written
    last, so that its presence means that the job is complete.  In between, files hold every
    part that is done, which is what a resumed job goes on from.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    """

    KIND: ClassVar[str]
    SETTINGS: ClassVar[type[Settings]]

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, settings: Settings, fingerprints: Mapping[str, str], *, resume: bool) -> Self:
        """Open the folder of a new job, or with `resume` of one that was cut off.

        Raises
        ------
        InputError
            If `path` holds another job, other files, or (with `resume`) a job of other
            settings, images or another model.
        """
        job = cls(path)
        job.refuse(resume=resume)
        if job.is_new:
            asked = {"kind": cls.KIND, "config": settings.to_dict(), **fingerprints}
            try:
                write_json(path / REQUEST, asked)
            except OSError as error:
                raise InputError(
                    f"the output folder {path} cannot be written to ({error.strerror})."
                ) from error
            return job
        stored = job.request()
        different = cls.SETTINGS.from_dict(stored["config"]).differences(settings)
        different += [f"{k}: {stored.get(k)}, {v}" for k, v in fingerprints.items() if stored.get(k) != v]
        if different:
            raise InputError(
                f"{path} holds {KINDS[cls.KIND][1]} of other settings ({'; '.join(different)}): "
                "it cannot be continued."
            )
        return job

    @property
    def is_new(self) -> bool:
        """Whether nothing lies in the folder, but for what a killed write of ``run.json`` left."""
        return not self.path.exists() or all(f.name.startswith(f".{REQUEST}.") for f in self.path.iterdir())

    def refuse(self, *, resume: bool) -> None:
        """Refuse a folder that holds something else, before any work is done for it."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"the output must be a folder, but {self.path} is a file: pass another --out.")
        if self.is_new:
            return
        if not (self.path / REQUEST).exists():
            raise InputError(
                f"the output folder {self.path} holds other files: pass an empty or a new --out."
            )
        if not resume:
            raise InputError(
                f"the output folder {self.path} holds another {KINDS[self.KIND][0]}: pass another --out, or "
                f"--resume {self.path}."
            )

    def request(self) -> dict[str, Any]:
        """What ``run.json`` holds: the settings and the fingerprints of data and model.

        Raises
        ------
        InputError
            If the folder holds no job of this kind.
        """
        try:
            value: dict[str, Any] = json.loads((self.path / REQUEST).read_text())
            if kind_of(value) != self.KIND:
                raise KeyError(self.KIND)
            self.SETTINGS.from_dict(value["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            wanted, _, command = KINDS[self.KIND]
            raise InputError(
                f"{self.path} holds no {wanted}: expected a folder that `spatialstats {command}` wrote."
            ) from error
        return value

    @property
    def complete(self) -> bool:
        """Whether the job has come to its end."""
        return (self.path / RESULTS).exists()

    def results(self) -> dict[str, Any]:
        """What ``results.json`` holds.

        Raises
        ------
        InputError
            If there is no complete job of this kind in the folder.
        """
        return read_results(self.path, self.KIND)
