"""Write the numbers of docs/checklist.md from docs/checklist.json.

python analysis/checklist_page.py
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from checklist_zoo import PLANTED, rates

DOCS = Path(__file__).resolve().parents[1] / "docs"
KINDS = {
    "open": "planted, open zoo",
    "held-out": "planted, held-out zoo",
    "regions-open": "planted region defences, open zoo",
    "regions-held-out": "planted region defences, held-out zoo",
    "sealed": "planted region defences, sealed zoo",
    "sound": "sound",
    "sound-patch": "sound",
    "blind": "the package's own blind defences",
    "blind-patch": "the package's own blind defences",
}
MEANING = dict.fromkeys(PLANTED, "sensitivity") | dict.fromkeys(
    ("blind", "blind-patch"), "neither planted nor sound"
)
Row = dict[str, Any]


def percent(value: float) -> str:
    """A share without decimals."""
    return f"{100 * value:.0f} %"


def groups(found: dict[str, Any]) -> Iterator[tuple[str, str, list[Row]]]:
    """Key and title of each zoo, apart for patches, and its rows."""
    for key, name in KINDS.items():
        rows = found.get(key, {"rows": []})["rows"]
        patched = [row for row in rows if row["threat"].startswith("patch")]
        others = [row for row in rows if row not in patched]
        for part, of in ((others, "L∞ and L2" if key == "sound" else "L∞"), (patched, "patch")):
            if part:
                yield key, f"{name}, {of}", part


def page(found: dict[str, Any]) -> str:
    """The tables."""
    lines = ["| members | | flagged | 95 % interval (Wilson) |", "|---|---|---|---|"]
    below: list[str] = []
    for key, title, rows in groups(found):
        said = rates(rows, planted=key in PLANTED)
        lines.append(
            f"| {title} | {MEANING.get(key, 'false alarms')} | {said['flagged']} of {said['members']} "
            f"({percent(said['share'])}) | {percent(said['low'])} to {percent(said['high'])} |"
        )
        left = f" (not counted: {', '.join(said['left_out'])})" if said["left_out"] else ""
        below += ["", f"**{title[0].upper()}{title[1:]}**{left}.", "", *listed(rows)]
    seconds = sum(row["seconds"] for zoo in found.values() for row in zoo["rows"])
    lines += ["", f"All members together took {seconds / 60:.0f} minutes of processor time."]
    return "\n".join([*lines, *below])


def listed(rows: list[Row]) -> list[str]:
    """A table of members."""
    lines = [
        "| member | seed | threat | clean | plain attack | worst known | flags |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lines.append(
            f"| {row['member']} | {row['seed']} | `{row['threat']}` | {percent(row['clean'])} "
            f"| {percent(row['naive'])} | {percent(row['worst'])} | {'; '.join(row['flags']) or 'none'} |"
        )
    return lines


def main() -> None:
    target = DOCS / "checklist.md"
    made = page(json.loads((DOCS / "checklist.json").read_text()))
    text = re.sub(
        r"(<!-- numbers -->\n).*?(<!-- end -->)",
        lambda match: f"{match[1]}\n{made}\n\n{match[2]}",
        target.read_text(),
        flags=re.DOTALL,
    )
    target.write_text(text)


if __name__ == "__main__":
    main()
