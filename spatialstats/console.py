"""Progress on a terminal: one bar a step, with rate and time left."""

from __future__ import annotations

from types import TracebackType

from rich import console as rich_console
from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text


class RateColumn(ProgressColumn):
    """Images a second."""

    def render(self, task: Task) -> Text:
        """The rate of `task`."""
        rate = task.finished_speed or task.speed
        return Text("" if not rate else f"{rate:.1f}/s")


class Console:
    """Shows a run's progress on standard error.

    Parameters
    ----------
    quiet : bool
        Show nothing.
    """

    def __init__(self, *, quiet: bool = False) -> None:
        self._quiet = quiet
        self._console = rich_console.Console(stderr=True, quiet=quiet)
        self._bars = Progress(
            TextColumn("{task.description:<44}", markup=False),
            BarColumn(),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            RateColumn(),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=self._console,
            disable=quiet,
            speed_estimate_period=300,
        )
        self._task: int | None = None

    def __enter__(self) -> Console:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def start(self, step: str, total: int) -> None:
        """Begin a bar."""
        self._task = self._bars.add_task(step, total=total)

    def advance(self, images: float) -> None:
        """Move the bar on."""
        if self._task is not None:
            self._bars.advance(self._bars.tasks[self._task].id, images)

    def say(self, text: str) -> None:
        """Print a line above the bars."""
        self._bars.console.print(text, highlight=False, markup=False)
