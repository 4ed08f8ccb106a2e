"""Adversarial sets that were made elsewhere: loaded, and looked at for what usually goes wrong."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.data.arrayfile import ArrayFile
from spatialstats.data.dataset import Dataset
from spatialstats.data.labels import as_classes, as_labels
from spatialstats.data.load import IMAGE_KEYS, LABEL_KEYS, find_images, find_labels
from spatialstats.data.pair_budget import check_budget, measure
from spatialstats.data.pair_match import check_conversion, check_order, choose_rows
from spatialstats.data.pixels import ArrayImages, as_images, check_values
from spatialstats.errors import InputError

CLEAN_KEYS = ("clean_inputs", "clean", "x_clean", "clean_images", *IMAGE_KEYS)
ADVERSARIAL_KEYS = (
    "adv_inputs",
    "adversarial",
    "x_adv",
    "adv",
    "adv_images",
    "adversarial_images",
    *IMAGE_KEYS,
)


def load_pairs(
    clean: str | Path | None,
    adversarial: str | Path,
    labels: str | Path | None = None,
    *,
    epsilon: float | None = None,
) -> Dataset:
    """Load clean images and their adversarial partners from files.

    Parameters
    ----------
    clean : path or None
        ``.npz``, ``.npy``, ``.pt`` or ``.pth``; None takes both from `adversarial`, as torchattacks
        writes them with ``save_clean_inputs=True``.
    adversarial : path
        As `clean`, in the same order; what ``torchattacks.Attack.save`` writes is understood.
    labels : path, optional
        File with the true classes, where neither of the two holds them.
    epsilon : float, optional
        The Linf budget that the set is said to keep, in [0, 1] units; checked.

    Returns
    -------
    Dataset
        Whose ``adversarial`` reads the partners and whose ``notes`` say what `check_pairs` noticed.

    Raises
    ------
    InputError
        If a file cannot be read, labels are missing or contradict each other, or `check_pairs`
        refuses the pairs.
    """
    second = ArrayFile(Path(adversarial).expanduser())
    first = second if clean is None else ArrayFile(Path(clean).expanduser())
    x = as_images(find_images(first, CLEAN_KEYS), str(first.path))
    x_adv = as_images(find_images(second, ADVERSARIAL_KEYS), str(second.path))
    found = find_labels(Path(labels).expanduser() if labels is not None else None, first, second)
    if found is None:
        raise InputError(
            f"{first.path} or {second.path} must hold labels under one of {', '.join(LABEL_KEYS)}, got none: "
            "give them by --labels"
        )
    noticed = check_pairs(x, x_adv, epsilon=epsilon)
    values, where = found
    truth = as_labels(values, len(x), where)
    _agree(truth, first, second)
    key = first.find(("classes", "class_names"))
    classes = as_classes(first.get(key) if key is not None else None, truth)
    as_labels(truth, len(x), where, len(classes))
    base = Dataset.of(second.path.name, x, truth, classes)
    notes = tuple(note for note in (x.note, x_adv.note) if note) + noticed
    return replace(base, adversarial_reader=x_adv.read, identity=_content(x_adv), notes=notes)


def check_pairs(
    x: ArrayImages | npt.NDArray[Any],
    x_adv: ArrayImages | npt.NDArray[Any],
    *,
    epsilon: float | None = None,
    seed: int = 0,
) -> tuple[str, ...]:
    """Look for what usually goes wrong with saved adversarial sets.

    All values are read once; order, colour order and orientation are judged on up to 256 rows.

    Parameters
    ----------
    x, x_adv : ndarray, (N, C, H, W)
        Clean and adversarial images, uint8 or float.
    epsilon : float, optional
        The Linf budget that the set is said to keep, in [0, 1] units.
    seed : int
        Chooses the rows that are looked at.

    Returns
    -------
    tuple of str
        What was noticed but does not forbid the analysis: a budget broken by floor or rounding
        to uint8, single rows that look mispaired.

    Raises
    ------
    InputError
        For sizes that differ, values that are not finite or lie outside [0, 1] (named: normalised,
        0 to 255), no change at all, changes beyond `epsilon`, one half mirrored, transposed, in
        BGR, normalised and clipped, rows shuffled or of other images.
    """
    first = x if isinstance(x, ArrayImages) else as_images(x, "the clean images")
    second = x_adv if isinstance(x_adv, ArrayImages) else as_images(x_adv, "the adversarial images")
    if first.array.shape != second.array.shape:
        raise InputError(
            f"clean and adversarial images must have one shape (N, C, H, W), got {first.array.shape} and "
            f"{second.array.shape}: {_mend(first, second)}"
        )
    check_values(first, "clean images")
    check_values(second, "adversarial images")
    changes = measure(first, second)
    rng = np.random.default_rng([seed, 0x9A12])
    rows = choose_rows(len(first), first.shape, rng)
    check_conversion(first.read(rows), second.read(rows))
    strays = check_order(first, second, rows, rng)
    return check_budget(changes, epsilon) + strays


def _mend(x: ArrayImages, x_adv: ArrayImages) -> str:
    if x.shape == x_adv.shape:
        return "save both from the same rows, without dropping the last batch"
    if x.shape[0] != x_adv.shape[0]:
        return "save both with the same channels"
    return "save the clean images as the model received them, after resizing and cropping"


def _agree(truth: npt.NDArray[np.int64], *files: ArrayFile) -> None:
    """Refuse labels that contradict those of another file: a sign of rows in another order."""
    for file in dict.fromkeys(files):
        key = file.find(LABEL_KEYS)
        if key is None:
            continue
        differ = np.flatnonzero(as_labels(file.get(key), len(truth), str(file.path)) != truth)
        if len(differ):
            raise InputError(
                f"the labels of all files must agree, got {len(differ):,} of {len(truth):,} rows that differ "
                f"in {file.path} (the first is row {differ[0]}): save both sets in one order"
            )


def _content(images: ArrayImages) -> bytes:
    whole = hashlib.blake2b(digest_size=16)
    for _, values in images.chunks():
        whole.update(values.data)
    return whole.digest()
