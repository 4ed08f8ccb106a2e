"""One self-contained HTML page out of a run directory, and its figures for papers.

Nothing here imports torch; matplotlib is imported inside `write_figures` alone.
"""

from __future__ import annotations

from spatialstats.report.build import build_report
from spatialstats.report.figures import write_figures

__all__ = ["build_report", "write_figures"]
