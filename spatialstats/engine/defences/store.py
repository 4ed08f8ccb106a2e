"""The folder of an evaluation of defences: every unit of work is a file, whole or absent."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import numpy as np

from spatialstats.defence.adaptive.outcome import Outcome
from spatialstats.engine.defences.config import DefendConfig
from spatialstats.engine.files import read_arrays, write_arrays, write_json
from spatialstats.engine.job import DEFENCES, JobFolder

__all__ = ["STRIP", "Store"]

UNITS = "units"
STRIP = 8  # images whose attacked versions are kept, for the strips of the report


class Store(JobFolder):
    """The folder of an evaluation of defences; ``units/`` holds every unit of work that is done."""

    KIND = DEFENCES
    SETTINGS = DefendConfig

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

    def finish(self, cell: dict[str, Any], *parts: str) -> None:
        """Write all that is known of a cell: it is done."""
        write_json(self._cell(*parts), cell)

    def finished(self, *parts: str) -> dict[str, Any] | None:
        """What `finish` wrote of a cell; None where it is not done."""
        path = self._cell(*parts)
        return json.loads(path.read_text()) if path.exists() else None

    def _cell(self, *parts: str) -> Path:
        return self.folder("cells", *parts[:-1]) / f"{slug(parts[-1])}.json"

    def strip(self, key: str, *parts: str) -> np.ndarray | None:
        """float32 (n, C, H, W): the attacked images that `keep` kept; None where there are none."""
        path = self.folder(*parts) / f"{slug(key)}.npz"
        return read_arrays(path)["x_adv"] if path.exists() else None


def slug(text: str) -> str:
    """A text as a file name that no two of a run's texts share."""
    return re.sub(r"[^A-Za-z0-9.=,()+-]", lambda found: f"~{ord(found[0]):x}", text)
