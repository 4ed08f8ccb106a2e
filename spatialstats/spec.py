"""What is written in one line: attacks, methods and fills (``pgd-linf(epsilon=4/255)``), threshold rules."""

from __future__ import annotations

import ast
import re
from dataclasses import fields
from typing import Any, TypeVar

from spatialstats.errors import InputError, unknown

__all__ = ["OTSU", "build", "parse", "rule_text", "separated", "threshold_rule"]

Made = TypeVar("Made")
TRUTH = {"true": True, "false": False}
OTSU = "otsu"  # the threshold rule that needs no number


def separated(text: str) -> list[str]:
    """The parts of a text between commas that no bracket encloses, stripped; empty ones are left out.

    Examples
    --------
    >>> separated("oddr, neutralize(locator=frequency, fill=blur(sigma=3))")
    ['oddr', 'neutralize(locator=frequency, fill=blur(sigma=3))']
    """
    parts, depth = [""], 0
    for letter in text:
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and depth <= 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts if part.strip()]


def parse(kind: str, spec: str) -> tuple[str, dict[str, Any]]:
    """Split ``name(key=value, ...)`` into the name and its parameters.

    Parameters
    ----------
    kind : str
        What the name should name, with its article: ``"an attack"``.
    spec : str
        Values are Python literals, fractions such as ``8/255``, true or false, or bare words.

    Raises
    ------
    InputError
        If the text has another form.

    Examples
    --------
    >>> parse("an attack", "noise(norm=l2, epsilon=1/2)")
    ('noise', {'norm': 'l2', 'epsilon': 0.5})
    """
    match = re.fullmatch(r"\s*([\w:.-]+)\s*(?:\((.*)\))?\s*", spec)
    if match is None:
        raise InputError(f"{kind} is written name or name(key=value, ...), got {spec!r}.")
    parameters: dict[str, Any] = {}
    for part in separated(match[2] or ""):
        key, equals, value = (piece.strip() for piece in part.partition("="))
        if not (equals and key.isidentifier() and value):
            raise InputError(f"a parameter is written key=value, got {part!r} in {spec!r}.")
        parameters[key] = _value(value)
    return match[1], parameters


def build(made: type[Made], name: str, parameters: dict[str, Any]) -> Made:
    """An instance of the dataclass `made`, its parameters checked against the types of the defaults.

    Raises
    ------
    InputError
        If a parameter is unknown or of another type.
    """
    declared = {field.name: field for field in fields(made)}  # type: ignore[arg-type]
    defaults = {key: field.default for key, field in declared.items()}
    given = dict(parameters)
    for key, value in parameters.items():
        if key not in defaults:
            if not defaults:
                raise InputError(f"{name} takes no parameters, got {key}={value!r}: leave it out.")
            raise unknown(f"parameter of {name}", key, defaults)
        if "tuple" in str(declared[key].type) or defaults[key] is None:  # a number, or one for each channel
            if not isinstance(value, (int, float, tuple)):
                raise InputError(f"{key} of {name} must be a number or a tuple of numbers, got {value!r}.")
            continue
        wanted = type(defaults[key])
        fits = (int, float) if wanted is float else (wanted,)
        if not isinstance(value, fits) or (isinstance(value, bool) and wanted is not bool):
            raise InputError(f"{key} of {name} must be of the type {wanted.__name__}, got {value!r}.")
        given[key] = float(parameters[key]) if wanted is float else value
    return made(**given)


def threshold_rule(rule: str | float) -> str | float:
    """A threshold rule in its one form: a top fraction as a float, or a name.

    Parameters
    ----------
    rule : str or float
        ``0.2``, ``"0.2"`` or ``"top:0.2"``: a top fraction; ``"otsu"``.

    Raises
    ------
    InputError
        If the rule is none of these.

    Examples
    --------
    >>> threshold_rule("top:0.2"), threshold_rule("otsu")
    (0.2, 'otsu')
    """
    if isinstance(rule, str):
        if rule.strip().lower() == OTSU:
            return OTSU
        try:
            return float(rule.strip().removeprefix("top:"))
        except ValueError:
            raise InputError(
                f"a threshold rule is 'otsu' or 'top:FRACTION' such as 'top:0.2', got {rule!r}."
            ) from None
    return float(rule)


def rule_text(rule: str | float) -> str:
    """A threshold rule in words: ``top 30 %`` or ``above Otsu's threshold``."""
    found = threshold_rule(rule)
    return "above Otsu's threshold" if isinstance(found, str) else f"top {100 * found:g} %"


def _value(text: str) -> Any:
    """A number, a fraction, a truth value, another literal, or the word itself."""
    over = re.fullmatch(r"([^/]+)/([^/]+)", text)
    try:
        if over:
            return float(over[1]) / float(over[2])
        return TRUTH[text.lower()] if text.lower() in TRUTH else ast.literal_eval(text)
    except (ValueError, SyntaxError, ZeroDivisionError):
        return text
