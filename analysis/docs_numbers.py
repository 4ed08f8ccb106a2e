"""Numbers in pages: how they look, and where they stand between the marks of their command."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "markdown", "percent", "write_numbers"]

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


def percent(of: dict[str, Any] | None, *, signed: bool = False) -> str:
    """``32.0 [25.9, 38.8]`` of an interval as it is kept in JSON; a dash for none."""
    if of is None or of["low"] is None:
        return "–"
    sign = "+" if signed else ""
    return f"{100 * of['value']:{sign}.1f} [{100 * of['low']:{sign}.1f}, {100 * of['high']:{sign}.1f}]"


def markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a markdown table; the first holds the titles."""
    head, *body = rows
    return "\n".join(f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body))
