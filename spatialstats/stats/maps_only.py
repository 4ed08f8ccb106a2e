"""A test by the name of its null and its statistic, for those who bring maps and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError, unknown
from spatialstats.stats.autocorrelation import gearys_c, getis_ord_g, morans_i
from spatialstats.stats.dutilleul import effective_size_test
from spatialstats.stats.exploratory import MAP_STATISTICS, Exploration, map_pairs
from spatialstats.stats.inference import group_test, paired_test, sign_flip_test
from spatialstats.stats.inference_result import STATISTICS
from spatialstats.stats.joins import join_counts
from spatialstats.stats.lift import Lift
from spatialstats.stats.map_test import varying
from spatialstats.stats.mask_overlap import MASK_STATISTICS, MaskPairs
from spatialstats.stats.pair_sums import Pairs
from spatialstats.stats.phases import phase_test
from spatialstats.stats.pixel_permutation import pixel_permutation_test
from spatialstats.stats.resampling import Alternative
from spatialstats.stats.shifts import shift_test
from spatialstats.stats.swap import family

LIFT = "lift"


def slug(name: str) -> str:
    """A statistic's name as it is written on the command line: ``lees-l``."""
    return name.lower().replace("'", "").replace(" ", "-")


MASKS = {LIFT: "overlap lift"} | {slug(n): n for n in MASK_STATISTICS if n != "overlap lift"}
MAPS = {slug(n): n for n in MAP_STATISTICS}
AUTOCORRELATION: dict[str, Callable[..., Any]] = {
    "morans-i": morans_i,
    "gearys-c": gearys_c,
    "getis-ord-g": getis_ord_g,
    "join-counts": join_counts,
}
MEAN_MAPS = tuple(STATISTICS)
OF_ONE: dict[str, tuple[str, ...]] = {"permutation": tuple(AUTOCORRELATION), "sign-flip": MEAN_MAPS}
OF_TWO: dict[str, tuple[str, ...]] = {
    "swap": (*MASKS, *MAPS),
    "shift": (LIFT, "pearson"),
    "phase": ("pearson",),
    "effective-size": ("pearson",),
    "pixel": ("pearson",),
    "sign-flip": MEAN_MAPS,
    "permutation": MEAN_MAPS,
}
"""For each null its statistics, the default first: with one file, and with two."""

DRAWS = {"swap": 9999, "sign-flip": 9999}
FEWER = 999


@dataclass(frozen=True)
class Chosen:
    """Null and statistic, by name, checked against each other.

    Parameters
    ----------
    null, statistic : str
        Keys of `OF_ONE` or `OF_TWO`, and what stands there.
    two : bool
        Whether there are two stacks of maps.
    """

    null: str
    statistic: str
    two: bool

    @property
    def masks(self) -> bool:
        """Whether the statistic is one of masks."""
        return (self.two and self.statistic in MASKS) or self.statistic == "join-counts"

    @property
    def n_resamples(self) -> int:
        """Draws by default."""
        return FEWER if self.two and self.null == "permutation" else DRAWS.get(self.null, FEWER)


def choose(two: bool, null: str | None = None, statistic: str | None = None) -> Chosen:
    """A null and a statistic that fit each other; the defaults where none is named.

    Raises
    ------
    InputError
        If there is no such null or statistic, or the two do not fit.
    """
    table = OF_TWO if two else OF_ONE
    if null is None:
        null = next((name for name, held in table.items() if statistic in held), None) if statistic else None
        null = null or ("swap" if two else "permutation")
    if null not in table:
        if null in OF_TWO:
            raise InputError(
                f"the null {null!r} compares two maps of each image, got one file: pass both, or leave "
                "--null out for the autocorrelation of one."
            )
        raise unknown("null", null, table)
    every = {name for held in table.values() for name in held}
    chosen = statistic or table[null][0]
    if chosen not in table[null]:
        if chosen not in every:
            raise unknown("statistic", chosen, table[null])
        raise InputError(
            f"the null {null!r} goes with {', '.join(table[null])}, got {chosen!r}: take one of them, or "
            f"--null {' or '.join(name for name, held in table.items() if chosen in held)}."
        )
    return Chosen(null, chosen, two)


def run_test(
    chosen: Chosen,
    a: np.ndarray,
    b: np.ndarray | None = None,
    *,
    classes: np.ndarray | None = None,
    n_resamples: int | None = None,
    seed: int = 0,
    alternative: Alternative = "two-sided",
    names: tuple[str, str] = ("A", "B"),
) -> Any:
    """Run the chosen test.

    Parameters
    ----------
    chosen : Chosen
        From `choose`.
    a, b : numpy.ndarray
        (N, H, W): maps, or bool masks where the statistic is one of masks.
    classes : numpy.ndarray, optional
        int (N,): swap within classes; for the null "swap" alone.
    n_resamples : int, optional
        Draws; those of `Chosen.n_resamples` if none.
    seed, alternative
        As for the tests.
    names : (str, str)
        What the two stacks are called.

    Returns
    -------
    object
        With `sentence`, `to_frame` and `to_dict`.
    """
    draws = chosen.n_resamples if n_resamples is None else n_resamples
    if draws < 1:
        raise InputError(f"a test needs draws, got n-resamples = {draws}: use 999 or more.")
    how: dict[str, Any] = {"n_resamples": draws, "seed": seed, "alternative": alternative}
    if classes is not None and chosen.null != "swap":
        raise InputError(f"classes restrict the null 'swap', got them with {chosen.null!r}: leave them out.")
    if b is None:
        if chosen.null == "sign-flip":
            return sign_flip_test(a, statistic=chosen.statistic, name=names[0], **how)  # type: ignore[arg-type]
        _refuse_constant(a, names[0])
        return AUTOCORRELATION[chosen.statistic](a, **how)
    if chosen.null == "permutation":
        return group_test(a, b, statistic=chosen.statistic, names=names, **how)  # type: ignore[arg-type]
    if a.shape != b.shape:
        raise InputError(
            f"{names[0]} and {names[1]} must hold two maps of each image in one order, got {a.shape} and "
            f"{b.shape}: --null permutation compares different images."
        )
    if chosen.null == "sign-flip":
        return paired_test(a, b, statistic=chosen.statistic, names=names, **how)  # type: ignore[arg-type]
    if chosen.null == "swap":
        return _swapped(chosen.statistic, a, b, classes, f"{names[0]} and {names[1]}", how)
    images = varying(a, b)
    if not len(images):
        raise InputError(
            f"no image has two maps that vary ({len(a)} given): a constant map, or an empty or full mask, is "
            "associated with nothing."
        )
    if chosen.null == "effective-size":
        return effective_size_test(a, b, alternative=alternative, seed=seed)
    test = {"shift": shift_test, "phase": phase_test, "pixel": pixel_permutation_test}[chosen.null]
    return test(a, b, **how)


def _refuse_constant(maps: np.ndarray, name: str) -> None:
    varies = maps.min((1, 2)) < maps.max((1, 2))
    if not varies.any():
        raise InputError(
            f"{name} is constant in every image ({len(maps)} given): a constant map has no autocorrelation."
        )


def _swapped(
    statistic: str,
    a: np.ndarray,
    b: np.ndarray,
    classes: np.ndarray | None,
    label: str,
    how: dict[str, Any],
) -> Any:
    """A family of one swap test, on the images whose two maps vary; exploratory but for the primary one."""
    there = varying(a, b)
    if len(a) < 2 or len(there) < 2:
        raise InputError(
            f"the null 'swap' exchanges images, and {len(there)} of {len(a)} have two maps that vary: it "
            "needs 2 at the least, and 20 or more to say anything; for one image take --null shift."
        )
    if classes is not None:
        classes = np.asarray(classes)
        if classes.shape != (len(a),) or classes.dtype.kind not in "iu":
            raise InputError(
                f"classes must be {len(a)} integers, one an image, got {classes.dtype} {classes.shape}."
            )
        classes = classes[there]
    first, second = a[there], b[there]
    pairs: Pairs
    if statistic in MASKS:
        packed = kernels.pack(first), kernels.pack(second)
        size = int(a[0].size)
        pairs = (
            Lift((packed[0],), packed[1], size)
            if statistic == LIFT
            else MaskPairs(MASKS[statistic], *packed, size)
        )
        name = MASKS[statistic]
    else:
        name = MAPS[statistic]
        pairs = map_pairs(name, first, second)
    found = family(name, [(label, pairs)], there, n_empty=len(a) - len(there), classes=classes, **how)
    return found if statistic == LIFT else Exploration(found)
