"""Checks of attack parameters, and attacks written in one line: ``pgd-linf(epsilon=4/255,steps=20)``."""

from __future__ import annotations

import ast
import math
import re
from dataclasses import fields
from typing import Any, TypeVar

from spatialstats.errors import InputError, unknown

__all__ = ["at_least_one", "build", "parse", "positive"]

Made = TypeVar("Made")
TRUTH = {"true": True, "false": False}


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``name(key=value, ...)`` into a name and parameters.

    Parameters
    ----------
    spec : str
        Values are numbers, fractions such as ``8/255``, true or false, or words.

    Returns
    -------
    name : str
    parameters : dict

    Raises
    ------
    InputError
        If it is written otherwise.
    """
    match = re.fullmatch(r"\s*([\w:.-]+)\s*(?:\(([^()]*)\))?\s*", spec)
    if match is None:
        raise InputError(
            f"an attack is written name or name(key=value, ...), got {spec!r}: see list_attacks()."
        )
    found: dict[str, Any] = {}
    for part in filter(str.strip, (match[2] or "").split(",")):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or not key.isidentifier() or not value:
            raise InputError(f"a parameter is written key=value, got {part.strip()!r} in {spec!r}.")
        found[key] = _value(value)
    return match[1], found


def build(kind: type[Made], name: str, parameters: dict[str, Any]) -> Made:
    """An attack dataclass from parameters, whose names and types are checked.

    Raises
    ------
    InputError
        If there is no such parameter, or it is of another type than its default.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    for key, value in parameters.items():
        if key not in defaults:
            raise unknown(f"parameter of {name}", key, defaults)
        wanted = type(defaults[key])
        fits = isinstance(value, (int, float) if wanted is float else wanted)
        if not fits or (isinstance(value, bool) and wanted is not bool):
            raise InputError(f"{key} of {name} must be of the type {wanted.__name__}, got {value!r}.")
    return kind(**{key: float(v) if type(defaults[key]) is float else v for key, v in parameters.items()})


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


def _value(text: str) -> Any:
    """A number, a fraction, a truth value or the word itself."""
    over = re.fullmatch(r"([^/]+)/([^/]+)", text)
    try:
        if over:
            return float(over[1]) / float(over[2])
        return TRUTH[text.lower()] if text.lower() in TRUTH else ast.literal_eval(text)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return text
