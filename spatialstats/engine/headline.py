"""The finding of a run in two sentences."""

from __future__ import annotations

from typing import Any

Json = dict[str, Any]


def percent(value: float | None) -> str:
    """A share as text: ``37 %``, with a decimal below ten."""
    if value is None:
        return "an unknown share"
    shown = 100 * value
    return f"{shown:.1f} %" if abs(shown) < 9.95 else f"{shown:.0f} %"


def bare(value: float) -> str:
    """A share in percent without its sign, for the ends of an interval."""
    return percent(value).removesuffix(" %")


def headline(attacks: list[Json], n: int) -> Json:
    """What the first attack with regions did, and the most that blocking could win back."""
    told = next((a for a in attacks if a["segments"]), None)
    if told is None:
        first = attacks[0]
        why = first["effect"]["reason"] or "no region of attack was found"
        return {"text": f"{first['label']}: {why}.", "attack": first["name"]}
    contested, neutralizable = told["segments"]["contested"], told["segments"]["neutralizable"]
    ceiling = told["ceilings"]["neutralizable"]
    return {
        "text": (
            f"{told['label']} leaves {percent(told['robust_accuracy']['value'])} of {n} images right; "
            f"{percent(contested['damage']['value'])} of its damage lies on the "
            f"{percent(contested['area']['value'])} of pixels that are contested, "
            f"{percent(neutralizable['damage']['value'])} on the {percent(neutralizable['area']['value'])} "
            f"that are neutralizable. With the true pixels back there accuracy is "
            f"{percent(ceiling['value'])} [{bare(ceiling['low'])}, {bare(ceiling['high'])}]: "
            "the most that a fill can be credited with."
        ),
        "attack": told["name"],
    }
