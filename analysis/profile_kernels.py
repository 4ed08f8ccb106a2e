"""Where the time of the kernels goes that fall short of a goal, or did: stage by stage, on one thread.

    python analysis/profile_kernels.py                     # a minute; rewrites its table in docs/kernels.md

Times are processor time, the shortest of several runs, so that a busy machine changes them little.  The
stages are the kernels' own functions.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal
from unittest import mock

import numba
import numpy as np

from spatialstats import kernels
from spatialstats.kernels import density_cpu, density_plan, t_maps_cpu
from spatialstats.kernels.autocorrelation_rows import copy, multiply
from spatialstats.kernels.shuffle_cpu import ROOM, shuffle
from spatialstats.kernels.t_maps import check_signs, prepare
from spatialstats.kernels.tfce_cpu import signed_levels
from spatialstats.kernels.tfce_order import by_level
from spatialstats.kernels.tfce_tree import grow, look

numba.set_num_threads(1)
PAGE = Path(__file__).resolve().parent.parent / "docs" / "kernels.md"
BEGIN, END = "<!-- profile: python analysis/profile_kernels.py -->", "<!-- end of profile -->"
STEP, LEVELS = 0.2, 64

Stage = tuple[str, float]
"""What is timed, and its milliseconds."""


def shortest(run: Callable[[], object], repeats: int = 9) -> float:
    """Processor time in milliseconds, after a first run that compiles."""
    run()
    best = np.inf
    for _ in range(repeats):
        start = time.process_time()
        run()
        best = min(best, time.process_time() - start)
    return 1e3 * float(best)


def added(steps: list[tuple[str, Callable[[], object]]]) -> Iterator[Stage]:
    """Each step does what those before it do, and one thing more: its time is what that adds."""
    before = 0.0
    for name, run in steps:
        now = shortest(run)
        yield name, now - before
        before = now


def density(n: int, side: int, dtype: type) -> Iterator[Stage]:
    """A pass over images in memory, over four that stay in the cache, and what no pass can save."""
    rng = np.random.default_rng(0)
    clean = rng.integers(0, 256, (n, 3, side, side), np.uint8)
    moved = np.clip(clean + rng.integers(-8, 9, clean.shape, np.int16), 0, 255)
    scale = dtype(1 if dtype == np.uint8 else 255)
    x, y = ((images / scale).astype(dtype) for images in (clean, moved))
    labels = rng.integers(0, 10, n)

    def whole(channels: Literal["pool", "keep"] = "keep") -> kernels.PixelMoments:
        return kernels.density_pairs(x, y, labels, 10, thresholds=[8 / 255], channels=channels)

    def over_four(*arguments: Any) -> Any:
        cut = density_plan.plan(*arguments)
        return dataclasses.replace(cut, order=cut.order % 4)

    size = sum(part.nbytes for part in whole().to_arrays().values())
    yield f"all, {size / 1e6:.1f} MB of output in memory that was used before", shortest(whole)
    with mock.patch.object(density_cpu, "plan", over_four):
        yield "the same, of four pairs that stay in the cache", shortest(whole)
        yield "of these, channels pooled: a third of the output", shortest(lambda: whole("pool"))
    kept: list[kernels.PixelMoments] = []
    yield "all, its output in new memory", shortest(lambda: kept.append(whole()), 3)
    images = [part.reshape(-1).view(np.uint64) for part in (x, y)]
    yield "reading the images alone, `numpy.max`", shortest(lambda: [part.max() for part in images])


@numba.njit
def _draws(
    n: int, stage: int, values: Any, fixed: Any, image: Any, held: Any, chosen: Any, sums: Any
) -> None:
    for k in range(n):
        copy(held, values)
        if stage > 0:
            shuffle(held, chosen, np.uint64(0), np.uint64(k))
        if stage > 1:
            multiply(image, fixed, sums)


def bivariate(side: int, n: int) -> Iterator[Stage]:
    """All there is to a draw."""
    rng = np.random.default_rng(0)
    values, fixed = rng.normal(size=side * side), rng.normal(size=(side, side))
    image = np.zeros(side * side + 2 * side)
    work = (values, fixed, image, image[side:-side], np.empty((2, ROOM), np.uint32), np.empty((2, side)))
    names = ("copying the map", "shuffling it", "multiplying and adding")
    yield from added([(name, partial(_draws, n, stage, *work)) for stage, name in enumerate(names)])


@numba.njit
def _trees(t: Any, width: int, stage: int, places: Any, level: Any, sign: Any, rank: Any, near: Any) -> None:
    order, parent, joined, area = places
    for k in range(len(t)):
        signed_levels(t[k], width, 0.0, STEP, LEVELS, False, True, True, level, sign)
        if stage > 0:
            n = by_level(level, LEVELS, order)
        if stage == 2:
            look(order[:n], sign, width + 1, 0, rank, near)
        if stage > 2:
            grow(order[:n], sign, width + 1, 0, rank, near, parent, joined, area)


def tfce_in_steps(maps: int, side: int, n: int) -> Iterator[Stage]:
    """From the signed sums to the largest score of each draw."""
    rng = np.random.default_rng(0)
    images = rng.normal(size=(maps, side, side)).astype(np.float32)
    signs = kernels.sign_flips(maps, 0, count=n)
    ready = prepare(images, "one-sample")
    shape = check_signs(images, signs, ready)

    def t_values() -> Any:
        return t_maps_cpu.t_values(ready.held, shape, signs, ready.pixels, None)

    t = t_values()
    framed = (side + 2) * (side + 1) + 1
    places = np.zeros((4, framed), np.uint32)
    rest = (*(np.zeros(framed, kind) for kind in (np.uint32, np.bool_, np.int32, np.uint8)),)
    names = (
        "levels of the pixels",
        "sorting by level",
        "which neighbours come first",
        "joining them: the component trees",
    )
    steps: list[tuple[str, Callable[[], object]]] = [
        (name, partial(_trees, t, side, stage, tuple(places), *rest)) for stage, name in enumerate(names)
    ]
    steps.append(
        ("scores, and the largest of each map", lambda: kernels.tfce_maxima(t.reshape(n, side, side)))
    )
    yield "t maps", shortest(t_values)
    yield from added(steps)


def main() -> None:
    """Profile the jobs and put the table between the marks."""
    jobs: dict[str, Iterator[Stage]] = {
        "density per class, 10,000 pairs 32x32 float32": density(10_000, 32, np.float32),
        "density per class, 200 pairs 224x224 float32": density(200, 224, np.float32),
        "density per class, 200 pairs 224x224 uint8": density(200, 224, np.uint8),
        "bivariate Moran, 224x224, 999 draws": bivariate(224, 999),
        "TFCE in steps, 100 maps 64x64, 999 draws": tfce_in_steps(100, 64, 999),
    }
    lines = ["| job | stage | ms, 1 thread |", "| --- | --- | --- |"]
    for job, found in jobs.items():
        for k, (name, ms) in enumerate(found):
            lines.append(f"| {'' if k else job} | {name} | {ms:.2f} |")
            print(lines[-1], flush=True)
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    _, _, after = rest.partition(END)
    if not after:
        raise SystemExit(f"{PAGE} lacks the marks {BEGIN} and {END}")
    table = "\n".join(lines)
    PAGE.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
