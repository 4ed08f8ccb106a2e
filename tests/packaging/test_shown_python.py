"""The Python that README and docs show: names exist, settings are known, the kernels' page runs."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import re
from pathlib import Path

import pytest

import spatialstats
from spatialstats.engine.config import Config

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text()]


def blocks(page: Path) -> list[str]:
    return re.findall(r"```python\n(.*?)```", page.read_text(), flags=re.DOTALL)


@pytest.mark.parametrize("page", WITH_PYTHON, ids=lambda page: page.name)
def test_names_and_settings_exist(page: Path) -> None:
    settings = {field.name for field in dataclasses.fields(Config)}
    settings |= set(inspect.signature(spatialstats.analyze).parameters)
    for block in blocks(page):
        for node in ast.walk(ast.parse(block)):
            if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "spatialstats":
                assert hasattr(spatialstats, node.attr), node.attr
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "spatialstats.analyze":
                assert {str(keyword.arg) for keyword in node.keywords} <= settings


def test_the_page_on_kernels_runs() -> None:
    code = "\n".join(blocks(ROOT / "docs" / "howto" / "kernels.md"))
    names: dict[str, object] = {}
    exec(compile(code, "kernels.md", "exec"), names)
    assert names["whole"].count.sum() == 500  # type: ignore[attr-defined]
