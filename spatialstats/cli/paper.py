"""``spatialstats paper``: figures, table, methods paragraph and references of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from spatialstats.cli.options import QuietOption

EXAMPLES = """
**Examples**

- `spatialstats paper runs/cifar10-20260101-120000` : into `paper/` in the run
- `spatialstats paper runs/mine --out article/figures`
"""


def paper(
    run: Annotated[Path, typer.Argument(help="A run directory.")],
    out: Annotated[Path | None, typer.Option(help="Folder; `paper/` in the run if none.")] = None,
    quiet: QuietOption = False,
) -> None:
    """Write SVG figures, LaTeX tables, a methods paragraph and its BibTeX for a run."""
    from spatialstats.report.paper import paper_kit

    folder = paper_kit(run, out)
    if not quiet:
        print((folder / "methods.tex").read_text().strip())
        print(f"\nPaper kit: {folder}")
