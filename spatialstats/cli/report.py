"""``spatialstats report``: the pages and figures of a finished run, anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
) -> None:
    """Rebuild the HTML report and the figures of a finished run."""
    from spatialstats.engine.rundir import RunDirectory
    from spatialstats.report import build_report, write_figures

    RunDirectory(run).results()
    write_figures(run)
    print(f"Report: {build_report(run)}")
