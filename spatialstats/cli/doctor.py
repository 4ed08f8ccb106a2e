"""``spatialstats doctor``: whether the kernels are right on this machine."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

EXAMPLES = """
**Examples**

- `spatialstats doctor` : after an install, and on a machine with a GPU
- `spatialstats doctor --json > doctor.json` : for a bug report
"""


def doctor(
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Check the kernels on this machine: CPU, and GPU where there is one; exit code 1 if any is wrong."""
    from spatialstats.doctor import examine, shown

    found = examine(lambda text: print(text, file=sys.stderr))
    print(json.dumps(found.as_dict(), indent=1) if as_json else shown(found))
    raise typer.Exit(0 if found.healthy else 1)
