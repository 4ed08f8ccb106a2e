"""Sphinx settings; `nox -s docs` builds with warnings as errors."""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from sphinx.writers.html5 import HTML5Translator

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

project = "spatialstats"
author = "spatialstats developers"
copyright = author
release = version = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "numpydoc", "sphinx.ext.autodoc"]
exclude_patterns = ["_build"]
nitpicky = False
default_role = "py:obj"  # `name` in a docstring points to what it names, where that is documented

myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc's Parameters sections say them with shapes
numpydoc_class_members_toctree = False
numpydoc_show_class_members = False

html_math_renderer = "mathml"
html_theme = "furo"
html_title = "spatialstats"
html_static_path = ["_static"]
html_show_sphinx = False
html_theme_options = {"source_directory": "docs/"}


class CliHelp(SphinxDirective):
    """What `spatialstats COMMAND --help` prints."""

    optional_arguments = 1
    option_spec: ClassVar[dict[str, Any]] = {}

    def run(self) -> list[nodes.Node]:
        from typer.testing import CliRunner

        from spatialstats.cli import app

        os.environ["TERMINAL_WIDTH"] = "86"
        shown = CliRunner().invoke(app, [*self.arguments, "--help"], prog_name="spatialstats")
        if shown.exit_code:
            raise self.error(f"--help of {self.arguments} ended with {shown.exit_code}")
        return [nodes.literal_block(shown.output, shown.output, language="text")]


def inline_math(translator: HTML5Translator, node: nodes.math) -> None:
    """Write a formula as MathML, which browsers draw by themselves: no script, no network."""
    translator.body.append(convert(node.astext()))
    raise nodes.SkipNode


def block_math(translator: HTML5Translator, node: nodes.math_block) -> None:
    """Likewise, on lines of its own."""
    translator.body.append(f'<div class="math">{convert(node.astext(), display="block")}</div>')
    raise nodes.SkipNode


def setup(app: Sphinx) -> None:
    """Add the directive and the way formulas are written."""
    app.add_directive("cli-help", CliHelp)
    app.add_html_math_renderer("mathml", (inline_math, None), (block_math, None))
