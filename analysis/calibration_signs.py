"""Confidence sets of numbers: do they miss the truth when images are resampled, and when signs are drawn?

    python analysis/calibration_signs.py --maps runs/calibration/maps.npz

The papers draw a random sign for each image; `spatialstats.stats.confidence_set` resamples images, unless
its maps are masks.  The table has the share of sets of 95 % that miss the truth either way, on the
maps of the calibration's settings and, with `--maps`, on those of `analysis/calibration_maps.py`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
from calibration_draws import MANY
from calibration_fields import Setting, settings, simulate
from calibration_real import known, redrawn
from calibration_sets import Known, numbers

from spatialstats.stats.confidence_boundary import (
    boundary_residuals,
    field_of,
    largest_deviations,
    quantile_of,
)
from spatialstats.stats.confidence_result import Drawn

CONFIDENCE = 0.95
DRAWS: tuple[Drawn, ...] = ("images", "signs")
SEED = 20261125
"""Not that of the calibration: these are maps of their own."""


def misses(case: Known, seed: int) -> tuple[float, float]:
    """Whether sets by resampled images and by random signs miss the truth; NaN without a boundary."""
    shape = case.truth.shape
    field = field_of(case.maps.reshape(len(case.maps), -1), case.c)
    residuals, counts = boundary_residuals((field,), shape)
    if not counts.size:
        return np.nan, np.nan
    found = []
    for drawn in DRAWS:
        draws = largest_deviations(residuals, counts, seed, MANY, None, drawn=drawn)
        distance, q = field.distance.reshape(shape), quantile_of(draws, CONFIDENCE)
        holds = ((distance >= q) <= case.truth).all() and (case.truth <= (distance >= -q)).all()
        found.append(float(not holds))
    return found[0], found[1]


def shares(case: Callable[[int], Known], n: int) -> np.ndarray:
    """float64 (2,): shares of n simulations that are missed."""
    return np.asarray(np.nanmean([misses(case(number), number) for number in range(n)], axis=0))


def simulated(setting: Setting, number: int) -> Known:
    """Maps of a setting."""
    return numbers(simulate(setting, SEED, 0, number))


def drawn_from(held: dict[str, np.ndarray], number: int) -> Known:
    """Attack maps of images drawn out of those of a file."""
    return known(held, redrawn(held, np.random.default_rng((SEED, 1, number))))


def main() -> None:
    parser = argparse.ArgumentParser(description="Confidence sets by resampled images and by random signs.")
    parser.add_argument("--maps", type=Path, help="real maps too, of analysis/calibration_maps.py")
    parser.add_argument(
        "--n", type=int, default=200, help="simulations of a setting; 5 times that of real maps"
    )
    given = parser.parse_args()
    print("| maps | sets | images resampled | random signs | worst setting, images | worst setting, signs |")
    print("|---|---|---|---|---|---|")
    for skewness, name in ((0.0, "normal values"), (1.0, "lognormal values")):
        alike = [setting for setting in settings() if setting.skewness == skewness]
        found = np.array([shares(partial(simulated, setting), given.n) for setting in alike])
        _line(f"{name}, {len(alike)} settings", given.n * len(alike), [*found.mean(0), *found.max(0)])
    if given.maps:
        with np.load(given.maps, allow_pickle=False) as stored:
            held = dict(stored)
        n = 5 * given.n
        _line("attack maps", n, list(shares(partial(drawn_from, held), n)))


def _line(name: str, n: int, rates: list[float]) -> None:
    cells = [f"{rate:.3f}".removeprefix("0") for rate in rates]
    print(f"| {' | '.join([name, f'{n:,}', *cells, *[''] * (4 - len(cells))])} |", flush=True)


if __name__ == "__main__":
    main()
