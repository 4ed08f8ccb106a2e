"""pyproject.toml, constraints.txt and the package agree with each other and with the disk."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import spatialstats

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def pyproject() -> dict[str, Any]:
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def test_the_listed_packages_are_the_folders_on_disk(pyproject: dict[str, Any]) -> None:
    inside = {".".join(f.parent.relative_to(ROOT).parts) for f in (ROOT / "spatialstats").rglob("*.py")}
    on_disk = inside - {"spatialstats.kernels"} | {"spatialstats.kernels"}
    assert sorted(pyproject["tool"]["setuptools"]["packages"]) == sorted(on_disk)


def test_every_package_has_an_init_file(pyproject: dict[str, Any]) -> None:
    mapped = pyproject["tool"]["setuptools"]["package-dir"]
    for name in pyproject["tool"]["setuptools"]["packages"]:
        assert (ROOT / mapped.get(name, name.replace(".", "/")) / "__init__.py").is_file(), name


def test_kernels_are_flat_and_linked_into_the_package() -> None:
    assert (ROOT / "spatialstats" / "kernels").resolve() == ROOT / "kernels"
    folders = [f.name for f in (ROOT / "kernels").iterdir() if f.is_dir() and f.name != "__pycache__"]
    assert folders == []


def test_the_version_is_the_same_everywhere(pyproject: dict[str, Any]) -> None:
    version = pyproject["project"]["version"]
    assert spatialstats.__version__ == version
    assert f"\nversion: {version}\n" in (ROOT / "CITATION.cff").read_text()
    assert f"\n## {version}" in (ROOT / "CHANGELOG.md").read_text()


def requirements(pyproject: dict[str, Any], *extras: str) -> list[Requirement]:
    """What the package asks for, with the named extras."""
    optional = pyproject["project"]["optional-dependencies"]
    groups = [pyproject["project"]["dependencies"], *(optional[extra] for extra in extras)]
    return [Requirement(text) for group in groups for text in group]


def test_constraints_pin_every_requirement_within_its_bounds(pyproject: dict[str, Any]) -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line and line[0] != "#"]
    pins = dict(line.split("==") for line in lines)
    assert len(pins) == len(lines)
    for wanted in requirements(pyproject, *pyproject["project"]["optional-dependencies"]):
        assert wanted.specifier.contains(pins[canonicalize_name(wanted.name)]), str(wanted)


def test_every_third_party_import_is_declared(pyproject: dict[str, Any]) -> None:
    others = {"PIL": "pillow", "skimage": "scikit-image", "sklearn": "scikit-learn", "cupy": "cupy-cuda12x"}
    declared = requirements(pyproject, "attacks", "captum", "cuda12")
    known = {canonicalize_name(wanted.name) for wanted in declared}
    undeclared = set()
    for file in [*(ROOT / "spatialstats").rglob("*.py"), *(ROOT / "kernels").glob("*.py")]:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module] if isinstance(node, ast.ImportFrom) and not node.level else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for top in {str(name).partition(".")[0] for name in names} - {"spatialstats"}:
                if (
                    top not in sys.stdlib_module_names
                    and canonicalize_name(others.get(top, top)) not in known
                ):
                    undeclared.add((top, str(file.relative_to(ROOT))))
    assert undeclared == set()
