"""The command line: one module a command, which imports nothing heavy before it runs."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from spatialstats import __version__
from spatialstats.cli import analyze, compare, defend, doctor, fetch, harden, names, only_maps, paper, report
from spatialstats.errors import InputError

app = typer.Typer(
    name="spatialstats",
    help="Where do attacks hit an image classifier, where does it look, and what is blocking worth?",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(epilog=analyze.EXAMPLES)(analyze.analyze)
app.command(epilog=report.EXAMPLES)(report.report)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=defend.EXAMPLES)(defend.defend)
app.command(epilog=harden.EXAMPLES)(harden.harden)
app.command(name="test", epilog=only_maps.EXAMPLES)(only_maps.only_maps)
app.command(epilog=paper.EXAMPLES)(paper.paper)
app.command(epilog=fetch.EXAMPLES)(fetch.fetch)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.command(name="list", epilog=names.EXAMPLES)(names.names)


def version(value: bool) -> None:
    """Print the version and end."""
    if value:
        print(f"spatialstats {__version__}")
        raise typer.Exit


@app.callback()
def common(
    show_version: Annotated[
        bool, typer.Option("--version", callback=version, is_eager=True, help="Say the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks, with any command.")] = False,
) -> None:
    """Where do attacks hit an image classifier, where does it look, and what is blocking worth?"""


def main() -> None:
    """Run the command line; bad input ends with one sentence and exit code 2."""
    debug = "--debug" in sys.argv or bool(os.environ.get("SPATIALSTATS_DEBUG"))
    try:
        app([argument for argument in sys.argv[1:] if argument != "--debug"])
    except InputError as error:
        if debug:
            raise
        print(f"spatialstats: {error}", file=sys.stderr)
        sys.exit(2)
