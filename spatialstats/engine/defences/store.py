"""The folder of an evaluation of defences: every unit of work is a file, whole or absent."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.rundir import RESULTS, read_arrays, write_arrays, write_json
from spatialstats.errors import InputError

__all__ = ["STRIP", "Store"]

REQUEST, UNITS, KIND = "run.json", "units", "defences"
STRIP = 8  # images whose attacked versions are kept, for the strips of the report


class Store:
    """A folder that holds what was asked for, the units that are done, and at last the results.

    Parameters
    ----------
    path : Path
        The folder; made by `create`.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(
        cls, path: Path, config: DefendConfig, fingerprints: Mapping[str, str], *, resume: bool
    ) -> Store:
        """Open the folder of a new evaluation, or with `resume` of one that was cut off.

        Raises
        ------
        InputError
            If `path` holds anything else.
        """
        store = cls(path)
        store.refuse(resume=resume)
        if not path.exists() or not any(path.iterdir()):
            write_json(path / REQUEST, {"kind": KIND, "config": config.to_dict(), **fingerprints})
            return store
        stored = store.request()
        different = DefendConfig.from_dict(stored["config"]).differences(config)
        different += [f"{k}: {stored.get(k)}, {v}" for k, v in fingerprints.items() if stored.get(k) != v]
        if different:
            raise InputError(
                f"{path} holds an evaluation of other settings ({'; '.join(different)}): "
                "it cannot be continued."
            )
        return store

    def refuse(self, *, resume: bool) -> None:
        """Refuse a folder that holds something, before any work is done for it."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(f"the output must be a folder, but {self.path} is a file: pass another --out.")
        if not resume and self.path.exists() and any(self.path.iterdir()):
            raise InputError(
                f"the output folder {self.path} is not empty: pass another --out, or --resume {self.path}."
            )

    def request(self) -> dict[str, Any]:
        """What ``run.json`` holds.

        Raises
        ------
        InputError
            If the folder holds no evaluation of defences.
        """
        try:
            value: dict[str, Any] = json.loads((self.path / REQUEST).read_text())
            if value["kind"] != KIND:
                raise KeyError(KIND)
            DefendConfig.from_dict(value["config"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise InputError(
                f"{self.path} holds no evaluation of defences: expected a folder that "
                "`spatialstats defend` wrote."
            ) from error
        return value

    @property
    def complete(self) -> bool:
        """Whether the evaluation has come to its end."""
        return (self.path / RESULTS).exists()

    def folder(self, *parts: str) -> Path:
        """Where units of one kind lie."""
        return self.path.joinpath(UNITS, *(slug(part) for part in parts))

    def outcomes(self, *parts: str) -> dict[str, Outcome]:
        """The adaptive attacks that are done, by key."""
        found = {}
        for file in sorted(self.folder(*parts).glob("*.json")):
            stored = json.loads(file.read_text())
            found[stored["key"]] = Outcome.from_dict(stored["outcome"])
        return found

    def keep(self, outcome: Outcome, key: str, *parts: str) -> None:
        """Write an adaptive attack, and a few of its images for the strips."""
        folder = self.folder(*parts)
        if outcome.x_adv is not None:
            write_arrays(folder / f"{slug(key)}.npz", {"x_adv": outcome.x_adv[:STRIP]})
        write_json(folder / f"{slug(key)}.json", {"key": key, "outcome": outcome.to_dict()})

    def strip(self, key: str, *parts: str) -> np.ndarray | None:
        """float32 (n, C, H, W): the attacked images that `keep` kept; None where there are none."""
        path = self.folder(*parts) / f"{slug(key)}.npz"
        return read_arrays(path)["x_adv"] if path.exists() else None


def slug(text: str) -> str:
    """A text as a file name that no two of a run's texts share."""
    return re.sub(r"[^A-Za-z0-9.=,()+-]", lambda found: f"~{ord(found[0]):x}", text)
