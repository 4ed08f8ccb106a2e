"""The maps of two sides on the images that they share, and the test of their mean difference."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from spatialstats import kernels, maps
from spatialstats.engine.comparison.pairing import FEWEST, Pairing, Side
from spatialstats.errors import InputError, unknown
from spatialstats.stats.confidence import confidence_set
from spatialstats.stats.confidence_result import ConfidenceSet


@dataclass(frozen=True)
class Kind:
    """One of the maps that can be compared.

    Parameters
    ----------
    what, unit : str
        In words, and in what it is measured.
    margin : float
        Difference from which on the confidence sets count, by default; fixed before any map is seen.
    arrays : tuple of str
        What of ``reservoir.npz`` it is made of.
    """

    what: str
    unit: str
    margin: float
    arrays: tuple[str, ...]


EVEN = "times an even spread over the image"
KINDS = {
    "effect": Kind("damage density", EVEN, 0.25, ("*effect", "*formed")),
    "energy": Kind("perturbation energy", "1/255", 1.0, ("*energy",)),
    "frequency": Kind("frequency of change", "share of the images", 0.05, ("*frequency",)),
    "importance": Kind("importance density", EVEN, 0.25, ("importance",)),
}
"""Maps that ``compare`` knows.

Damage and importance are divided by the image's own sum: they say *where*, whatever the logits' scale.
"""

FEWEST_HITS = 5
"""Images with a value at a pixel, on either side, below which its standard error is not to be believed."""


@dataclass(frozen=True)
class Stacks:
    """Maps of both sides on the same images.

    Parameters
    ----------
    a, b : numpy.ndarray
        float64 or bool (n, H, W).
    rows : numpy.ndarray
        int64 (n,): which of the shared images these are.
    n_kept : int
        Shared images that keep their maps in both runs.
    n_wrong, n_formless : int
        Of these left out: misclassified by a model before the attack; without a map that says where.
    """

    a: np.ndarray
    b: np.ndarray
    rows: np.ndarray
    n_kept: int
    n_wrong: int
    n_formless: int

    @property
    def sentence(self) -> str:
        """Which images the maps are of."""
        out = []
        if self.n_wrong:
            out.append(f"{self.n_wrong:,} that a model gets wrong unattacked")
        if self.n_formless:
            out.append(f"{self.n_formless:,} without a map that says where")
        rest = f"; left out: {' and '.join(out)}" if out else ""
        return f"maps of {len(self.rows):,} of the {self.n_kept:,} shared images that keep them{rest}"


def check_kind(kind: str, a: Side, b: Side) -> Kind:
    """The kind of that name, refused where it cannot differ."""
    if kind not in KINDS:
        raise unknown("map", kind, KINDS)
    if kind == "importance" and a.path.resolve() == b.path.resolve():
        raise InputError(
            "two attacks of one run have one and the same importance map: compare their --map effect, or "
            "two runs."
        )
    return KINDS[kind]


def stacks(a: Side, b: Side, pairing: Pairing, kind: str) -> Stacks:
    """The maps of one kind, of the images that both models classify correctly.

    Raises
    ------
    InputError
        If fewer than `FEWEST` images have the map on both sides.
    """
    names = ("row", "label", "prediction", "shape", *KINDS[kind].arrays)
    kept = [one.kept(names) for one in (a, b)]
    if tuple(kept[0]["shape"]) != tuple(kept[1]["shape"]):
        sizes = " and ".join("x".join(map(str, one["shape"])) for one in kept)
        raise InputError(f"maps are compared pixel by pixel, got images of {sizes}: analyze one size.")
    places = [
        _places(one["row"], rows, side.samples["row"].to_numpy())
        for one, rows, side in zip(kept, (pairing.a, pairing.b), (a, b), strict=True)
    ]
    both = np.flatnonzero((places[0] >= 0) & (places[1] >= 0))
    at = [place[both] for place in places]
    right = np.all([one["label"][i] == one["prediction"][i] for one, i in zip(kept, at, strict=True)], axis=0)
    found = [_maps(one, i[right], kind, side) for one, i, side in zip(kept, at, (a, b), strict=True)]
    formed = found[0][1] & found[1][1]
    rows = both[right][formed]
    if len(rows) < FEWEST:
        raise InputError(
            f"maps are compared on {FEWEST} or more images, and only {len(rows)} of the {len(both)} shared "
            f"images that keep their maps have {KINDS[kind].what} on both sides ({int((~right).sum())} are "
            f"misclassified, {int((~formed).sum())} have no map that says where): take more images, or "
            "another --map."
        )
    first, second = (values[formed] for values, _ in found)
    return Stacks(first, second, rows, len(both), int((~right).sum()), int((~formed).sum()))


def _places(kept: np.ndarray, rows: np.ndarray, names: np.ndarray) -> np.ndarray:
    """Where each of the shared images lies in the reservoir, -1 where it does not."""
    place = np.full(int(max(names.max(), kept.max())) + 1, -1, np.int64)
    place[kept] = np.arange(len(kept))
    found: np.ndarray = place[names[rows]]
    return found


def _maps(
    kept: dict[str, np.ndarray], at: np.ndarray, kind: str, side: Side
) -> tuple[np.ndarray, np.ndarray]:
    """Maps (n, H, W) and whether each says where."""
    values = kept[KINDS[kind].arrays[0]][at]
    if kind == "frequency":
        return np.asarray(kernels.unpack(values, tuple(kept["shape"])), bool), np.ones(len(at), bool)
    if kind == "energy":
        return 255 * values.astype(np.float64), np.ones(len(at), bool)
    if kind == "importance":
        return _spread(np.asarray(values, np.float64))
    signed = values.astype(np.float64)
    found, there = _spread(maps.damage_part(signed).astype(np.float64))
    if side.config.attack_map == "effect":
        return found, there & kept["*formed"][at]
    return found, there & (maps.cancellation(signed) <= maps.CANCELLATION_LIMIT)


def _spread(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Maps divided by their own mean, and whether they have one."""
    mean = values.mean((1, 2))
    there = mean > 0
    return values / np.where(there, mean, 1.0)[:, None, None], there


def difference_sets(
    held: Stacks, names: tuple[str, str], margin: float, *, alpha: float, n_resamples: int, seed: int
) -> tuple[ConfidenceSet, ConfidenceSet]:
    """Where A lies above B by more than the margin, and where B above A, both at once with 1 - alpha.

    Each set takes half of alpha, so that all four inclusions hold together.  A pixel that hardly any image
    has a value at, on one of the sides, is possible and never certain: its standard error is not known,
    as that of a patch which has not been there yet.
    """
    differences = held.a.astype(np.float64) - held.b
    fewest = np.minimum((held.a != 0).sum(0), (held.b != 0).sum(0))
    # of masks a rare value is no larger than any other, so that their means are safe
    rare = (fewest < FEWEST_HITS) & (held.a.dtype != bool)
    found = []
    for sign in (1, -1):
        first, second = names[::sign]
        held_set = confidence_set(
            sign * differences,
            margin,
            confidence=1 - alpha / 2,
            n_resamples=n_resamples,
            seed=seed,
            name=f"{first} - {second}",
        )
        found.append(_without(held_set, rare) if rare.any() else held_set)
    return found[0], found[1]


def _without(found: ConfidenceSet, rare: np.ndarray) -> ConfidenceSet:
    note = (
        f"At {int(rare.sum()):,} pixels fewer than {FEWEST_HITS} images of one side have a value other than "
        "0, so that nothing is certain there."
    )
    return replace(
        found,
        certain=found.certain & ~rare,
        possible=found.possible | rare,
        note=f"{found.note} {note}".strip(),
    )
