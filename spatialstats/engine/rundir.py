"""The folder of a run: beside what it was asked and its results, a file for every chunk that is done."""

from __future__ import annotations

import shutil
from pathlib import Path

from spatialstats.engine.config import Config
from spatialstats.engine.job import RUN, JobFolder

CHUNKS = "chunks"


class RunDirectory(JobFolder):
    """A run's folder; until the run is complete, ``chunks/`` holds the result of every chunk that is done."""

    KIND = RUN
    SETTINGS = Config

    @property
    def chunks(self) -> list[Path]:
        """The results of the chunks that are done, in the order of their names."""
        return sorted((self.path / CHUNKS).glob("*.npz"))

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
