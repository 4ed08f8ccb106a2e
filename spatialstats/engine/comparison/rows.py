"""One line of the table of a comparison."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Literal

from spatialstats.stats.interval import Interval
from spatialstats.stats.wording import finite

Json = dict[str, Any]
Unit = Literal["share", "lift"]


@dataclass(frozen=True)
class EffectRow:
    """One number of both sides, and its difference.

    Parameters
    ----------
    key, title : str
        Its name, and what it is.
    group : str
        Where it stands in the table: "accuracy", "damage share", "area", "lift", "ceiling", "defended".
    unit : {"share", "lift"}
        Shares lie in [0, 1].
    a, b : float
        The two sides.
    difference, low, high : float
        ``a - b`` with its interval; NaN where there is none.
    n : int
        Images it stands on.
    paired : bool
        Whether the two sides were compared image by image.
    method : str
        How the interval was made.
    """

    key: str
    title: str
    group: str
    unit: Unit
    a: float
    b: float
    difference: float
    low: float
    high: float
    n: int
    paired: bool
    method: str

    @property
    def clear(self) -> bool:
        """Whether the interval leaves out 0."""
        return bool(self.low > 0 or self.high < 0)

    def to_dict(self) -> Json:
        """Ready for JSON, None in place of NaN."""
        return {name: finite(value) for name, value in asdict(self).items()} | {"clear": self.clear}


def row_of(
    key: str, title: str, group: str, unit: Unit, sides: tuple[float, float], found: Interval, paired: bool
) -> EffectRow:
    """A row, from both sides and the interval of their difference."""
    return EffectRow(
        key, title, group, unit, float(sides[0]), float(sides[1]), found.value, found.low, found.high,
        found.n, paired, found.method,
    )  # fmt: skip
