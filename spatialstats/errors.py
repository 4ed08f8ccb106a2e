"""The one exception for what a user gave and cannot be used."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class InputError(ValueError):
    """What was given cannot be used.

    The message is one whole sentence: what was expected, what came, what to do.  The
    command line prints it and ends with exit code 2.
    """


def unknown(kind: str, name: str, valid: Iterable[str]) -> InputError:
    """An `InputError` for a name that is not among the `valid` ones, with the nearest of them.

    Parameters
    ----------
    kind : str
        What the name should name, in the singular: ``"attack"``.
    name : str
        What was given.
    valid : iterable of str
        The names that there are.
    """
    names = sorted(valid)
    near = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return InputError(f"unknown {kind} {name!r}: {hint}Valid names are {', '.join(names)}.")
