"""The report's figures as SVG and PNG files for papers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from spatialstats.engine.files import atomic
from spatialstats.report import plots, plots_ladder, plots_maps, plots_where
from spatialstats.report.run import Run, load_run

if TYPE_CHECKING:
    from matplotlib.figure import Figure

STYLE: Final[Any] = {
    "font.family": "sans-serif",
    "font.size": 8.0,
    "axes.titlesize": 8.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.linewidth": 0.7,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "svg.fonttype": "none",
    "svg.hashsalt": "spatialstats",
    "figure.constrained_layout.use": True,
    "image.interpolation": "nearest",
}

MAKERS: Final[dict[str, Callable[[Run], Figure | None]]] = {
    "shares": plots.shares,
    "colocation": plots.colocation,
    "ladder": plots_ladder.ladder,
    "controls": plots_where.controls,
    "densities": plots_maps.densities,
    "where": plots_where.where,
    "sensitivity": plots.sensitivity,
    "neutralization": plots.neutralization,
    "example": plots_maps.example,
}
"""File name to what draws it; None where the run has no data for it."""


def write_figures(run_dir: Path) -> list[Path]:
    """Draws the figures of a run for papers.

    Parameters
    ----------
    run_dir : Path
        Run directory.

    Returns
    -------
    list of Path
        ``figures/<name>.svg`` (text kept as text) and ``figures/<name>.png`` (300 dots an inch) of every
        figure that the run has data for, written atomically and without a date, so that one run always
        gives the same files.

    Raises
    ------
    InputError
        If there is no readable run.
    """
    run = load_run(Path(run_dir))
    folder = run.path / "figures"
    folder.mkdir(exist_ok=True)
    written: list[Path] = []
    with style():
        for name, make in MAKERS.items():
            figure = make(run)
            if figure is not None:
                written += [save_figure(figure, folder / f"{name}.{kind}") for kind in ("svg", "png")]
    return written


@contextmanager
def style() -> Iterator[None]:
    """The look of all figures, while it is entered."""
    import matplotlib

    with matplotlib.rc_context(STYLE):
        yield


UNDATED: Final = {".svg": "Date", ".pdf": "CreationDate", ".png": "Software"}
"""What would change from one writing to the next, for each kind of file."""


def save_figure(figure: Figure, path: Path) -> Path:
    """Write a figure, atomically and without a date; its suffix says as what."""
    blank: dict[str, None] = {UNDATED[path.suffix]: None}
    with atomic(path) as file:
        figure.savefig(file, format=path.suffix[1:], dpi=300, metadata=blank)
    return path
