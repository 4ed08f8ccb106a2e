"""Numbers in words: intervals, draws, p-values, and what JSON can hold."""

from __future__ import annotations

import math
from typing import Any, Protocol


class Estimate(Protocol):
    """An effect with its interval."""

    @property
    def effect(self) -> float: ...
    @property
    def low(self) -> float: ...
    @property
    def high(self) -> float: ...


def with_interval(found: Estimate) -> str:
    """An effect and its interval: ``+0.123 [0.100, 0.146]``."""
    return f"{number(found.effect, sign=True)} [{number(found.low)}, {number(found.high)}]"


def number(value: float, *, sign: bool = False) -> str:
    """Three significant figures, or "unknown"."""
    if not math.isfinite(value):
        return "unknown"
    return f"{value:{'+' if sign else ''}z.3g}"


def draws_of(n_resamples: int) -> str:
    """How many draws a null had."""
    return f"{n_resamples:,} draws"


def p_text(p: float, n_resamples: int) -> str:
    """A permutation p-value; the smallest that so many draws can give says so."""
    if not math.isfinite(p):
        return "no p"
    smallest = " (the smallest possible)" if p <= 2 / (n_resamples + 1) else ""
    return f"p = {p:.3g}{smallest}"


def finite(value: Any) -> Any:
    """A value as JSON holds it: floats as float, NaN and infinity as None."""
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value
