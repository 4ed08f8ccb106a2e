"""How far saved adversarial images lie from their clean ones, and what rounding did to that."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spatialstats.data.pixels import ArrayImages, to_unit
from spatialstats.errors import InputError

_SLACK = 0.02  # in steps of 1/255: what float32 leaves of a bound that is kept exactly
_LEVELS = 256  # changes lie within 255 steps


@dataclass(frozen=True)
class Changes:
    """Changes x_adv - x of a whole set, in steps of 1/255.

    Attributes
    ----------
    lowest, highest : ndarray, (N,)
        The extreme changes of each image.
    histogram : ndarray of int, (511,)
        Count of values by their change rounded to a whole step, -255 first.
    quantised : bool
        Whether all adversarial values are whole multiples of 1/255.
    """

    lowest: npt.NDArray[np.float64]
    highest: npt.NDArray[np.float64]
    histogram: npt.NDArray[np.int64]
    quantised: bool

    def count(self, step: int) -> int:
        """Values that changed by `step` steps, rounded."""
        return int(self.histogram[step + _LEVELS - 1]) if abs(step) < _LEVELS else 0

    @property
    def total(self) -> int:
        return int(self.histogram.sum())


def measure(x: ArrayImages, x_adv: ArrayImages) -> Changes:
    """One pass over all pairs."""
    lowest, highest = np.empty(len(x)), np.empty(len(x))
    histogram = np.zeros(2 * _LEVELS - 1, np.int64)
    quantised = True
    for first, clean in x.chunks():
        last = first + len(clean)
        attacked = to_unit(np.ascontiguousarray(x_adv.array[first:last])) * np.float32(255)
        quantised = quantised and bool((np.abs(attacked - np.rint(attacked)) < 0.01).all())
        steps = attacked - to_unit(clean) * np.float32(255)
        flat = steps.reshape(len(clean), -1)
        lowest[first:last], highest[first:last] = flat.min(1), flat.max(1)
        whole = np.rint(flat).astype(np.int64).ravel() + _LEVELS - 1
        histogram += np.bincount(whole, minlength=2 * _LEVELS - 1)
    return Changes(lowest, highest, histogram, quantised)


def check_budget(changes: Changes, epsilon: float | None) -> tuple[str, ...]:
    """What is to be said about the sizes of the changes.

    Parameters
    ----------
    changes : Changes
        Of the whole set.
    epsilon : float, optional
        The Linf budget that the set is said to keep, in [0, 1] units.

    Returns
    -------
    tuple of str
        Notes: a budget broken by floor or rounding to uint8; untouched values lowered by floor.

    Raises
    ------
    InputError
        If no image was changed, or changes exceed `epsilon` by more than rounding can.
    """
    if epsilon is not None and not 0 < epsilon <= 1:
        raise InputError(
            f"epsilon must lie in (0, 1], in units of [0, 1] pixels, got {epsilon:g}: write 8/255 rather "
            "than 8"
        )
    reach = np.maximum(changes.highest, -changes.lowest)
    if not (reach > _SLACK).any():
        raise InputError(
            f"adversarial images must differ from the clean ones, got no change in any of {len(reach):,}: "
            "pass two different files, clean first"
        )
    notes = [_lowered(changes), _floored(changes, epsilon)]
    if epsilon is not None and notes[1] is None:
        notes.append(_exceeded(reach, epsilon * 255))
    return tuple(note for note in notes if note)


def _lowered(changes: Changes) -> str | None:
    down, up, total = changes.count(-1), changes.count(1), changes.total
    if not changes.quantised or down < 0.05 * total or up > 0.1 * down:
        return None
    return (
        f"{100 * down / total:.0f} % of the adversarial values are lower than the clean ones by 1/255 and "
        f"only {100 * up / total:.1f} % higher by as much, as when images are floored to uint8: save floats, "
        "or round before saving, for such values count as attacked."
    )


def _floored(changes: Changes, epsilon: float | None) -> str | None:
    """Floor lets a change of +E stand and turns some or all of -E into -(E + 1)."""
    touched = np.maximum(changes.highest, -changes.lowest) > _SLACK
    top, bottom = float(changes.highest.max()), -float(changes.lowest.min())
    bound = round(top) if epsilon is None else round(epsilon * 255)
    if not changes.quantised or (epsilon is None and not _bounded(changes, touched, bound)):
        return None
    if bound < 1 or top > bound + _SLACK or not bound + _SLACK < bottom <= bound + 1 + _SLACK:
        return None
    beyond = changes.count(-bound - 1)
    if not beyond:
        return None
    at_bound = beyond + changes.count(-bound)
    return (
        f"The changes reach +{bound}/255 but {-(bound + 1)}/255 ({100 * beyond / changes.total:.2g} % of all "
        f"values, {100 * beyond / at_bound:.2g} % of those at or below -{bound}/255), as when adversarial "
        f"images are floored to uint8, which breaks a budget of {bound}/255: save floats (in torchattacks "
        "save_type='float'), or round before saving."
    )


def _bounded(changes: Changes, touched: npt.NDArray[np.bool_], bound: int) -> bool:
    """Whether the set looks like one of an Linf attack that uses its budget of `bound` steps.

    Most images reach the bound, and changes pile up at it; other norms have neither.
    """
    if touched.sum() < 8 or bound < 2 or (np.rint(changes.highest[touched]) == bound).mean() < 0.5:
        return False
    at_bound = changes.count(bound) + changes.count(bound - 1)
    return at_bound > changes.count(bound - 2) + changes.count(bound - 3) or bound < 4


def _exceeded(reach: npt.NDArray[np.float64], bound: float) -> str | None:
    over = reach > bound + _SLACK
    if not over.any():
        return None
    most, count = float(reach.max()), int(over.sum())
    if most <= bound + 1 + _SLACK:
        return (
            f"The changes reach {most:.3g}/255 in {count:,} of {len(reach):,} images, above the epsilon of "
            f"{bound:.3g}/255 by no more than rounding to uint8 explains: save floats to keep the budget."
        )
    raise InputError(
        f"changes must stay within the given epsilon of {bound:.3g}/255, got up to {most:.3g}/255 in "
        f"{count:,} of {len(reach):,} images: give the Linf epsilon that made the set, or leave it out for "
        "other norms"
    )
