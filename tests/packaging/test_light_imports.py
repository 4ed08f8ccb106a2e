"""`import spatialstats` and `spatialstats --help` load none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

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


def imported_by(code: str) -> list[str]:
    """Every module that a new interpreter imports to run `code`, in its own list (``-X importtime``)."""
    done = subprocess.run(
        [sys.executable, "-I", "-X", "importtime", "-c", code], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return [line.rpartition("|")[2].strip() for line in lines[1:]]


def beyond_nothing(code: str) -> set[str]:
    """The modules that `code` costs beyond an interpreter that does nothing."""
    path = f"import sys; sys.path.insert(0, {str(ROOT)!r})"
    return set(imported_by(f"{path}\n{code}")) - set(imported_by("pass"))


def test_importing_the_package_imports_next_to_nothing() -> None:
    found = beyond_nothing("import spatialstats")
    assert not {name.partition(".")[0] for name in found} & (HEAVY | {"numpy", "typer", "rich"})
    assert [name for name in found if name.startswith("spatialstats")] == ["spatialstats"]
    assert len(found) <= 25, sorted(found)  # importlib, typing and what they stand on


def test_help_imports_few_modules_and_of_the_package_the_command_line_alone() -> None:
    code = """
from spatialstats.cli import main
sys.argv = ["spatialstats", "--help"]
try:
    main()
except SystemExit as end:
    assert not end.code, end.code
"""
    found = beyond_nothing(code)
    assert not {name.partition(".")[0] for name in found} & (HEAVY | {"numpy"})
    own = {name for name in found if name.startswith("spatialstats")}
    commands = {name for name in own if name.startswith("spatialstats.cli.")}
    assert own - commands == {"spatialstats", "spatialstats.cli", "spatialstats.errors"}
    bare = beyond_nothing("import typer.rich_utils, rich.panel, rich.table, rich.markdown")
    assert len(found - bare) <= 60, sorted(found - bare)  # the rest is what typer and rich cost alone


def test_public_names_resolve_when_they_are_used() -> None:
    code = "import spatialstats\nfor name in spatialstats.__all__: getattr(spatialstats, name)"
    assert "torch" in loaded_after(code)


def test_the_defences_load_no_compiler() -> None:
    code = "import torch, sys, spatialstats.defence.registry; sys.exit('torch._dynamo' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
