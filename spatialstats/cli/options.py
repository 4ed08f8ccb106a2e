"""What the commands share: how options are read, and how a command ends early."""

from __future__ import annotations

import sys
from typing import NoReturn

import typer

from spatialstats.errors import InputError


def fail(message: str, code: int = 2) -> NoReturn:
    """Say why on standard error and end."""
    print(f"spatialstats: {message}", file=sys.stderr)
    raise typer.Exit(code)


def numbers(text: str | None, option: str) -> tuple[float, ...] | None:
    """``0.5,0.5,0.5`` as floats."""
    if text is None:
        return None
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise InputError(
            f"{option} takes numbers separated by commas, such as 0.49,0.48,0.45, got {text!r}."
        ) from None


def fraction(text: str | None, option: str) -> float | None:
    """``8/255`` or ``0.03`` as a float."""
    if text is None:
        return None
    above, _, below = text.partition("/")
    try:
        return float(above) / float(below or 1)
    except (ValueError, ZeroDivisionError):
        raise InputError(f"{option} takes a number or a fraction such as 8/255, got {text!r}.") from None


def other_models(names: list[str] | None) -> tuple[str, ...] | None:
    """The names given by --other-model; an empty tuple where there shall be none."""
    return None if not names else tuple(name for name in names if name != "none")


def refuse_settings(context: typer.Context) -> None:
    """Refuse settings beside --resume, which goes on with those that the run began with."""
    allowed = {"resume", "quiet", "as_json", "debug"}
    given = [
        "--" + name.replace("_", "-")
        for name in context.params
        if name not in allowed and context.get_parameter_source(name).name == "COMMANDLINE"  # type: ignore[union-attr]
    ]
    if given:
        raise InputError(
            f"--resume goes on with the settings that the run began with: leave out {', '.join(given)}."
        )
