"""Where a result comes from: versions, machine, time and memory."""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from spatialstats.engine.backend import CPU, backend_note
from spatialstats.engine.config import Config
from spatialstats.engine.files import write_json
from spatialstats.models import Classifier

PACKAGES = (
    "torch",
    "numpy",
    "numba",
    "scipy",
    "scikit-image",
    "scikit-learn",
    "pandas",
    "foolbox",
    "torchattacks",
)


class Clock:
    """How long a run took, by stage and inside the model, over all processes that worked on it.

    A process that is killed counts until the last chunk that it finished: what it did after
    that is done again.

    Parameters
    ----------
    models : sequence of Classifier
        Whose forward and backward passes are counted.
    path : Path
        Where `save` keeps the seconds of this process and of those before it, which are read.
    """

    def __init__(self, models: Sequence[Classifier], path: Path) -> None:
        self._models, self._path = models, path
        self._began = self._lap_began = time.perf_counter()
        self._model_began = self._inside()
        self._stage = ""
        self._stages: dict[str, float] = {}
        self._before: list[dict[str, Any]] = json.loads(path.read_text()) if path.exists() else []

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, under `name`."""
        self._stage, self._lap_began = name, time.perf_counter()
        yield
        self._lap()

    def save(self) -> None:
        """Keep the seconds up to now, for a process that goes on should this one be killed."""
        self._lap()
        write_json(self._path, [*self._before, self._mine()])

    def time(self) -> dict[str, Any]:
        """``total_s``, ``model_s`` and ``stages`` over all processes, and how many ``processes``."""
        every = [*self._before, self._mine()]
        stages: dict[str, float] = {}
        for one in every:
            for name, seconds in one["stages"].items():
                stages[name] = stages.get(name, 0.0) + seconds
        return {
            **{key: round(sum(one[key] for one in every), 3) for key in ("total_s", "model_s")},
            "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
            "processes": len(every),
        }

    def peak_memory(self) -> int:
        """The largest resident size of any of the processes, in bytes."""
        return max(int(one["peak_memory_bytes"]) for one in [*self._before, self._mine()])

    def _lap(self) -> None:
        now = time.perf_counter()
        self._stages[self._stage] = self._stages.get(self._stage, 0.0) + now - self._lap_began
        self._lap_began = now

    def _inside(self) -> float:
        return sum(model.seconds for model in self._models)

    def _mine(self) -> dict[str, Any]:
        return {
            "total_s": time.perf_counter() - self._began,
            "model_s": self._inside() - self._model_began,
            "stages": dict(self._stages),
            "peak_memory_bytes": peak_memory(),
        }


def peak_memory() -> int:
    """The process's largest resident size so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that results depend on, where installed."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    return found


def provenance(config: Config, device: str, clock: Clock, *, command: str) -> dict[str, Any]:
    """The record of a run that has come to its end."""
    import torch

    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command,
        "versions": versions(),
        "platform": platform.platform(),
        "cpu_count": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "device": device,
        "backend": CPU,
        "backend_asked": config.backend,
        "backend_note": backend_note(config.backend),
        "seed": config.seed,
        "time": clock.time(),
        "peak_memory_bytes": clock.peak_memory(),
    }
