"""Draw the pictures of docs/concepts.md that a run itself does not draw.

    python analysis/make_docs_figures.py --run RUN

Writes ``importance.png``, ``attack_maps.png``, ``regions.png`` and ``fills.png`` to
``docs/_static``, all of the run's hero image (the median of the images by co-location
effect) or of its densities.  `analysis/make_readme.py` brings the others.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch

import spatialstats
from spatialstats import kernels, maps
from spatialstats.defence.fills import FILLS, get_fill
from spatialstats.engine.files import read_arrays

STATIC = Path(__file__).resolve().parent.parent / "docs" / "_static"
FOUND = plt.get_cmap("tab10")


def show(axes: Any, picture: np.ndarray, title: str, **how: Any) -> None:
    """One panel without ticks; images come as (C, H, W)."""
    if picture.ndim == 3:
        picture = picture.transpose(1, 2, 0).squeeze()
    axes.imshow(picture, interpolation="nearest", **how)
    axes.set_title(title, fontsize=9, loc="left")
    axes.set_axis_off()


def panels(n: int) -> tuple[Any, Any]:
    return plt.subplots(1, n, figsize=(2.0 * n, 2.25), layout="constrained", squeeze=False)


def save(figure: Any, name: str) -> None:
    figure.savefig(STATIC / name, dpi=160)
    plt.close(figure)


def importance(held: dict[str, np.ndarray]) -> None:
    """The image, its importance map, and RoI."""
    figure, axes = panels(3)
    show(axes[0, 0], held["x"][0], "image")
    show(axes[0, 1], held["importance"][0], "importance", cmap="magma")
    show(axes[0, 2], held["roi"][0], "RoI", cmap="gray")
    save(figure, "importance.png")


def attack_maps(held: dict[str, np.ndarray], attack: str) -> None:
    """The perturbation and the readings of it."""
    x, x_adv = held["x"][:1], held[f"{attack}/x_adv"][:1]
    delta = (x_adv[0].astype(np.float32) - x[0]) / 255
    largest = float(np.abs(delta).max())
    figure, axes = panels(5)
    show(axes[0, 0], x_adv[0], "attacked image")
    show(axes[0, 1], 0.5 + delta / (2 * largest), f"perturbation, ±{255 * largest:.0f}/255")
    show(axes[0, 2], maps.frequency(x, x_adv)[0], "frequency", cmap="magma", vmin=0, vmax=1)
    show(axes[0, 3], maps.energy(x, x_adv)[0], "energy", cmap="magma", vmin=0)
    show(axes[0, 4], held[f"{attack}/damage"][0], "effect: damage", cmap="magma", vmin=0)
    save(figure, "attack_maps.png")


def regions(densities: dict[str, np.ndarray], attack: str) -> None:
    """The RoA of the damage density, isolated in two ways."""
    damage, mask = densities[f"{attack}/damage"], densities[f"{attack}/roa_mask"].astype(bool)
    components = kernels.label(mask[None]).labels[0]
    clusters = kernels.lattice_dbscan(mask[None].astype(np.float32))[0] + 1
    figure, axes = panels(3)
    show(axes[0, 0], damage, "damage density", cmap="magma")
    for panel, labels, title in ((axes[0, 1], components, "components"), (axes[0, 2], clusters, "DBSCAN")):
        coloured = np.where(labels[..., None] > 0, FOUND((labels - 1) % 10), 1.0)[..., :3]
        show(panel, coloured.transpose(2, 0, 1), f"{title}: {labels.max()}")
    save(figure, "regions.png")


def fills(held: dict[str, np.ndarray], attack: str) -> None:
    """The attacked image with RoA minus RoI filled in each way."""
    attacked = torch.from_numpy(held[f"{attack}/x_adv"][:1].astype(np.float32) / 255)
    mask = held[f"{attack}/roa"][:1].astype(bool) & ~held["roi"][:1].astype(bool)
    figure, axes = panels(len(FILLS) + 1)
    blocked = np.where(mask[0], 1.0, attacked[0].numpy())
    show(axes[0, 0], blocked, "what is hidden")
    for panel, name in zip(axes[0, 1:], FILLS, strict=True):
        show(panel, get_fill(name)(attacked, torch.from_numpy(mask))[0].numpy().clip(0, 1), name)
    save(figure, "fills.png")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--run", type=Path, required=True, help="a finished run directory")
    options = parser.parse_args()
    result = spatialstats.load_result(options.run)
    held, attack = read_arrays(result.path / "examples.npz"), result.results["headline"]["attack"]
    STATIC.mkdir(parents=True, exist_ok=True)
    importance(held)
    attack_maps(held, attack)
    regions(result.maps, attack)
    fills(held, attack)
    print(f"wrote importance, attack_maps, regions and fills to {STATIC}")


if __name__ == "__main__":
    main()
