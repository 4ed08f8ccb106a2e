"""A little SVG: escaped elements, linear scales, round ticks."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from markupsafe import Markup, escape


def _text(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.2f}".rstrip("0").rstrip(".")
    return str(value)


def el(tag: str, *children: Any, **attributes: Any) -> Markup:
    """One element; text and attribute values are escaped unless they are `Markup` already.

    Underscores in attribute names become hyphens, a trailing one is dropped, None leaves one out.
    """
    parts = [
        f' {name.rstrip("_").replace("_", "-")}="{escape(_text(value))}"'
        for name, value in attributes.items()
        if value is not None
    ]
    inner = Markup("").join(child for child in children if child is not None)
    return Markup(f"<{tag}{''.join(parts)}>{inner}</{tag}>")


def chart(width: float, height: float, title: str, desc: str, uid: str, *children: Any) -> Markup:
    """An SVG picture with a title and a description that screen readers speak."""
    return el(
        "svg",
        el("title", title, id=f"{uid}-t"),
        el("desc", desc, id=f"{uid}-d"),
        *children,
        viewBox=f"0 0 {_text(float(width))} {_text(float(height))}",
        role="img",
        aria_labelledby=f"{uid}-t {uid}-d",
        class_="chart",
    )


def text(x: float, y: float, content: Any, class_: str = "", anchor: str | None = None) -> Markup:
    """A text element."""
    return el("text", content, x=float(x), y=float(y), class_=class_ or None, text_anchor=anchor)


def line(x1: float, y1: float, x2: float, y2: float, class_: str) -> Markup:
    """A line element."""
    return el("line", x1=float(x1), y1=float(y1), x2=float(x2), y2=float(y2), class_=class_)


def scale(low: float, high: float, start: float, stop: float) -> Callable[[float], float]:
    """The linear map of [low, high] onto [start, stop]."""
    span = (high - low) or 1.0
    return lambda value: start + (value - low) / span * (stop - start)


def ticks(low: float, high: float, about: int = 5) -> list[float]:
    """Round tick values inside [low, high], roughly `about` of them."""
    span = high - low
    if span <= 0 or not math.isfinite(span):
        return [low]
    raw = span / max(about, 1)
    base = 10.0 ** math.floor(math.log10(raw))
    step = next(m * base for m in (1, 2, 5, 10) if raw <= m * base * (1 + 1e-9))
    first = math.ceil(low / step - 1e-9)
    last = math.floor(high / step + 1e-9)
    return [round(k * step, 12) for k in range(first, last + 1)]


def whisker(x_low: float, x_high: float, y: float, half: float, class_: str = "whisker") -> Markup:
    """A horizontal interval with end caps."""
    path = (
        f"M{x_low:.2f} {y - half:.2f}V{y + half:.2f}M{x_low:.2f} {y:.2f}H{x_high:.2f}"
        f"M{x_high:.2f} {y - half:.2f}V{y + half:.2f}"
    )
    return el("path", d=path, class_=class_)
