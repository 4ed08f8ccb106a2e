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


def proven_gain(cell: Json) -> bool:
    """Whether the certified share alone lies above what stands without the defence."""
    found, bare = cell["certified"], cell["adaptive"]["undefended_worst_case"]
    return found is not None and found["placements"] == 1 and found["certified"]["low"] > bare["high"]


def counts(cell: Json) -> bool:
    """Whether a gain may be believed: the attack converged and reached (near) zero, or a proof needs none."""
    return not cell["adaptive"]["flags"] or proven_gain(cell)


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
    adaptive, which = best["adaptive"], best["label"]
    if len(counted) < len(cells):
        # A cautioned one may be among them, if its gain is proven.
        least = "the only one" if len(counted) == 1 else f"the best of the {len(counted)}"
        which += f", {least} of {len(cells)} defences whose number counts,"
    elif len(cells) > 1:
        which = f"the best of {len(cells)} defences ({which})"
    return (
        f"Against {best['threat_text']}, in the worst case over attacks that know the defence, {which} keeps "
        f"{percent(adaptive['worst_case'])} of {adaptive['n']} images right, "
        f"{percent(adaptive['undefended_worst_case'])} are without a defence; {gains_shown(cells)}."
    )


def gains_shown(cells: Sequence[Json]) -> str:
    """How many defences do better than none beyond chance, and how many worse.

    A gain needs an attack that was strong enough; a loss is told whatever the caution.
    """
    signs = [shown_gain(cell) if counts(cell) else min(shown_gain(cell), 0) for cell in cells]
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
    apparent = sum(shown_gain(cell) > 0 for cell in cells) - signs.count(1)
    if apparent == 1:
        said += " (an apparent gain does not count: its attack has not converged or is too weak to conclude)"
    elif apparent:
        said += f" ({apparent} apparent gains do not count: their attacks have not converged or are too weak)"
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
