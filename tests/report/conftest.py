"""One made-up run for all tests of the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from synthetic import CLASSES, make_run

from spatialstats.report import build_report


@pytest.fixture(scope="session")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("run"))


@pytest.fixture(scope="session")
def report(run_dir: Path) -> Path:
    return build_report(run_dir)


@pytest.fixture(scope="session")
def large_report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """224 pixels of noise in pictures and masks: what compresses and outlines worst."""
    path = make_run(
        tmp_path_factory.mktemp("large"), size=224, attacks=("pgd-linf", "pgd-l2"), classes=CLASSES[:3]
    )
    rng = np.random.default_rng(0)
    with np.load(path / "examples.npz") as archive:
        arrays = {key: archive[key] for key in archive.files}
    for name, values in arrays.items():
        if name == "x" or name.endswith("x_adv"):
            arrays[name] = rng.integers(0, 256, values.shape).astype(np.uint8)
        elif name.endswith(("roi", "roa", "segments")):
            arrays[name] = (rng.random(values.shape) < 0.3).astype(values.dtype)
    np.savez(path / "examples.npz", **arrays)
    return build_report(path)
