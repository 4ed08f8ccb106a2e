"""Every test of the data sets runs offline, with its own cache, home and working folder."""

from __future__ import annotations

import urllib.error
import urllib.request
from pathlib import Path

import numpy as np
import pytest

from spatialstats.data import source
from spatialstats.data.cifar import load_embedded


@pytest.fixture(autouse=True)
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network, no npm, no copies of data sets but those that a test makes."""
    for name in ("home", "cwd", "bin"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.setenv("SPATIALSTATS_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("SPATIALSTATS_DATA", raising=False)
    monkeypatch.setattr(source, "SYSTEM", tmp_path / "system")
    monkeypatch.chdir(tmp_path / "cwd")

    def refuse(*args: object, **kwargs: object) -> None:
        raise urllib.error.URLError("no route to host")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)


@pytest.fixture(scope="session")
def photos() -> np.ndarray:
    """120 natural images, uint8 (120, 3, 32, 32)."""
    return load_embedded()[0][:120]
