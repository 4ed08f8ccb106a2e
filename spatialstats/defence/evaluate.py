"""What a neutralization is worth: its accuracies beside the ceiling and three controls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from copy import copy
from typing import Any

import numpy as np

from spatialstats.defence.locate import Knowledge
from spatialstats.errors import InputError
from spatialstats.stats.intervals import paired_difference, proportion

NOTHING = {"value": None, "low": None, "high": None, "n": 0}
REQUIRED = ("clean", "clean_neutralized", "attacked", "neutralized", "ceiling")
CONTROLS = ("swapped", "blob", "scattered")
# Effect maps take the true label; RoI is sought in the clean image.
KNOWLEDGE = {
    "roa-minus-roi": Knowledge("oracle", "oracle", labels=True),
    "roa": Knowledge("oracle", "oracle", labels=True),
    "prior": Knowledge("prior", "prior", labels=False),
}


def neutralization_row(
    *,
    mask: str,
    fill: str,
    area: float,
    right: Mapping[str, np.ndarray],
    knowledge: Knowledge | None = None,
    confidence: float = 0.95,
) -> dict[str, Any]:
    """A row of the neutralization table, from whether each image was classified correctly.

    Parameters
    ----------
    mask, fill : str
        What was blocked, and with what.
    area : float
        Share of the pixels that was blocked.
    right : mapping of str to numpy.ndarray
        bool (N,) arrays over the same images, whether each was given its true label:
        ``clean`` and ``attacked`` without the defence, ``clean_neutralized`` and
        ``neutralized`` with it, ``ceiling`` with the true clean pixels in place of the fill,
        and the controls ``swapped`` (another image's mask), ``blob`` (a random blob of equal
        area) and ``scattered`` (as many single pixels at random), which may be missing (one
        mask for all images has nothing to swap).
    knowledge : Knowledge, optional
        What was known; by default what `KNOWLEDGE` says of the mask.
    confidence : float
        Of all intervals: Wilson's for accuracies, Newcombe's paired one for the gains.

    Returns
    -------
    dict
        JSON-ready.  ``gain_over_swapped`` and so on are ``neutralized`` minus the control, and
        ``gain_over_ceiling`` is ``neutralized`` minus the ceiling: above zero, the restored
        pixels do not explain the excess.  ``deployable`` is `Knowledge.is_defence`.  ``static``
        is true: the attack did not know of the defence, so the row is no robustness claim.

    Raises
    ------
    InputError
        If an accuracy is missing or the arrays disagree in length.
    """
    missing = [name for name in REQUIRED if name not in right]
    if missing:
        raise InputError(
            f"a defended accuracy is shown with {', '.join(REQUIRED)}; missing: {', '.join(missing)}."
        )
    if knowledge is None and mask not in KNOWLEDGE:
        raise InputError(f"what the mask {mask!r} knows must be said: pass knowledge=Knowledge(...).")
    n = len(right["neutralized"])
    for name, hits in right.items():
        if np.shape(hits) != (n,) or np.asarray(hits).dtype != bool:
            raise InputError(f"{name} must be {n} booleans, one an image, got shape {np.shape(hits)}.")
    known = knowledge or KNOWLEDGE[mask]
    row: dict[str, Any] = {
        "knowledge": known.to_dict(),
        "deployable": known.is_defence,
        "mask": mask,
        "fill": fill,
        "area": area,
        "n": n,
    }
    row |= accuracies(right, (*REQUIRED, *CONTROLS), confidence=confidence, missing=NOTHING)
    row |= gains(right, "neutralized", (*CONTROLS, "ceiling"), confidence=confidence, missing=NOTHING)
    return row | {"static": True}


def accuracies(
    right: Mapping[str, np.ndarray],
    names: Iterable[str],
    *,
    confidence: float = 0.95,
    missing: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Share of images that are right, by name, with Wilson's interval; `missing` where there are none."""
    return {
        name: proportion(right[name], confidence=confidence).to_dict() if name in right else copy(missing)
        for name in names
    }


def gains(
    right: Mapping[str, np.ndarray],
    own: str,
    controls: Iterable[str],
    *,
    confidence: float = 0.95,
    missing: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """``gain_over_<control>``: `own` minus each control, paired, with Newcombe's interval."""
    return {
        f"gain_over_{name}": paired_difference(right[own], right[name], confidence=confidence).to_dict()
        if name in right
        else copy(missing)
        for name in controls
    }


def choose_fill(right: Mapping[str, np.ndarray]) -> str:
    """The fill that is right most often on the `choose` split; the first given among equals.

    Parameters
    ----------
    right : mapping of str to numpy.ndarray
        For each fill a boolean array of any shape: whether each image was given its true
        label.  With the neutralized attacked images beside the neutralized clean ones a fill is
        chosen for both: a defence is paid for on every clean image.
    """
    if not right:
        raise InputError("a fill is chosen among at least one, got none: name some fills.")
    share = {fill: float(np.mean(hits)) if np.size(hits) else 0.0 for fill, hits in right.items()}
    return max(share, key=lambda fill: share[fill])
