"""docs/calibration.md and .json from the cells of a calibration."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from calibration_bounds import (
    APPROXIMATE,
    CONTRAST,
    EXACT,
    N_SIMULATIONS,
    RISK,
    Row,
    above,
    count,
    pooled,
    rows_of,
)
from calibration_fields import Setting

DOCS = Path(__file__).resolve().parent.parent / "docs"
PAGE, NUMBERS = DOCS / "calibration.md", DOCS / "calibration.json"
BEGIN = "<!-- numbers: python analysis/calibration.py --page -->"
END = "<!-- end of numbers -->"
REAL = "real-maps"


class Cell(Protocol):
    """What the page needs of a cell."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def setting(self) -> Setting | None: ...


def write(cells: Mapping[Any, dict[str, np.ndarray]]) -> None:
    """The numbers as JSON, and the tables of the page between its two marks."""
    rows = {cell: rows_of(cell.name, cell.setting, columns) for cell, columns in cells.items() if columns}
    found = [row for cell, part in rows.items() if cell.kind != "power" for row in part]
    NUMBERS.write_text(json.dumps(as_json(rows), indent=1) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, after = text.split(BEGIN)[0], text.split(END)[1]
    parts = [verdict(found, cells), size_table(found, EXACT), size_table(found, APPROXIMATE)]
    parts += [contrast_table(rows), power_table(rows), settings_table(rows)]
    PAGE.write_text(f"{before}{BEGIN}\n\n{chr(10).join(parts)}\n{END}{after}", encoding="utf-8")


def as_json(rows: Mapping[Any, list[Row]]) -> list[dict[str, Any]]:
    """One entry a cell: its setting, and rejections of each test."""
    return [
        {
            "cell": cell.name,
            "kind": cell.kind,
            "setting": cell.setting.to_dict() if cell.setting else None,
            "tests": {
                row.test: {"n": row.n, "rejected": row.rejected, "level": row.level, "kind": row.kind}
                for row in part
            },
        }
        for cell, part in rows.items()
    ]


def gated(rows: Iterable[Row]) -> tuple[list[Row], list[Row], int]:
    """Exact tests by cell and pooled over the cells, and how many comparisons these are."""
    single = [row for row in rows if row.kind == EXACT]
    whole = [pooled(part) for part in by_test(single).values()]
    return single, whole, len(single) + len(whole)


def by_test(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """Rows of each test."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.test, []).append(row)
    return found


def verdict(rows: list[Row], cells: Mapping[Any, dict[str, np.ndarray]]) -> str:
    """The criterion in a sentence."""
    single, whole, tests = gated(rows)
    failed = above(single + whole, tests)
    n = max((row.n for row in single), default=0)
    unfinished = [cell.name for cell, columns in cells.items() if count(columns) < N_SIMULATIONS]
    limit = max((row.limit(tests) / row.n for row in single if row.n == n), default=np.nan)
    lines = [
        f"{len(single)} comparisons of {len(whole)} exact tests with up to {n:,} simulations each, and "
        f"{len(whole)} pooled over cells: {len(failed)} above .05 by a binomial bound that holds for all "
        f"{tests} at once (risk {RISK:g}; {limit:.3f} for a full cell)."
    ]
    lines += [f"Above it: {row.test} in {row.cell}, {_rate(row.rate)} of {row.n:,}." for row in failed]
    if unfinished:
        lines.append(f"Not finished, {len(unfinished)} cells: {', '.join(unfinished)}.")
    return "\n".join(lines) + "\n"


def size_table(rows: list[Row], kind: str) -> str:
    """Sizes of the tests of a kind: over all settings, from and to, on real maps."""
    chosen = [row for row in rows if row.kind == kind]
    _, _, tests = gated(rows)
    title = {
        EXACT: "## Tests that hold by construction",
        APPROXIMATE: "## Approximations: intervals, confidence sets, analytic p-values",
    }[kind]
    lines = [title, "", "| test | settings | size, all | from | to | above the bound | real maps |"]
    lines.append("|---|---|---|---|---|---|---|")
    for test, part in by_test(chosen).items():
        simulated = [row for row in part if row.cell != REAL]
        real = [row for row in part if row.cell == REAL]
        if simulated:
            whole = pooled(simulated)
            rates = [row.rate for row in simulated]
            beyond = above(simulated, tests)
            cells = [
                test,
                len(simulated),
                _rate(whole.rate),
                _rate(min(rates)),
                _rate(max(rates)),
                len(beyond),
            ]
        else:
            cells = [test, 0, "", "", "", ""]
        lines.append(_line([*cells, _rate(real[0].rate) if real else ""]))
    return "\n".join(lines) + "\n"


def contrast_table(rows: Mapping[Any, list[Row]]) -> str:
    """Sizes of what is no valid test, by smoothness."""
    sigmas = sorted({cell.setting.smoothness for cell in rows if cell.kind == "setting"})
    lines = ["## What does not hold its level, in numbers", ""]
    lines.append(_line(["test", *(f"smoothness {sigma:g}" for sigma in sigmas), "real maps"]))
    lines.append("|---" * (len(sigmas) + 2) + "|")
    tests = by_test(row for cell, part in rows.items() if cell.kind != "power" for row in part)
    for test, part in tests.items():
        if part[0].kind != CONTRAST:
            continue
        cells: list[object] = [test.removeprefix("[contrast] ")]
        for sigma in sigmas:
            names = {c.name for c in rows if c.kind == "setting" and c.setting.smoothness == sigma}
            chosen = [row for row in part if row.cell in names]
            cells.append(_rate(pooled(chosen).rate) if chosen else "")
        real = [row for row in part if row.cell == REAL]
        lines.append(_line([*cells, _rate(real[0].rate) if real else ""]))
    return "\n".join(lines) + "\n"


def power_table(rows: Mapping[Any, list[Row]]) -> str:
    """Rejections of planted effects."""
    planted = {cell.name.removeprefix("power-"): part for cell, part in rows.items() if cell.kind == "power"}
    lines = ["## Power on planted effects", "", _line(["test", *planted]), "|---" * (len(planted) + 1) + "|"]
    held = by_test(row for part in planted.values() for row in part)
    for test, part in held.items():
        at = {row.cell.removeprefix("power-"): row for row in part}
        lines.append(_line([test, *(_rate(at[name].rate) if name in at else "" for name in planted)]))
    return "\n".join(lines) + "\n"


def settings_table(rows: Mapping[Any, list[Row]]) -> str:
    """The settings, and the largest size of an exact test in each."""
    lines = ["## Settings", ""]
    header = ["smoothness", "size", "RoI", "RoA", "masks", "centre bias", "skewness", "simulations"]
    lines += [_line([*header, "largest size of an exact test"]), "|---" * (len(header) + 1) + "|"]
    for cell, part in rows.items():
        if cell.kind != "setting":
            continue
        s = cell.setting
        exact = [row for row in part if row.kind == EXACT]
        worst = max(exact, key=lambda row: row.rate)
        masks = "fixed level" if s.level else "top fraction"
        given = [s.smoothness, s.size, s.roi, s.roa, masks, s.bias, s.skewness, max(r.n for r in part)]
        lines.append(_line([*given, f"{_rate(worst.rate)}, {worst.test}"]))
    return "\n".join(lines) + "\n"


def _line(cells: Iterable[object]) -> str:
    texts = (f"{cell:g}" if isinstance(cell, float) else str(cell) for cell in cells)
    return "| " + " | ".join(texts) + " |"


def _rate(rate: float) -> str:
    return f"{rate:.3f}".removeprefix("0") if np.isfinite(rate) else ""
