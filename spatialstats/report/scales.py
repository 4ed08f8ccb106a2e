"""Where the scales of the density maps end, and how that is written."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from spatialstats.report import text


def unit(name: str, top: float) -> str:
    """A scale's end with its unit."""
    if name in ("share", "frequency"):
        return text.percent(top, 0)
    return text.number(255 * top, 1) + "/255" if name == "energy" else text.number(top, 2)


def reach(stacks: list[NDArray[np.float32]]) -> float:
    """Where a scale ends: beyond all overall maps, not beyond the few brightest pixels of small groups."""
    return max(max(float(stack[0].max()), float(np.quantile(stack, 0.998))) for stack in stacks)


def round_up(value: float) -> float:
    """The next of 1, 1.5, 2, 2.5, 3, 4, 5, 6, 8 times a power of ten: a scale end that reads well."""
    if value <= 0:
        return 1.0
    base = 10.0 ** np.floor(np.log10(value))
    steps = (1, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10)
    return float(next(s * base for s in steps if value <= s * base * (1 + 1e-6)))
