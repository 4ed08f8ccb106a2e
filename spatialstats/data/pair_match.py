"""Whether adversarial row i belongs to clean row i: order of the rows, order of the channels, mirroring."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spatialstats.data.normalisation import KNOWN, Statistics
from spatialstats.data.pixels import ArrayImages
from spatialstats.errors import InputError

Floats = npt.NDArray[np.float32]
Rows = npt.NDArray[np.int64]
QUERIES, QUERY_VALUES = 256, 4_000_000  # rows that are looked at; fewer where images are large
CANDIDATES, CANDIDATE_VALUES = 20_000, 500_000_000  # clean rows among which a partner is sought
_GRID = 8  # images are compared as 8x8 block means first
_SHARE = 0.6  # of the values of an image that another explanation must bring closer


class Conversion(NamedTuple):
    """Something that may have been done to one of the two sets but not to the other."""

    name: str
    remedy: str
    apply: Callable[[Floats], Floats]
    own_inverse: bool = False


def _conversions(shape: tuple[int, int, int]) -> list[Conversion]:
    channels, height, width = shape
    found = [
        Conversion("mirrored left to right", "switch random flips off", lambda v: v[..., ::-1], True),
        Conversion("divided by 255 twice", "divide by 255 once", lambda v: v / np.float32(255)),
    ]
    if channels == 3:
        text, remedy = "in BGR channel order against RGB", "reverse the channels of one set, x[:, ::-1]"
        found.append(Conversion(text, remedy, lambda v: v[:, ::-1], True))
    if height == width:
        text, remedy = "transposed (height against width)", "swap the last two axes of one set"
        found.append(Conversion(text, remedy, lambda v: v.swapaxes(2, 3), True))
    for known in KNOWN:
        if len(known.mean) == channels:
            text = f"normalised by {known.text} and then clipped to [0, 1]"
            remedy = "attack in [0, 1] and give mean and std to Classifier"
            found.append(Conversion(text, remedy, partial(_clipped, known)))
    return found


def _clipped(known: Statistics, images: Floats) -> Floats:
    mean, std = (np.array(v, np.float32).reshape(-1, 1, 1) for v in (known.mean, known.std))
    clipped: Floats = np.clip((images - mean) / std, 0, 1)
    return clipped


def choose_rows(n: int, shape: tuple[int, int, int], rng: np.random.Generator) -> Rows:
    """The rows to look at: at most 256, fewer of large images, in order."""
    most = min(QUERIES, max(16, QUERY_VALUES // int(np.prod(shape))), n)
    return np.sort(rng.choice(n, most, replace=False)).astype(np.int64)


def check_conversion(x: Floats, x_adv: Floats) -> None:
    """Refuse pairs of which one half is in another colour order, orientation or scale.

    A conversion T explains an image when the change is near T(x) - x in the median of the values
    that T moves at all, and most of them are closer to T(x) than to x: a perturbation, of any
    size, does neither.

    Parameters
    ----------
    x, x_adv : ndarray of float32, (n, C, H, W)
        Rows of the two sets.

    Raises
    ------
    InputError
        If one conversion explains at least half of the images; it is named.
    """
    best: tuple[float, float, str, Conversion] | None = None
    for conversion in _conversions((x.shape[1], x.shape[2], x.shape[3])):
        halves = [("adversarial images that look", x, x_adv)]
        if conversion.own_inverse:
            halves = [("one half that looks", x, x_adv)]
        else:
            halves.append(("clean images that look", x_adv, x))
        for half, plain, other in halves:
            share, distance = _explained(
                conversion.apply(plain) - plain, other - plain, not conversion.own_inverse
            )
            if share >= 0.5 and (best is None or distance < best[1]):
                best = (share, distance, half, conversion)
    if best is not None:
        share, _, half, conversion = best
        raise InputError(
            f"clean and adversarial images must be stored alike, got {half} {conversion.name} "
            f"({100 * share:.0f} % of the {len(x)} rows looked at): {conversion.remedy}"
        )


def _explained(direction: Floats, change: Floats, exact: bool) -> tuple[float, float]:
    """Share of images that a conversion explains, and the mean distance that it leaves.

    Judged by the ratio of change to direction over the values that the conversion moves: near 1
    in the median where it was applied, whatever a patch does to some of them.
    """
    moved = np.abs(direction) >= 0.02
    count = moved.sum(axis=(1, 2, 3))
    enough = count >= 0.05 * direction[0].size
    closer = (np.abs(change - direction) < np.abs(change)) & moved
    likely = enough & (closer.sum(axis=(1, 2, 3)) > _SHARE * count)
    explained = np.zeros(len(direction), bool)
    for k in np.flatnonzero(likely):
        ratio = change[k][moved[k]] / direction[k][moved[k]]
        spread = np.median(np.abs(ratio - 1)) if exact else 0.0
        explained[k] = 0.7 < np.median(ratio) < 1.4 and spread < 0.25
    if not enough.any():
        return 0.0, np.inf
    left = np.abs(change[enough] - direction[enough])
    return float(explained[enough].mean()), float(left.mean())


def check_order(x: ArrayImages, x_adv: ArrayImages, rows: Rows, rng: np.random.Generator) -> tuple[str, ...]:
    """Refuse sets whose rows are shuffled or do not belong together; note single stray rows.

    Row i is mispaired when another clean image is far nearer, in the median of the values, than
    its own and than any third; rows do not belong together at all when their own
    clean image is neither nearer nor better correlated than others are.

    Parameters
    ----------
    x, x_adv : ArrayImages
        The two sets.
    rows : ndarray of int64
        Adversarial rows to look at.
    rng : Generator
        Draws the candidates where there are too many clean rows.

    Raises
    ------
    InputError
        If at least 5 % (and two) of the rows looked at are mispaired, or most are unrelated.
    """
    if len(x) < 2:
        return ()
    others = np.arange(len(x))
    most = min(CANDIDATES, max(256, CANDIDATE_VALUES // int(np.prod(x.shape))))
    if len(x) > most:
        others = np.union1d(rng.choice(len(x), most, replace=False), rows)
    clean, attacked = _coarse(x, others), _coarse(x_adv, rows)
    square = (attacked**2).sum(1)[:, None] - 2 * attacked @ clean.T + (clean**2).sum(1)
    alike = _standard(attacked) @ _standard(clean).T  # correlation: blind to brightness and contrast
    at, places = np.arange(len(rows)), np.searchsorted(others, rows)
    own, own_alike = square[at, places].copy(), alike[at, places][:, None]
    square[at, places] = np.inf
    unlike = np.minimum((square < own[:, None]).mean(1), (alike > own_alike).mean(1))
    nearest = np.argpartition(square, 1, axis=1)[:, :2]  # the two smallest, in order
    stray = [
        (int(rows[k]), int(others[best]))
        for k, (best, second) in enumerate(nearest)
        if 1 - alike[k, best] < 0.25 * (1 - own_alike[k])
        and _fits_better(x, x_adv, rows[k], others[best], others[second])
    ]
    if len(stray) >= max(2, 0.05 * len(rows)):
        raise InputError(
            f"adversarial row i must belong to clean row i, got {len(stray)} of {len(rows)} rows looked at "
            f"that match another clean row ({_pattern(stray, len(x))}): save both sets in one order, from a "
            "loader that does not shuffle"
        )
    typical = float(np.median(unlike))
    if len(others) >= 8 and typical > 0.25:
        raise InputError(
            "adversarial row i must belong to clean row i, got rows whose own clean image is farther away "
            f"than {100 * typical:.0f} % of the others (median of {len(rows)} rows): pass the clean images "
            "that the set was made from, in its order"
        )
    return tuple(f"Adversarial row {i} looks more like clean row {j} than like its own." for i, j in stray)


def _coarse(images: ArrayImages, rows: Rows) -> npt.NDArray[np.float64]:
    """Block means of images, at most 8x8 a channel: (n, features)."""
    _, height, width = images.shape
    tops = np.linspace(0, height, min(_GRID, height) + 1).astype(int)[:-1]
    lefts = np.linspace(0, width, min(_GRID, width) + 1).astype(int)[:-1]
    pieces = []
    for part in np.array_split(rows, max(1, len(rows) * height * width // (1 << 22))):
        sums = np.add.reduceat(np.add.reduceat(images.read(part), tops, axis=2), lefts, axis=3)
        pieces.append(sums.reshape(len(part), -1))
    return np.concatenate(pieces).astype(np.float64)


def _standard(features: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Rows with mean 0 and norm 1; constant rows become 0."""
    centred = features - features.mean(1, keepdims=True)
    norm = np.linalg.norm(centred, axis=1, keepdims=True)
    standard: npt.NDArray[np.float64] = centred / np.maximum(norm, 1e-9)
    return standard


def _fits_better(x: ArrayImages, x_adv: ArrayImages, own: int, other: int, next_best: int) -> bool:
    """Whether `other` is far nearer than the own clean image, and than the next best: a real match."""
    attacked = x_adv.read(np.array([own]))[0]
    mine, match, third = x.read(np.array([own, other, next_best]))
    nearer = np.linalg.norm(attacked - match) < 0.7 * np.linalg.norm(attacked - mine)
    return bool(nearer) and all(_far_nearer(attacked, match, image) for image in (mine, third))


def _far_nearer(attacked: Floats, match: Floats, image: Floats) -> bool:
    """Whether `match` explains `attacked` better where it differs from `image` at all."""
    differ = np.abs(match - image) > 0.02
    near, far = np.abs(attacked - match)[differ], np.abs(attacked - image)[differ]
    return bool(near.size and (near < far).mean() > _SHARE and np.median(near) < 0.5 * np.median(far))


def _pattern(stray: list[tuple[int, int]], n: int) -> str:
    shifts = {(j - i) % n for i, j in stray}
    if len(shifts) == 1:
        shift = shifts.pop()
        return f"the rows are shifted by {shift if shift <= n // 2 else shift - n}"
    if len({i + j for i, j in stray}) == 1:
        return "the rows are reversed"
    return "such as " + ", ".join(f"{i} matching {j}" for i, j in stray[:3])
