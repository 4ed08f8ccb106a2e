"""Maps and example images for papers; drawn with matplotlib, which only `write_figures` brings in."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from spatialstats.report.palette import LIGHT, SEGMENTS, colormap
from spatialstats.report.plots import PAGE, sheet
from spatialstats.report.run import Run

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def densities(run: Run) -> Figure | None:
    """Frequency of each region over the images on one scale, a row an attack, with mask outlines."""
    from matplotlib.colors import ListedColormap

    keys = ("roa", "contested", "neutralizable")
    formed = [a for a in run.attacks if any(run.map(f"{a.get('name')}/{key}") is not None for key in keys)]
    roi = run.map("roi")
    if roi is None or not formed:
        return None
    stacks = [[roi, *(run.map(f"{attack['name']}/{key}") for key in keys)] for attack in formed]
    top = max(float(np.nanmax(one)) for row in stacks for one in row if one is not None)
    figure = sheet(PAGE, 1.75 * len(formed))
    axes = figure.subplots(len(formed), 4, squeeze=False)
    ramp, picture = ListedColormap(colormap() / 255), None
    for i, (attack, row) in enumerate(zip(formed, stacks, strict=True)):
        for j, (one, name) in enumerate(
            zip(row, ("importance (RoI)", "attack (RoA)", "contested", "neutralizable"), strict=True)
        ):
            axis = axes[i, j]
            axis.set_xticks([])
            axis.set_yticks([])
            if i == 0:
                axis.set_title(name)
            if one is not None:
                picture = axis.imshow(100 * one, cmap=ramp, vmin=0, vmax=100 * top)
                _contours(axis, run.map("roi_mask"), run.map(f"{attack['name']}/roa_mask") if j else None)
        axes[i, 0].set_ylabel(attack.get("label"))
    if picture is not None:
        figure.colorbar(picture, ax=axes, shrink=0.7, label="% of images")
    return figure


def _contours(axis: Axes, roi: Any, roa: Any) -> None:
    for mask, colour, dash in ((roi, LIGHT["protected"], "-"), (roa, LIGHT["neutralizable"], "--")):
        if mask is not None and bool(np.any(mask)) and not bool(np.all(mask)):
            # Enlarged so that the line follows pixel edges instead of cutting their corners.
            fine = np.kron(np.asarray(mask, dtype=float), np.ones((8, 8)))
            rows, columns = ((np.arange(n) + 0.5) / 8 - 0.5 for n in fine.shape)
            axis.contour(columns, rows, fine, levels=[0.5], colors=[colour], linestyles=dash, linewidths=1.1)


def example(run: Run) -> Figure | None:
    """The median example: clean, attacked and its four segments under the first attack."""
    from matplotlib.colors import ListedColormap

    x, listed = run.examples.get("x"), list(run.results.get("examples") or [])
    attack = next(
        (a for a in run.attacks if f"{a.get('name')}/segments" in run.examples and a.get("segments")), None
    )
    if x is None or not listed or attack is None:
        return None
    at = min(range(min(len(x), len(listed))), key=lambda i: abs((listed[i].get("quantile") or 0) - 0.5))
    codes = run.examples[f"{attack['name']}/segments"][at]
    figure = sheet(PAGE, 2.6)
    axes = figure.subplots(1, 3)
    pictures = (x[at], run.examples.get(f"{attack['name']}/x_adv", x)[at])
    for axis, picture, name in zip(axes, pictures, ("clean", attack.get("label")), strict=False):
        axis.imshow(
            picture[0] if picture.shape[0] < 3 else picture[:3].transpose(1, 2, 0),
            cmap="gray",
            vmin=0,
            vmax=255,
        )
        axis.set_title(name)
        _contours(axis, (codes & 2) > 0, (codes & 1) > 0)
    order = ("background", "neutralizable", "protected", "contested")
    axes[2].imshow(codes, cmap=ListedColormap([LIGHT[name] for name in order]), vmin=-0.5, vmax=3.5)
    axes[2].set_title("segments")
    for axis in axes:
        axis.set_axis_off()
    from matplotlib.patches import Patch

    figure.legend(
        handles=[Patch(color=LIGHT[name], label=name) for name in SEGMENTS],
        loc="outside lower center",
        ncols=4,
    )
    return figure
