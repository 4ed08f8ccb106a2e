"""Checks of attack parameters."""

from __future__ import annotations

import math
from typing import Any

from spatialstats.errors import InputError

__all__ = ["at_least_one", "positive"]


def positive(attack: Any, *names: str, or_zero: bool = False) -> None:
    """Refuse parameters of an attack that are not finite numbers above 0."""
    for name in names:
        value = getattr(attack, name)
        if not (math.isfinite(value) and (value > 0 or (or_zero and value == 0))):
            least = "at least" if or_zero else "above"
            raise InputError(f"{name} of {attack.name} must be {least} 0, got {value}.")


def at_least_one(attack: Any, *names: str) -> None:
    """Refuse parameters of an attack that are not whole numbers from 1 on."""
    for name in names:
        value = getattr(attack, name)
        if not isinstance(value, int) or value < 1:
            raise InputError(f"{name} of {attack.name} must be a whole number of at least 1, got {value}.")
