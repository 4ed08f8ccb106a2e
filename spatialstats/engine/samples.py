"""``samples.parquet``: one row an image, so that runs can be compared image by image."""

from __future__ import annotations

import io
from collections.abc import Iterable

import numpy as np
import pandas as pd

from spatialstats.engine.files import atomic
from spatialstats.engine.merged import Merged
from spatialstats.engine.plan import PHASES
from spatialstats.engine.rundir import RunDirectory
from spatialstats.segments import SEGMENTS, restored

REGIONS = {
    "nothing": (),
    "neutralizable": ("neutralizable",),
    "roa": ("neutralizable", "contested"),
    "roi": ("protected", "contested"),
    "everything": SEGMENTS,
}
"""Where the true pixels are put back, as segments."""
KEPT = ("neutralizable", "roa", "roi")
"""`REGIONS` whose outcome is kept: those of nothing and of everything follow from other columns."""


def ceilings(merged: Merged, name: str) -> dict[str, np.ndarray]:
    """Whether each image is right before the attack, and still after true pixels are put back in a region.

    An image without an RoA has nothing to put back there and keeps its attacked prediction.

    Parameters
    ----------
    merged : Merged
        All chunks.
    name : str
        The attack.

    Returns
    -------
    dict of str to numpy.ndarray
        bool (N,) for each of `REGIONS`.
    """
    label, prediction = merged["row.label"], merged[f"row.{name}.prediction"]
    formed, correct = merged[f"row.{name}.formed"], merged["row.correct"]
    coalitions = merged[f"row.{name}.coalitions"]
    right = {}
    for region, of in REGIONS.items():
        after = np.where(formed, restored(coalitions, *of), label if region == "everything" else prediction)
        right[region] = (after == label) & correct
    return right


def defended(merged: Merged, name: str) -> dict[str, np.ndarray]:
    """Whether each image of the report split is given its true label behind a mask, bool (n,).

    The keys are ``<mask>.<what>``, as in the rows of the neutralization table.
    """
    prefix = f"defend.{name}."
    found = {key: merged[f"{prefix}{key}"] for key in merged.names(prefix) if "." in key}
    return {key: values for key, values in found.items() if values.dtype == bool}


def sample_columns(merged: Merged, measured: Iterable[str]) -> dict[str, np.ndarray | pd.arrays.BooleanArray]:
    """The columns of the table.

    Parameters
    ----------
    merged : Merged
        All chunks.
    measured : iterable of str
        The attacks that have ceilings and neutralized accuracies.
    """
    columns: dict[str, np.ndarray | pd.arrays.BooleanArray] = {}
    for name in merged.names("row."):
        values = merged[f"row.{name}"]
        if values.ndim == 1:
            columns[name] = values
        elif name.endswith((".shapley", ".area")):
            columns |= {f"{name}.{segment}": values[:, code] for code, segment in enumerate(SEGMENTS)}
    elsewhere = merged["row.split"] != PHASES.index("report")
    for name in measured:
        right = ceilings(merged, name)
        columns |= {f"{name}.ceiling.{region}": right[region] for region in KEPT}
        for key, hits in defended(merged, name).items():
            whole = np.zeros(len(elsewhere), bool)
            whole[~elsewhere] = hits
            columns[f"{name}.defended.{key}"] = pd.arrays.BooleanArray(whole, elsewhere.copy())
    return columns


def write_samples(run: RunDirectory, merged: Merged, measured: Iterable[str]) -> None:
    """Write ``samples.parquet``; see `sample_columns`."""
    buffer = io.BytesIO()
    pd.DataFrame(sample_columns(merged, measured)).to_parquet(buffer, index=False)
    with atomic(run.path / "samples.parquet") as file:
        file.write(buffer.getbuffer())
