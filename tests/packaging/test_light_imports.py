"""`import spatialstats` and `spatialstats --help` load none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "numba",
    "llvmlite",
    "pandas",
    "pyarrow",
    "scipy",
    "sklearn",
    "skimage",
    "matplotlib",
    "jinja2",
}


def loaded_after(code: str) -> set[str]:
    """Heavy libraries in `sys.modules` of a new interpreter that has run `code`."""
    report = "import sys; print('\\nLOADED', *{name.partition('.')[0] for name in sys.modules})"
    command = [sys.executable, "-c", f"{code}\n{report}"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    (line,) = (text for text in done.stdout.splitlines() if text.startswith("LOADED"))
    return HEAVY & set(line.split())


@pytest.mark.parametrize("module", ["spatialstats", "spatialstats.cli", "spatialstats.errors"])
def test_importing_loads_no_heavy_library(module: str) -> None:
    assert loaded_after(f"import {module}") == set()


@pytest.mark.parametrize("arguments", [["--help"], ["analyze", "--help"], ["--version"]])
def test_help_and_version_load_no_heavy_library(arguments: list[str]) -> None:
    code = f"""
import sys
from spatialstats.cli import main
sys.argv = ["spatialstats", *{arguments}]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    assert loaded_after(code) == set()


def test_public_names_resolve_when_they_are_used() -> None:
    code = "import spatialstats\nfor name in spatialstats.__all__: getattr(spatialstats, name)"
    assert "torch" in loaded_after(code)
