"""Where a script's numbers stand in a page: between a mark that names the command and an end mark."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

__all__ = ["ROOT", "markdown", "write_numbers"]

ROOT = Path(__file__).resolve().parent.parent
END = "<!-- end of numbers -->"


def write_numbers(page: Path, command: str, text: str) -> None:
    """Put `text` where `page` keeps the numbers of `command`.

    Raises
    ------
    SystemExit
        If the page lacks the marks; it is left as it was.
    """
    begin = f"<!-- numbers: {command} -->"
    before, _, rest = page.read_text().partition(begin)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{page.name} lacks the marks {begin} and {END}")
    page.write_text(f"{before}{begin}\n{text}\n{END}{after}")


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a markdown table; the first holds the titles."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))
