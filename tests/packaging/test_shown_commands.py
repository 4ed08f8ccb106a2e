"""Every command that README and docs show is one that the program takes."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import typer

from spatialstats.cli import app

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]


def shown(start: str) -> list[tuple[str, str]]:
    """(page, command) of each command that begins with `start` in a bash block."""
    found = []
    for page in PAGES:
        for block in re.findall(r"```bash\n(.*?)```", page.read_text(), flags=re.DOTALL):
            for line in block.splitlines():
                commands = [part.strip() for part in line.split("&&")]
                found += [(page.name, command) for command in commands if command.startswith(start)]
    return found


@pytest.mark.parametrize(("page", "command"), shown("spatialstats "))
def test_the_command_line_takes_it(page: str, command: str) -> None:
    _, name, *arguments = shlex.split(command, comments=True)
    group = typer.main.get_command(app)
    group.commands[name].make_context(name, arguments)  # raises where an option is unknown


@pytest.mark.parametrize(("page", "command"), shown("python "))
def test_the_script_exists(page: str, command: str) -> None:
    assert (ROOT / shlex.split(command)[1]).is_file()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_to_files_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```|`[^`]*`", "", page.read_text(), flags=re.DOTALL)
    targets = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", text)
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert missing == []
