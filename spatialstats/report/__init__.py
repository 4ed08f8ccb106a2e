"""One self-contained HTML page out of a run directory, and its figures for papers.

Nothing here imports torch; matplotlib is imported inside `write_figures` alone.
"""

from __future__ import annotations

from pathlib import Path

from spatialstats.engine.job import COMPARISON, DEFENCES, kind_of, read_results
from spatialstats.report.build import build_report
from spatialstats.report.figures import write_figures

__all__ = ["build_report", "rebuild", "write_figures"]


def rebuild(folder: Path) -> Path:
    """Make the figures and the page of a finished run, comparison or evaluation of defences anew.

    Parameters
    ----------
    folder : Path
        What one of the commands wrote.

    Returns
    -------
    Path
        Its ``report.html``.
    """
    kind = kind_of(read_results(folder))
    if kind == DEFENCES:
        from spatialstats.report.defence_figures import write_defence_figures
        from spatialstats.report.defences import build_defence_report

        write_defence_figures(folder)
        return build_defence_report(folder)
    if kind == COMPARISON:
        from spatialstats.report.compare import build_compare_report
        from spatialstats.report.compare_figures import write_compare_figures

        write_compare_figures(folder)
        return build_compare_report(folder)
    write_figures(folder)
    return build_report(folder)
