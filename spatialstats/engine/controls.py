"""The controls of a run: RoI where nothing is looked at, and what the swap excess is there."""

from __future__ import annotations

from typing import Any

import numpy as np

from spatialstats.engine.context import Context
from spatialstats.engine.merged import Merged
from spatialstats.engine.plan import derive_seed
from spatialstats.importance import magnitude
from spatialstats.regions import clean, threshold
from spatialstats.stats.controls import control_effects, edge_map

Json = dict[str, Any]
EDGES, UNTRAINED = "control.edges", "control.untrained"
FEWEST = 10
"""Images with all regions below which nothing is shown."""


def edge_regions(context: Context, x: np.ndarray) -> np.ndarray:
    """bool (n, H, W): RoI out of edge maps, smoothed and thresholded as importance is."""
    config = context.config
    found = threshold(magnitude(edge_map(x)), config.roi)
    return clean(found, config.min_area, config.connectivity)


def controls_summary(context: Context, merged: Merged, name: str) -> Json | None:
    """The swap excess of an attack beside that of its controls; None where there is too little to show."""
    if not context.config.controls:
        return None
    noise = next((control for control, of in context.controls.items() if of == name), None)
    found = control_effects(
        merged.packed("roi"),
        merged.packed(f"{name}.roa"),
        context.n_pixels,
        edges=merged.packed(EDGES),
        untrained=merged.packed(UNTRAINED) if merged.has_packed(UNTRAINED) else None,
        noise=None if noise is None else merged.packed(f"{noise}.candidate"),
        seed=derive_seed(context.config.seed, "controls", name),
    )
    if found.n < FEWEST:
        return None
    return {**found.to_dict(), "left_out": context.untrained_note}
