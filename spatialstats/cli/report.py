"""``spatialstats report``: the pages and figures of a finished run, anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
) -> None:
    """Rebuild the HTML report and the figures of a finished run, comparison or evaluation of defences."""
    from spatialstats.engine.rundir import RunDirectory
    from spatialstats.report import build_report, write_figures

    kind = RunDirectory(run).results().get("kind")
    if kind == "defences":
        from spatialstats.report.defence_figures import write_defence_figures
        from spatialstats.report.defences import build_defence_report

        write_defence_figures(run)
        print(f"Report: {build_defence_report(run)}")
        return
    if kind == "comparison":
        from spatialstats.report.compare import build_compare_report
        from spatialstats.report.compare_figures import write_compare_figures

        write_compare_figures(run)
        print(f"Report: {build_compare_report(run)}")
        return
    write_figures(run)
    print(f"Report: {build_report(run)}")
