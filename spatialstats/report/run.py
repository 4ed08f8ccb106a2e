"""Reads a run directory: the only place of the report that touches its files."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spatialstats.errors import InputError

SCHEMA = 1
OUTCOMES = ("misclassified", "resisted", "succeeded")


@dataclass(frozen=True)
class Run:
    """What a run directory holds.

    Attributes
    ----------
    path : Path
    results : mapping
        ``results.json``.
    maps, examples : mapping of str to ndarray
        ``maps.npz`` and ``examples.npz``; empty where the file is absent.
    """

    path: Path
    results: Mapping[str, Any]
    maps: Mapping[str, NDArray[Any]]
    examples: Mapping[str, NDArray[Any]]

    @property
    def attacks(self) -> list[Mapping[str, Any]]:
        """The attacks in the order of the run; every control stands behind what it controls."""
        return list(self.results.get("attacks") or [])

    @property
    def current(self) -> int:
        """Position of the attack that the page shows first: the one that the headline speaks of."""
        first = (self.results.get("headline") or {}).get("attack")
        return next((i for i, attack in enumerate(self.attacks) if attack.get("name") == first), 0)

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of their numbers."""
        return [str(name) for name in (self.results.get("data") or {}).get("classes") or []]

    def class_name(self, code: Any) -> str:
        """The name of a class number; numbers beyond the named ones are shown as numbers."""
        if isinstance(code, int | np.integer) and 0 <= int(code) < len(self.classes):
            return self.classes[int(code)]
        return "unknown" if code is None else f"class {code}"

    def map(self, key: str) -> NDArray[Any] | None:
        """One array of ``maps.npz``, or None where the run has none of that name."""
        return self.maps.get(key)


def outcome_name(outcome: Any) -> str:
    """An outcome by its code or its name."""
    if isinstance(outcome, int) and 0 <= outcome < len(OUTCOMES):
        return OUTCOMES[outcome]
    return str(outcome) if outcome is not None else "unknown"


def load_run(run_dir: Path) -> Run:
    """Reads a run directory.

    Parameters
    ----------
    run_dir : Path
        A directory with ``results.json`` and, where the run wrote them, ``maps.npz`` and ``examples.npz``.

    Raises
    ------
    InputError
        If there is no readable run of this schema.
    """
    run_dir = Path(run_dir)
    source = run_dir / "results.json"
    if not source.is_file():
        raise InputError(
            f"expected a run directory with a results.json, got {str(run_dir)!r}: "
            "pass the directory that `spatialstats analyze --out` wrote."
        )
    try:
        results = json.loads(source.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise InputError(f"expected JSON in {str(source)!r}, got {error}: run the analysis again.") from error
    schema = results.get("schema") if isinstance(results, dict) else None
    if schema != SCHEMA:
        raise InputError(
            f"expected results.json of schema {SCHEMA}, got {schema!r}: "
            "rebuild the report with the version of spatialstats that made the run."
        )
    return Run(run_dir, results, _arrays(run_dir / "maps.npz"), _arrays(run_dir / "examples.npz"))


def _arrays(path: Path) -> dict[str, NDArray[Any]]:
    if not path.is_file():
        return {}
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(
            f"expected NumPy arrays in {str(path)!r}, got {error}: run the analysis again."
        ) from error
