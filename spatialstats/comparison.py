"""Runs, compared: what ``spatialstats compare`` does, for scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from spatialstats.engine.comparison.result import Comparison
from spatialstats.engine.comparison.run import compare_runs
from spatialstats.errors import InputError
from spatialstats.report.compare import build_compare_report
from spatialstats.report.compare_figures import write_compare_figures

__all__ = ["compare"]


def compare(
    run_a: str | Path,
    run_b: str | Path | None = None,
    *,
    out: str | Path | None = None,
    command: str = "",
    **settings: Any,
) -> Comparison:
    """Compare two models or two attacks on the same images, and write a folder with a report.

    Parameters
    ----------
    run_a, run_b : path
        Run directories; without the second, two attacks of the first are compared.
    out : path, optional
        A new folder for the report, ``results.json``, ``maps.npz``, ``effects.csv`` and figures; nothing is
        written without it.
    command : str
        How it was called, for the record.
    **settings
        As for `spatialstats.engine.comparison.run.compare_runs`.

    Returns
    -------
    Comparison

    Examples
    --------
    >>> import spatialstats
    >>> found = spatialstats.compare("runs/a", "runs/b")  # doctest: +SKIP
    >>> found.to_frame()  # doctest: +SKIP
    """
    if out is not None and Path(out).exists() and (not Path(out).is_dir() or any(Path(out).iterdir())):
        raise InputError(f"the output folder {out} holds other files: pass an empty or a new --out.")
    found = compare_runs(Path(run_a), None if run_b is None else Path(run_b), **settings)
    if out is not None:
        found.write(Path(out), command=command)
        write_compare_figures(Path(out))
        build_compare_report(Path(out))
    return found
