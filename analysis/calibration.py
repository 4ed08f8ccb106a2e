"""Do the tests hold their level?  Every test and null of spatialstats.stats on maps without an effect.

    python analysis/calibration.py --out runs/calibration           # says its estimate, runs, goes on
    python analysis/calibration.py --out runs/calibration --page    # docs/calibration.md from what is there

24 settings of simulated maps, real maps and planted effects, 1,000 simulations each; all tests of a
simulation see the same maps and draw by the same seed.  A cell is a file in the folder, written every 100
simulations, all cells in turn: a run that was cut off goes on where it was.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from calibration_bounds import N_SIMULATIONS, count
from calibration_colocation import ladder, swaps
from calibration_draws import Found
from calibration_fields import Setting, World, settings, simulate
from calibration_mean_maps import over_images
from calibration_power import SETTING, STRENGTHS, planted
from calibration_real import real
from calibration_sets import confidence
from calibration_single_maps import autocorrelation, inside_images

ONE_BY_ONE = (swaps, ladder, inside_images, over_images, confidence)
"""What is tested on each simulation by itself; `autocorrelation` takes several."""

TOGETHER = 20
"""Simulations whose shuffled maps share the draws of the tests of autocorrelation."""
SAVED_EVERY = 100
SEED = 20261124
MAPS = "maps.npz"

Columns = dict[str, np.ndarray]


@dataclass(frozen=True, eq=False)
class Cell:
    """Simulations of one kind.

    Parameters
    ----------
    name : str
        Of its file.
    kind : str
        "setting", "real" or "power".
    setting : Setting or None
        What the simulated maps are like.
    block : callable
        From the numbers of some simulations to their p-values, by name.
    """

    name: str
    kind: str
    setting: Setting | None
    block: Callable[[range], Columns]


def cells(maps: Path) -> Iterator[Cell]:
    """All of them; real maps first, since they need the file."""
    yield Cell("real-maps", "real", None, partial(_each, _Real(maps)))
    for setting in settings():
        yield Cell(setting.name, "setting", setting, partial(simulated, setting))
    for number, (name, strength) in enumerate(STRENGTHS.items()):
        of = partial(planted, strength, SEED, 2, number)
        yield Cell(f"power-{name}", "power", SETTING, partial(_each, of))


def simulated(setting: Setting, numbers: range) -> Columns:
    """All tests on some simulations of a setting."""
    return tested([simulate(setting, SEED, 0, number) for number in numbers])


def tested(worlds: list[World]) -> Columns:
    """All tests on some simulations."""
    found = _joined([_all(world) for world in worlds])
    for start in range(0, len(worlds), TOGETHER):
        part = autocorrelation(worlds[start : start + TOGETHER])
        for name, values in part.items():
            found[name] = np.concatenate([found.get(name, np.zeros(0)), values])
    return found


def _all(world: World) -> Found:
    found: Found = {}
    for tests in ONE_BY_ONE:
        found |= tests(world)
    return found


class _Real:
    """Real maps, read when they are first needed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.held: dict[str, np.ndarray] = {}

    def __call__(self, number: int) -> Found:
        if not self.held:
            with np.load(self.path, allow_pickle=False) as stored:
                self.held = dict(stored)
        return real(self.held, SEED, 1, number)


def _each(of: Callable[[int], Found], numbers: range) -> Columns:
    return _joined([of(number) for number in numbers])


def _joined(parts: list[Found]) -> Columns:
    """One column a test; NaN where a simulation had none, as with too few images that have masks."""
    names = dict.fromkeys(name for part in parts for name in part)
    return {name: np.array([part.get(name, np.nan) for part in parts]) for name in names}


def read(path: Path) -> Columns:
    """The p-values that a cell has so far."""
    if not path.exists():
        return {}
    with np.load(path, allow_pickle=False) as stored:
        return {name: stored[name] for name in stored.files}


def save(path: Path, columns: Columns) -> None:
    """Write a cell whole."""
    held = path.with_suffix(".part.npz")
    np.savez_compressed(held, allow_pickle=False, **columns)
    os.replace(held, path)


def extended(before: Columns, after: Columns) -> Columns:
    """Columns with further simulations below; NaN where one side lacks a test."""
    n, m = count(before), count(after)
    return {
        name: np.concatenate([before.get(name, np.full(n, np.nan)), after.get(name, np.full(m, np.nan))])
        for name in dict.fromkeys((*before, *after))
    }


def run(out: Path, n: int, minutes: float = np.inf) -> None:
    """All cells that are not finished, with progress and time left."""
    out.mkdir(parents=True, exist_ok=True)
    maps = out / MAPS
    if not maps.exists():
        script = Path(__file__).with_name("calibration_maps.py")
        subprocess.run([sys.executable, str(script), "--out", str(maps)], check=True)
    held = {cell: read(out / f"{cell.name}.npz") for cell in cells(maps)}
    cost = _costs([cell for cell, columns in held.items() if count(columns) < n])
    whole = sum(seconds * (n - count(held[cell])) for cell, seconds in cost.items())
    print(f"{len(cost)} of {len(held)} cells to do, about {whole / 60:.0f} min at today's pace", flush=True)
    began, done = time.perf_counter(), 0.0
    # in rounds over all cells: a run that is cut off has something of each
    for last in range(SAVED_EVERY, n + SAVED_EVERY, SAVED_EVERY):
        for cell, seconds in cost.items():
            numbers = range(count(held[cell]), min(last, n))
            if not numbers:
                continue
            held[cell] = extended(held[cell], cell.block(numbers))
            save(out / f"{cell.name}.npz", held[cell])
            done += seconds * len(numbers)
            passed = time.perf_counter() - began
            remains = passed * (whole - done) / done / 60
            print(
                f"{cell.name}: {count(held[cell])} of {n}; {100 * done / whole:.0f} %, "
                f"{passed / 60:.0f} min gone, about {remains:.0f} min left",
                flush=True,
            )
            if passed > 60 * minutes:
                return


def _costs(todo: list[Cell]) -> dict[Cell, float]:
    """Seconds of a simulation of each cell, by one of them; compiled is before, by one of each kind."""
    found: dict[Cell, float] = {}
    for cell in todo:
        if cell.kind not in {other.kind for other in found}:
            cell.block(range(1))
        began = time.perf_counter()
        cell.block(range(1, 2))
        found[cell] = time.perf_counter() - began
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description="Size and power of the tests of spatialstats.stats.")
    parser.add_argument("--out", type=Path, default=Path("runs/calibration"))
    parser.add_argument("--n", type=int, default=N_SIMULATIONS, help="simulations of a cell")
    parser.add_argument("--minutes", type=float, default=np.inf, help="stop after so many; go on later")
    parser.add_argument("--page", action="store_true", help="write docs/calibration.md and .json")
    given = parser.parse_args()
    if given.page:
        from calibration_page import write

        write({cell: read(given.out / f"{cell.name}.npz") for cell in cells(given.out / MAPS)})
        return
    run(given.out, given.n, given.minutes)


if __name__ == "__main__":
    main()
