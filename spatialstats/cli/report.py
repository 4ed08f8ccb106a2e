"""``spatialstats report``: the pages and figures of a finished run, anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
**Examples**

- `spatialstats report runs/cifar10-20260101-120000` : after an upgrade, or an edit of the templates
"""


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
) -> None:
    """Rebuild the HTML report and the figures of a finished run, comparison or evaluation of defences."""
    from spatialstats.report import rebuild

    print(f"Report: {rebuild(run)}")
