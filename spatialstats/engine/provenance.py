"""Where a result comes from: versions, machine, time and memory."""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import resource
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from spatialstats.engine.config import Config
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
    """How long each stage took, and how much of that was spent inside the model.

    Parameters
    ----------
    classifier : Classifier
        Whose forward and backward passes are counted.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._model_began = classifier.seconds
        self.stages: dict[str, float] = {}

    @contextlib.contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time what happens inside, under `name`."""
        began = time.perf_counter()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    @property
    def model_seconds(self) -> float:
        """Seconds inside the model since the clock was made."""
        return self._classifier.seconds - self._model_began


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


def provenance(config: Config, device: str, clock: Clock, *, began: float, command: str) -> dict[str, Any]:
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
        "backend": "cpu",
        "seed": config.seed,
        "time": {
            "total_s": round(time.perf_counter() - began, 3),
            "model_s": round(clock.model_seconds, 3),
            "stages": {name: round(seconds, 3) for name, seconds in clock.stages.items()},
        },
        "peak_memory_bytes": peak_memory(),
    }
