"""From p-values to verdicts: rejection rates, attained levels, and bounds that hold for all cells at once."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from calibration_fields import Setting
from scipy import stats

LEVEL = 0.05
RISK = 0.05
"""Probability that valid tests are called too large somewhere."""
N_SIMULATIONS = 1000
"""Of a cell, when it is finished."""

EXACT, APPROXIMATE, CONTRAST = "exact", "approximate", "contrast"
LARGE_SAMPLE = (
    "interval",
    "confidence set",
    "analytic",
    "Dutilleul",
    "parametric",
    "ladder, claim",
    "phase randomisation, mean",
)
"""Parts of the names of what holds its level for many images or pixels only."""


@dataclass(frozen=True)
class Row:
    """One test in one cell.

    Parameters
    ----------
    test, cell, kind : str
        Names; exact, approximate or contrast.
    n, rejected : int
        Simulations, and those in which p was at most .05 (or the interval missed the truth).
    level : float
        Largest size not above .05 that the p-values can attain.
    """

    test: str
    cell: str
    kind: str
    n: int
    rejected: int
    level: float

    @property
    def rate(self) -> float:
        """Share of rejections."""
        return self.rejected / self.n if self.n else np.nan

    def limit(self, tests: int, risk: float = RISK) -> int:
        """Most rejections that a valid test exceeds with a probability of at most risk / tests."""
        return int(stats.binom.isf(risk / tests, self.n, self.level))


def rows_of(cell: str, setting: Setting | None, columns: dict[str, np.ndarray]) -> list[Row]:
    """All tests of a cell; simulations without a p-value do not count."""
    found = []
    for test, p in columns.items():
        p = p[np.isfinite(p)]
        if len(p):
            rejected = int((p <= LEVEL + 1e-9).sum())
            kind = kind_of(test, setting)
            found.append(Row(test, cell, kind, len(p), rejected, attained(test, setting)))
    return found


def kind_of(test: str, setting: Setting | None) -> str:
    """Whether a test is valid in a setting by its construction, for large samples only, or not at all."""
    if test.startswith("[contrast]"):
        return CONTRAST
    if "(normality)" in test and setting is not None and setting.skewness:
        return CONTRAST
    if any(part in test for part in LARGE_SAMPLE):
        return APPROXIMATE
    if test.startswith("phase randomisation") and setting is not None and setting.skewness:
        return APPROXIMATE  # random phases are those of normal fields
    return EXACT


def attained(test: str, setting: Setting | None) -> float:
    """Largest level up to .05 that a discrete p-value can have."""
    if "toroidal shift, one image" in test:
        size = setting.size**2 if setting is not None else 1024
        return 2 * int(LEVEL / 2 * size) / size
    return LEVEL  # 199, 99 and 39 draws attain it, as each test uses them


def pooled(rows: Iterable[Row]) -> Row:
    """The same test over several cells."""
    held = list(rows)
    kinds = {row.kind for row in held}
    return Row(
        held[0].test,
        f"{len(held)} cells",
        kinds.pop() if len(kinds) == 1 else APPROXIMATE,
        sum(row.n for row in held),
        sum(row.rejected for row in held),
        max(row.level for row in held),
    )


def above(rows: list[Row], tests: int, risk: float = RISK) -> list[Row]:
    """Those with more rejections than the simultaneous bound allows."""
    return [row for row in rows if row.rejected > row.limit(tests, risk)]


def count(columns: dict[str, np.ndarray]) -> int:
    """Simulations in a cell's columns."""
    return max((len(values) for values in columns.values()), default=0)
