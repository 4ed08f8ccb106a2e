"""Which images a fine-tune learns from, and which it is checked on."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from spatialstats.data import Dataset, splits
from spatialstats.errors import InputError

__all__ = ["held_out_rows"]

FEWEST = 20  # on either side


def held_out_rows(dataset: Dataset, fraction: float = 0.1) -> npt.NDArray[np.bool_]:
    """The images that are kept out of a training, by the hash of their content: bool (N,).

    Duplicates land on one side.  The held-out images belong to the `report` split of an
    evaluation on the same set; so do some of the others, so that a defence is better
    evaluated on images that the training never saw.

    Parameters
    ----------
    dataset : Dataset
        All images.
    fraction : float
        Expected share that is kept out.

    Raises
    ------
    InputError
        If the fraction leaves fewer than 20 images on either side.
    """
    if not 0 < fraction < 1:
        raise InputError(
            f"the share of held-out images lies between 0 and 1, got {fraction:g}: 0.1 is usual."
        )
    held: npt.NDArray[np.bool_] = splits(dataset.digests(), (1 - fraction, 0.0, fraction)) == 2
    if min(held.sum(), (~held).sum()) < FEWEST:
        raise InputError(
            f"a fine-tune needs at least {FEWEST} images to learn from and {FEWEST} held out, got "
            f"{(~held).sum()} and {held.sum()}: give more images, or another share to hold out."
        )
    return held
