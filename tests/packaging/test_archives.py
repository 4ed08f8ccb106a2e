"""The source archive builds the wheel, and the wheel holds every source file once."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SHIPPED = ("spatialstats", "kernels", "analysis", "examples", "docs", "tests", ".ci")
NOT_SOURCE = ("__pycache__", ".*_cache", "*.pyc", "*.nbi", "*.nbc", "_build", "generated", "*.tmp")


def copy_checkout(to: Path) -> None:
    """A checkout without caches, so that nothing is read from, or left in, the real one."""
    for name in SHIPPED:
        shutil.copytree(ROOT / name, to / name, symlinks=True, ignore=shutil.ignore_patterns(*NOT_SOURCE))
    for file in ROOT.iterdir():
        if file.is_file() and file.name != ".git":
            shutil.copy(file, to)


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder that holds the checkout's copy, and `dist` with the archive and the wheel made from it."""
    folder = tmp_path_factory.mktemp("checkout")
    copy_checkout(folder)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", "dist", "."]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = (built / "dist").glob("*.whl")
    return found


def sources(checkout: Path) -> set[str]:
    """What the wheel should hold, by the names inside it."""
    package = {f for f in (checkout / "spatialstats").rglob("*") if f.is_file()}
    inside = {str(f.relative_to(checkout)) for f in package if "kernels" not in f.relative_to(checkout).parts}
    return inside | {f"spatialstats/kernels/{f.name}" for f in (checkout / "kernels").iterdir()}


def test_the_wheel_holds_every_source_file_once(built: Path, wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert len(names) == len(set(names))
    assert {n for n in names if ".dist-info/" not in n} == sources(built)


def test_the_wheel_carries_command_licence_and_type_marker(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    info = {
        n.partition(".dist-info/")[2]: archive.read(n).decode()
        for n in archive.namelist()
        if ".dist-info/" in n
    }
    assert "spatialstats = spatialstats.cli:main" in info["entry_points.txt"]
    assert "BSD 3-Clause" in info["licenses/LICENSE"]
    assert "Name: adversarial-spatialstats" in info["METADATA"]
    assert "spatialstats/py.typed" in archive.namelist()


def test_the_wheel_imports_outside_the_checkout(wheel: Path, tmp_path: Path) -> None:
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    code = "import spatialstats as s, spatialstats.kernels as k; print(s.__file__); print(k.__file__)"
    command, environment = [sys.executable, "-c", code], {**os.environ, "PYTHONPATH": str(site)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    inside = site / "spatialstats"
    assert [Path(line) for line in done.stdout.split()] == [
        inside / "__init__.py",
        inside / "kernels" / "__init__.py",
    ]
