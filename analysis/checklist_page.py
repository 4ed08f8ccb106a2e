"""Write the numbers of docs/checklist.md from docs/checklist.json.

python analysis/checklist_page.py
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parents[1] / "docs"
KINDS = {
    "open": ("planted, open zoo", "sensitivity"),
    "held-out": ("planted, held-out zoo", "sensitivity"),
    "sound": ("sound", "false alarms"),
    "blind": ("the package's own blind defences", "neither planted nor sound"),
}


def percent(value: float) -> str:
    """A share without decimals."""
    return f"{100 * value:.0f} %"


def page(found: dict[str, Any]) -> str:
    """The tables."""
    lines = ["| members | | flagged | 95 % interval (Wilson) |", "|---|---|---|---|"]
    for key, (name, meaning) in KINDS.items():
        if key not in found:
            continue
        said = found[key]["rates"]
        lines.append(
            f"| {name} | {meaning} | {said['flagged']} of {said['members']} ({percent(said['share'])}) "
            f"| {percent(said['low'])} to {percent(said['high'])} |"
        )
    for key, (name, _) in KINDS.items():
        if key not in found:
            continue
        left = found[key]["rates"]["left_out"]
        lines += [
            "",
            f"**{name.capitalize()}**" + (f" (not counted: {', '.join(left)})" if left else "") + ".",
            "",
        ]
        lines += [
            "| member | seed | threat | clean | plain PGD | worst known | flags |",
            "|---|---|---|---|---|---|---|",
        ]
        for row in found[key]["rows"]:
            naive = "" if row["naive"] is None else percent(row["naive"])
            lines.append(
                f"| {row['member']} | {row['seed']} | `{row['threat']}` | {percent(row['clean'])} | {naive} "
                f"| {percent(row['worst'])} | {'; '.join(row['flags']) or 'none'} |"
            )
    return "\n".join(lines)


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
