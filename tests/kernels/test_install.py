"""The kernels where their own folder cannot be written to, as in a system-wide install."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

KERNELS = Path(__file__).resolve().parents[2] / "kernels"

CODE = """
import numpy as np
from spatialstats import kernels
from spatialstats.kernels import pairs_cpu
masks = np.array([[7, 1]], np.uint64)
assert kernels.overlap(masks, masks).tolist() == [4]
print(kernels.__file__, pairs_cpu._overlaps.stats.cache_path, sep="\\n")
"""


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """A copy of the kernels in which nothing can be cached, not even by root: a file stands in the way."""
    package = tmp_path / "site" / "spatialstats"
    shutil.copytree(KERNELS, package / "kernels", ignore=shutil.ignore_patterns("__pycache__"))
    (package / "__init__.py").touch()
    (package / "kernels" / "__pycache__").touch()
    return package.parent


def run(install: Path, home: Path) -> list[str]:
    """Overlap two masks in a fresh process: the file of the kernels, and where Numba caches."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("NUMBA_CACHE", "XDG_"))}
    places = {"PYTHONPATH": str(install), "HOME": str(home), "XDG_CACHE_HOME": str(home / ".cache")}
    done = subprocess.run(
        [sys.executable, "-c", CODE],
        env=kept | places,
        cwd=install,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_a_read_only_install_caches_in_the_users_folder(install: Path, tmp_path: Path) -> None:
    file, cache = run(install, tmp_path / "home")
    assert Path(file).is_relative_to(install)
    assert Path(cache).is_relative_to(tmp_path / "home")
    assert list(Path(cache).glob("*.nbi"))


def test_it_works_without_any_cache(install: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    file, cache = run(install, tmp_path / "file" / "home")
    assert Path(file).is_relative_to(install)
    assert cache == "None"
