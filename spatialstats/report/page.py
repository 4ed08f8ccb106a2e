"""One self-contained HTML file: what every page of the package is made with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, PackageLoader
from markupsafe import Markup

from spatialstats.engine.files import write_text
from spatialstats.report import palette, text

SHARED = ("tokens.css", "page.css", "first.css", "sections.css")
"""Style sheets of every page."""


def render(template: str, styles: Sequence[str], values: dict[str, Any], script: str | None = None) -> str:
    """A page as text, everything in it escaped that is no `Markup`.

    Parameters
    ----------
    template : str
        Its file among the templates.
    styles : sequence of str
        Style sheets beside those that all pages share.
    values : dict
        What the template names.
    script : str, optional
        File of the page's script.
    """
    source = PackageLoader("spatialstats.report", "templates")
    environment = Environment(
        loader=source, autoescape=True, undefined=ChainableUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.globals.update(percent=text.percent, count=text.count, duration=text.duration, size=text.size)

    def read(name: str) -> str:
        return source.get_source(environment, name)[0]

    return environment.get_template(template).render(
        styles=Markup("\n".join(read(name) for name in (*SHARED, *styles, "print.css"))),
        script=None if script is None else Markup(read(script)),
        palette=palette,
        ramp=Markup(palette.gradient()),
        **values,
    )


def write(folder: Path, page: str) -> Path:
    """Write ``report.html`` of a folder, atomically."""
    target = folder / "report.html"
    write_text(target, page)
    return target
