"""Sentences of an evaluation of defences: led by the worst case, never by the static number."""

from __future__ import annotations

from typing import Any

__all__ = ["cell_sentence", "headline", "percent"]

Json = dict[str, Any]


def percent(interval: Json) -> str:
    """``12.3 % [10.1, 14.9]``."""
    return f"{100 * interval['value']:.1f} % [{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"


def gain(interval: Json) -> str:
    """``+3.2 points [0.1, 6.4]``."""
    return (
        f"{100 * interval['value']:+.1f} points [{100 * interval['low']:+.1f}, {100 * interval['high']:+.1f}]"
    )


def shown_gain(cell: Json) -> bool:
    """Whether the worst case lies above the undefended model's under as many trials."""
    low = cell["adaptive"]["gain_over_no_defence"]["low"]
    return low is not None and low > 0


def cell_sentence(cell: Json) -> str:
    """What a defence is worth against a threat."""
    adaptive, static = cell["adaptive"], cell["static"]
    text = (
        f"{cell['label']} against {cell['threat_text']}: {percent(adaptive['worst_case'])} of "
        f"{adaptive['n']} images stay right in the worst case over attacks that know the defence, "
        f"{percent(adaptive['undefended_worst_case'])} without it "
        f"({gain(adaptive['gain_over_no_defence'])}); clean {percent(adaptive['clean'])} against "
        f"{percent(adaptive['undefended_clean'])}."
    )
    if cell["certified"] is not None:
        text += f" Certified: {percent(cell['certified']['certified'])}."
    text += f" An attack that did not know of it leaves {percent(static['static'])}"
    if static["ceiling"] is not None:
        text += f", beside a restoration ceiling of {percent(static['ceiling'])}"
    if static["gain_over_swapped"] is not None:
        text += f" and {gain(static['gain_over_swapped'])} over another image's mask"
    return text + ": static, no robustness claim."


def headline(cells: list[Json], conclusive: bool) -> str:
    """One or two sentences for the whole evaluation."""
    best = max(cells, key=lambda cell: float(cell["adaptive"]["worst_case"]["value"]))
    helped = [cell for cell in cells if shown_gain(cell)]
    adaptive = best["adaptive"]
    lead = "" if conclusive else "Too weak to conclude: "
    text = (
        f"{lead}{len(helped)} of {len(cells)} defended cells keep more images right than no defence does, "
        f"when every attack knows the defence; the highest worst case is {percent(adaptive['worst_case'])} "
        f"({best['label']} against {best['threat_text']}, n = {adaptive['n']}; "
        f"{percent(adaptive['undefended_worst_case'])} without it)."
    )
    flagged = sum(bool(cell["adaptive"]["flags"]) for cell in cells)
    if flagged:
        text += f" {flagged} of {len(cells)} worst cases carry a caution: read it before the number."
    doubted = sum(any(one["flag"] for one in cell.get("checklist") or ()) for cell in cells)
    if doubted:
        text += f" The checklist flags {doubted} of {len(cells)} cells: see there first."
    return text
