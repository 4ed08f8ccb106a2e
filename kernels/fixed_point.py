"""The integers in which densities are summed: steps of 2^-24, and squares of them in two words."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

STEPS = 1 << 24
"""Steps in 1.0: floats are rounded half-even to multiples of 2^-24."""

CARRY = 48
"""Bits in the low word of a sum of squares."""

Ints = NDArray[np.int64]


def carried(high: Ints, low: Ints) -> tuple[Ints, Ints]:
    """Move what exceeds the low word of ``high * 2**48 + low`` into the high word."""
    return high + (low >> CARRY), low & ((1 << CARRY) - 1)
