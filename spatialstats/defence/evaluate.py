"""What a neutralization is worth: its accuracies beside the ceiling and three controls."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from scipy import ndimage

from spatialstats import kernels
from spatialstats.defence.locate import Knowledge
from spatialstats.errors import InputError
from spatialstats.stats.intervals import paired_difference, proportion

GOLDEN, MIX_1, MIX_2 = (np.uint64(v) for v in (0x9E3779B97F4A7C15, 0xBF58476D1CE4E5B9, 0x94D049BB133111EB))
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
    for name in (*REQUIRED, *CONTROLS):
        row[name] = (
            proportion(right[name], confidence=confidence).to_dict() if name in right else dict(NOTHING)
        )
    for name in (*CONTROLS, "ceiling"):
        control = right.get(name)
        row[f"gain_over_{name}"] = (
            dict(NOTHING)
            if control is None
            else paired_difference(right["neutralized"], control, confidence=confidence).to_dict()
        )
    return row | {"static": True}


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


def derangement(n: int, seed: int) -> np.ndarray:
    """int64 (n,): a seeded permutation without a fixed point, which is one cycle.

    For the swapped-mask control, where an image must not keep its own mask; a null
    distribution needs permutations with fixed points instead.

    Raises
    ------
    InputError
        If there are fewer than two images.
    """
    if n < 2:
        raise InputError(f"masks are swapped between at least two images, got {n}: add images to the split.")
    order = np.asarray(kernels.pairing(n, seed, 0), np.int64)
    other = np.empty(n, np.int64)
    other[order] = np.roll(order, 1)
    return other


def swapped_masks(masks: np.ndarray, seed: int) -> np.ndarray:
    """The masks (N, H, W) of other images: row i is the mask of some image j, never i itself."""
    swapped: np.ndarray = np.asarray(masks)[derangement(len(masks), seed)]
    return swapped


def blob_masks(
    masks: np.ndarray, seed: int, *, rows: np.ndarray | None = None, sigma: float | None = None
) -> np.ndarray:
    """Random blobs with exactly as many pixels as each mask.

    The largest values of seeded noise that was smoothed on a torus, so that a blob may lie
    anywhere with equal chance.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W).
    seed : int
        A row's blob is a pure function of (seed, row, its number of pixels).
    rows : numpy.ndarray, optional
        int (N,): what row each mask is, where `masks` is a part of more; its position when
        left out.
    sigma : float, optional
        Smoothing in pixels; a sixteenth of the longer side when left out.

    Returns
    -------
    numpy.ndarray
        bool (N, H, W).
    """
    masks = np.asarray(masks, bool)
    n, height, width = masks.shape
    if n == 0:
        return masks.copy()
    width_of_blobs = max(height, width) / 16 if sigma is None else sigma
    noise = _noise(seed, np.arange(n) if rows is None else np.asarray(rows), height * width)
    field = ndimage.gaussian_filter(
        noise.reshape(masks.shape), (0, width_of_blobs, width_of_blobs), mode="wrap"
    )
    return _largest(field, masks)


def scattered_masks(masks: np.ndarray, seed: int, *, rows: np.ndarray | None = None) -> np.ndarray:
    """Exactly as many pixels as each mask has, drawn at random from the whole image.

    A fill of scattered pixels smooths a perturbation wherever it is: what it wins back is not
    an effect of location.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W).
    seed, rows
        A row's pixels are a pure function of (seed, row, their number); see `blob_masks`.

    Returns
    -------
    numpy.ndarray
        bool (N, H, W).
    """
    masks = np.asarray(masks, bool)
    n, height, width = masks.shape
    return _largest(_noise(seed, np.arange(n) if rows is None else np.asarray(rows), height * width), masks)


def _largest(field: np.ndarray, masks: np.ndarray) -> np.ndarray:
    """The largest values of each row of `field`, as many as its mask (H, W) has pixels: bool (N, H, W)."""
    n, height, width = masks.shape
    order = np.argsort(-field.reshape(n, height * width), axis=1, kind="stable")
    taken = np.arange(order.shape[1]) < masks.sum((1, 2))[:, None]
    found = np.empty_like(taken)
    np.put_along_axis(found, order, taken, 1)
    chosen: np.ndarray = found.reshape(masks.shape)
    return chosen


def _noise(seed: int, rows: np.ndarray, n: int) -> np.ndarray:
    """float64 (len(rows), n) uniform noise, a pure function of (seed, row, position): SplitMix64."""
    counter = rows.astype(np.uint64)[:, None] * np.uint64(n) + np.arange(1, n + 1, dtype=np.uint64)
    bits = _mixed(_mixed(np.array([seed % 2**64], np.uint64)) + counter * GOLDEN)
    uniform: np.ndarray = (bits >> np.uint64(11)) * 2.0**-53
    return uniform


def _mixed(bits: np.ndarray) -> np.ndarray:
    """The output function of SplitMix64 (Steele et al., OOPSLA 2014); uint64 wraps around."""
    bits = (bits ^ (bits >> np.uint64(30))) * MIX_1
    bits = (bits ^ (bits >> np.uint64(27))) * MIX_2
    mixed: np.ndarray = bits ^ (bits >> np.uint64(31))
    return mixed
