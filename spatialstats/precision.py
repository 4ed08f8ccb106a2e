"""How wide the numbers of a pass are: the names that settings take."""

from __future__ import annotations

from spatialstats.errors import unknown

__all__ = ["PRECISIONS", "check_precision"]

PRECISIONS = ("float32", "bfloat16")


def check_precision(name: str, *others: str) -> str:
    """The name of a precision, or one of the other names that are allowed here.

    Raises
    ------
    InputError
        If it is none of them.
    """
    known = (*PRECISIONS, *others)
    if name not in known:
        raise unknown("precision", name, known)
    return name
