"""Sentences of an evaluation of defences: led by the worst case, never by the static number."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["by_threat", "cell_sentence", "headline", "known", "percent"]

Json = Mapping[str, Any]


def percent(interval: Json) -> str:
    """``12.3 % [10.1, 14.9]``."""
    return f"{100 * interval['value']:.1f} % [{100 * interval['low']:.1f}, {100 * interval['high']:.1f}]"


def gain(interval: Json) -> str:
    """``+3.2 points [0.1, 6.4]``."""
    value, low, high = (f"{100 * interval[key]:+z.1f}" for key in ("value", "low", "high"))
    return f"{value} points [{low}, {high}]"


def known(cell: Json) -> str:
    """``RoI prior, RoA prior``: where a defence has its regions from."""
    knowledge = cell["knowledge"]
    return f"RoI {knowledge['roi']}, RoA {knowledge['roa']}" + (", labels" if knowledge["labels"] else "")


def shown_gain(cell: Json) -> int:
    """1, -1: the worst case lies above, below the undefended model's under as many trials; 0: not shown."""
    found = cell["adaptive"]["gain_over_no_defence"]
    if found["low"] is None:
        return 0
    return int(found["low"] > 0) - int(found["high"] < 0)


def counts(cell: Json) -> bool:
    """Whether nothing speaks against the attack: a defence passes only where it converged.

    A loss counts all the same, since a stronger attack can but lower the worst case.
    """
    return shown_gain(cell) <= 0 or not cell["adaptive"]["flags"]


def cell_sentence(cell: Json) -> str:
    """What a defence is worth against a threat."""
    adaptive, static = cell["adaptive"], cell["static"]
    text = (
        f"{cell['label']} ({known(cell)}) against {cell['threat_text']}: "
        f"{percent(adaptive['worst_case'])} of {adaptive['n']} images stay right in the worst case over "
        "attacks that know the defence, "
        f"{percent(adaptive['undefended_worst_case'])} without it "
        f"({gain(adaptive['gain_over_no_defence'])}); clean {percent(adaptive['clean'])} against "
        f"{percent(adaptive['undefended_clean'])}."
    )
    if cell["certified"] is not None:
        proven = cell["certified"]
        where = "" if proven["placements"] == 1 else ", of patches off the kept region"
        text += (
            f" Certified, so that no attack within the threat{where} can change their answer: "
            f"{percent(proven['certified'])} of {proven['certified']['n']} images."
        )
    text += f" An attack that did not know of it leaves {percent(static['static'])} of {static['n']:,} images"
    if static["ceiling"] is not None:
        text += f", beside a restoration ceiling of {percent(static['ceiling'])}"
    if static["gain_over_swapped"] is not None:
        text += f" and {gain(static['gain_over_swapped'])} over another image's mask"
    elif static["gain_over_blob"] is not None:  # one mask for every image: nothing to swap
        text += f" and {gain(static['gain_over_blob'])} over a blob of equal area"
    text += ": static, no robustness claim."
    return f"{text} Caution: {'; '.join(adaptive['flags'])}." if adaptive["flags"] else text


def by_threat(cells: Sequence[Json]) -> list[list[Json]]:
    """The cells of each threat, in the order of the run."""
    groups: dict[str, list[Json]] = {}
    for cell in cells:
        groups.setdefault(cell["threat"], []).append(cell)
    return list(groups.values())


def threat_sentence(cells: Sequence[Json]) -> str:
    """One threat, by the worst case of the defence that withstands it best, of those that count if any do."""
    counted = [cell for cell in cells if counts(cell)] or cells
    best = max(counted, key=lambda cell: float(cell["adaptive"]["worst_case"]["value"]))
    adaptive = best["adaptive"]
    some = f"{len(counted)} defences" if counted == cells else f"{len(counted)} defences that count"
    which = best["label"] if len(counted) == 1 else f"the best of {some} ({best['label']})"
    return (
        f"Against {best['threat_text']}, in the worst case over attacks that know the defence, {which} keeps "
        f"{percent(adaptive['worst_case'])} of {adaptive['n']} images right, "
        f"{percent(adaptive['undefended_worst_case'])} are without a defence; {gains_shown(cells)}."
    )


def gains_shown(cells: Sequence[Json]) -> str:
    """How many defences do better than none beyond chance, and how many worse."""
    signs = [shown_gain(cell) for cell in cells if counts(cell)]
    doubtful = len(cells) - len(signs)
    if not any(signs):
        said = "no gain over no defence is shown"
    elif len(cells) == 1:
        said = f"it does {'better' if signs[0] > 0 else 'worse'} than no defence, beyond chance"
    else:
        better, worse = signs.count(1), signs.count(-1)
        some = [f"{better or 'none'} of {len(cells)} do better than no defence"]
        if worse:
            some.append(f"{worse} worse")
        said = ", ".join([*some, "beyond chance, not corrected for their number"])
    if doubtful:
        gains = "a gain does" if doubtful == 1 else f"{doubtful} gains do"
        said += f" ({gains} not count: the attack has not converged or is too weak to conclude)"
    return said


def headline(cells: Sequence[Json], conclusive: bool) -> str:
    """One sentence a threat, led by the worst case: numbers of different threats do not compare."""
    lead = "" if conclusive else "Too weak to conclude. "
    text = lead + " ".join(map(threat_sentence, by_threat(cells)))
    flagged = sum(bool(cell["adaptive"]["flags"]) for cell in cells)
    if flagged:
        text += f" {flagged} of {len(cells)} worst cases carry a caution: read it before the number."
    doubted = sum(any(one["flag"] for one in cell.get("checklist") or ()) for cell in cells)
    if doubted:
        text += f" The checklist flags {doubted} of {len(cells)} cells: see there first."
    return text
