"""One step of the ladder of co-location."""

from __future__ import annotations

import math
from dataclasses import dataclass

POPULATION, CLASS, CONTENT, MODEL, NOISE = "population", "class", "content", "model", "noise"
RUNGS = (POPULATION, CLASS, CONTENT, MODEL, NOISE)
MODEL_NOISE = "model beyond noise"


@dataclass(frozen=True)
class Rung:
    """One step of the evidence: a paired excess of the overlap lift.

    Parameters
    ----------
    key, title : str
        Its name, and what it compares in a few words.
    excess, low, high : float
        ``observed - reference`` with its bootstrap interval over images; NaN where not tested.
    observed, reference : float
        Both sides of the difference, as mean lifts or as excesses.
    p_value, z : float
        Against permuted pairings; NaN on rungs that are judged by their interval alone.
    n : int
        Images.
    null : str
        What the excess is measured against.
    method : str
        How interval and p-value were made, or why there are none.
    """

    key: str
    title: str
    excess: float
    low: float
    high: float
    observed: float
    reference: float
    p_value: float
    z: float
    n: int
    null: str
    method: str

    @property
    def effect(self) -> float:
        """The excess, by the name that every other result has for it."""
        return self.excess

    @property
    def tested(self) -> bool:
        """Whether there is an interval."""
        return math.isfinite(self.low)

    @property
    def above(self) -> bool:
        """Whether the interval lies above 0."""
        return self.tested and self.low > 0

    @property
    def below(self) -> bool:
        """Whether the interval lies below 0."""
        return self.tested and self.high < 0
