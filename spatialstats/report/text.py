"""How numbers are written in the report: one rule a kind, a dash where there is none."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

THIN = "\u202f"
DASH = "\u2013"
MINUS = "\u2212"

Json = Mapping[str, Any]


def known(value: Any) -> bool:
    """Whether `value` is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def number(value: Any, digits: int = 2, *, sign: bool = False) -> str:
    """A decimal number with a true minus sign."""
    if not known(value):
        return DASH
    text = f"{value:+,.{digits}f}" if sign else f"{value:,.{digits}f}"
    if float(text.replace(",", "")) == 0:
        text = text.lstrip("+-")
    return text.replace("-", MINUS)


def count(value: Any) -> str:
    """A whole number with thousands separators."""
    return f"{int(value):,}" if known(value) else DASH


def percent(value: Any, digits: int = 1, *, unit: bool = True, sign: bool = False) -> str:
    """A fraction as a percentage."""
    if not known(value):
        return DASH
    return number(100 * value, digits, sign=sign) + (THIN + "%" if unit else "")


def point(item: Any) -> float | None:
    """The value of an interval: ``value``, else ``effect``, else the number itself."""
    if isinstance(item, Mapping):
        found = item.get("value", item.get("effect"))
        return float(found) if known(found) else None
    return float(item) if known(item) else None


def ends(item: Any) -> tuple[float, float] | None:
    """Both ends of an interval, or None where it has none."""
    if isinstance(item, Mapping) and known(item.get("low")) and known(item.get("high")):
        return float(item["low"]), float(item["high"])
    return None


def bracket(item: Any, digits: int = 1, *, fraction: bool = True, sign: bool = False) -> str:
    """``[low, high]`` of an interval in per cent (or as plain numbers), or an empty string."""
    pair = ends(item)
    if pair is None:
        return ""
    if fraction:
        low, high = (percent(end, digits, unit=False, sign=sign) for end in pair)
    else:
        low, high = (number(end, digits, sign=sign) for end in pair)
    return f"[{low}, {high}]"


def p_value(item: Json) -> str:
    """``p = ...``, saying so where it is the smallest value that the number of resamples allows."""
    p, resamples = item.get("p_value"), item.get("n_resamples")
    if p is None or not known(p):
        return DASH
    text = f"p = {p:.4f}" if p >= 1e-4 else f"p = {p:.1e}".replace("-", MINUS)
    floor = 1 / (resamples + 1) if known(resamples) and resamples else 0.0
    smallest = p <= 2 * floor * (1 + 1e-9)
    return f"{text}, about the smallest that {count(resamples)} resamples allow" if smallest else text


def duration(seconds: Any) -> str:
    """Seconds as ``8.2 s``, ``3 min 05 s`` or ``1 h 02 min``."""
    if not known(seconds):
        return DASH
    if seconds < 60:
        return f"{seconds:.1f}{THIN}s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes}{THIN}min {rest:02d}{THIN}s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours}{THIN}h {minutes:02d}{THIN}min"


def size(n_bytes: Any) -> str:
    """Bytes in binary units."""
    if not known(n_bytes):
        return DASH
    value = float(n_bytes)
    for unit in ("B", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.0f}{THIN}{unit}"
        value /= 1024
    return f"{value:.2f}{THIN}GiB"
