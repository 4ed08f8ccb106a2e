"""The regions of many masks as one table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

Method = Literal["components", "dbscan"]
MEASURED = (
    *("label", "area", "centroid_row", "centroid_col", "min_row", "min_col", "max_row", "max_col"),
    *("eccentricity", "mass", "peak"),
)


def table(
    masks: np.ndarray,
    importance: np.ndarray,
    attack: np.ndarray,
    *,
    samples: np.ndarray | Sequence[int] | None = None,
    labels: np.ndarray | Sequence[int] | None = None,
    classes: Sequence[str] | None = None,
    mask: str = "roa",
    attack_name: str = "",
    method: Method = "components",
    weights: np.ndarray | None = None,
    connectivity: int = 1,
    eps: float = 1.5,
    min_samples: float = 4.0,
) -> pd.DataFrame:
    """The regions of `masks`, one row each, in the order of the masks and of their labels.

    Parameters
    ----------
    masks : numpy.ndarray
        bool (N, H, W) or (H, W).
    importance, attack : numpy.ndarray
        (N, H, W) or (H, W) real: the maps that are averaged over each region.
    samples : array of int, optional
        (N,) what to call each image; its position when left out.
    labels : array of int, optional
        (N,) true classes.
    classes : sequence of str, optional
        Names of the classes.
    mask, attack_name : str
        What the masks are ("roi", "roa", ...) and which attack made them.
    method : {"components", "dbscan"}
        Connected components, or DBSCAN over the pixels of the mask.
    weights : numpy.ndarray, optional
        (N, H, W) non-negative, the map whose sum is a region's ``mass`` and whose maximum is
        its ``peak``; `attack` when left out.
    connectivity : {1, 2}
        For components: four or eight neighbours.
    eps, min_samples : float
        For DBSCAN: radius in pixels, and how many pixels (itself included) make one a core.

    Returns
    -------
    pandas.DataFrame
        Columns ``sample, class, attack, mask, method, label, area, centroid_row,
        centroid_col, min_row, min_col, max_row, max_col`` (half-open), ``eccentricity, mass,
        peak, mean_importance, mean_attack``.

    Raises
    ------
    InputError
        If the shapes disagree or the method is unknown.
    """
    import pandas as pd

    stack = np.asarray(masks, bool)
    stack = stack.reshape(-1, *stack.shape[-2:])
    heavy = _floats("weights", attack if weights is None else weights, stack.shape)
    if method == "components":
        labelled = kernels.label(stack, heavy, connectivity=connectivity)
        found, regions = labelled.labels, labelled.regions
    elif method == "dbscan":
        found = kernels.lattice_dbscan(stack.astype(np.float32), eps=eps, min_samples=min_samples) + 1
        regions = kernels.measure(found, heavy)
    else:
        raise InputError(f"regions are found by 'components' or 'dbscan', got {method!r}.")
    of = regions.sample
    columns: dict[str, Any] = {
        "sample": of if samples is None else np.asarray(samples)[of],
        "class": _class_names(None if labels is None else np.asarray(labels)[of], classes, len(of)),
        "attack": _repeated(attack_name, len(of)),
        "mask": _repeated(mask, len(of)),
        "method": _repeated(method, len(of)),
    }
    columns |= {name: getattr(regions, name) for name in MEASURED}
    for name, values in (("importance", importance), ("attack", attack)):
        inside = kernels.measure(found, _floats(name, values, stack.shape))
        columns[f"mean_{name}"] = inside.mass / regions.area
    return pd.DataFrame(columns)


def _floats(name: str, maps: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Maps as float32 or float64 of the shape of the masks."""
    values = np.asarray(maps)
    values = values.reshape(-1, *values.shape[-2:])
    if values.shape != shape:
        raise InputError(
            f"{name} must have the masks' shape {shape}, got {values.shape}: give those of the same images."
        )
    return values if values.dtype in (np.float32, np.float64) else values.astype(np.float32)


def _class_names(codes: np.ndarray | None, classes: Sequence[str] | None, n: int) -> np.ndarray:
    """Names of classes, None for a code that has none; the codes themselves without names."""
    if codes is None:
        return np.full(n, None, object)
    if classes is None:
        return codes
    names = np.array([*classes, None], object)
    known: np.ndarray = names[np.where((codes >= 0) & (codes < len(classes)), codes, len(classes))]
    return known


def _repeated(text: str, n: int) -> np.ndarray:
    """A column of one string; as objects, because NumPy would cut others to its length."""
    return np.full(n, text, object)
