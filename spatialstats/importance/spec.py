"""Methods written in one word: ``integrated-gradients(steps=16)``."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from typing import Any, TypeVar

from spatialstats.errors import InputError, unknown

__all__ = ["build", "parse"]

Method = TypeVar("Method")


def parse(spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``name(key=value, ...)`` into the name and its parameters.

    Values are Python literals, fractions such as ``8/255``, or bare words.

    Raises
    ------
    InputError
        If the text has another form.
    """
    match = re.fullmatch(r"\s*([\w:.-]+)\s*(?:\((.*)\))?\s*", spec)
    if match is None:
        raise InputError(
            f"a method is written name or name(key=value, ...), got {spec!r}: "
            "as in integrated-gradients(steps=16)"
        )
    parameters = {}
    for part in re.split(r",(?![^(\[]*[)\]])", match[2] or ""):
        if not part.strip():
            continue
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and key.isidentifier() and value):
            raise InputError(f"a parameter is written key=value, got {part.strip()!r} in {spec!r}")
        parameters[key] = _value(value)
    return match[1], parameters


def build(kind: type[Method], name: str, parameters: dict[str, Any]) -> Method:
    """An instance of the dataclass `kind`, its parameters checked against the types of the defaults.

    Raises
    ------
    InputError
        If a parameter is unknown or of another type.
    """
    defaults = {field.name: field.default for field in fields(kind)}  # type: ignore[arg-type]
    for key, value in parameters.items():
        if key not in defaults:
            if not defaults:
                raise InputError(f"{name} takes no parameters, got {key}={value!r}: leave it out")
            raise unknown(f"parameter of {name}", key, defaults)
        wanted = type(defaults[key])
        fits = (int, float) if wanted is float else (wanted,)
        if not isinstance(value, fits) or (isinstance(value, bool) and wanted is not bool):
            raise InputError(f"{key} of {name} must be of the type {wanted.__name__}, got {value!r}")
    return kind(**parameters)


def _value(text: str) -> Any:
    fraction = re.fullmatch(r"([\d.]+)\s*/\s*([\d.]*[1-9][\d.]*)", text)
    if fraction:
        return float(fraction[1]) / float(fraction[2])
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
