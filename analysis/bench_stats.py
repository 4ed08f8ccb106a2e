"""How long the statistics take at the sizes they are meant for, and whether memory grows with the draws.

    python analysis/bench_stats.py --docs     # the table, and into docs/speed.md
    python analysis/bench_stats.py --json out.json

Wall and processor seconds, medians of a few repeats after one that compiles; on a machine that is shared
the processor seconds are the ones to read: over the threads used they are what the wall would show alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
import tracemalloc
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import numba
import numpy as np
from docs_numbers import ROOT, markdown, write_numbers

from spatialstats import kernels
from spatialstats.stats import colocation_ladder, shift_test

PAGE, COMMAND = ROOT / "docs" / "speed.md", "python analysis/bench_stats.py --docs"
THREADS = 2


@dataclass(frozen=True)
class Timing:
    """One measured call."""

    what: str
    goal_s: float
    wall_s: float
    cpu_s: float

    @property
    def alone_s(self) -> float:
        """Processor seconds over the threads: the wall of an idle machine, at best."""
        return self.cpu_s / THREADS


def timed(what: str, goal: float, work: Callable[[], object], repeats: int) -> Timing:
    """Medians over repeats."""
    walls, cpus = [], []
    for _ in range(repeats):
        wall, cpu = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - wall)
        cpus.append(time.process_time() - cpu)
    return Timing(what, goal, statistics.median(walls), statistics.median(cpus))


def shifts(n: int, size: int, seed: int = 0) -> Callable[[], object]:
    """All toroidal shifts of pairs of maps."""
    rng = np.random.default_rng(seed)
    a, b = (rng.standard_normal((n, size, size), np.float32) for _ in range(2))
    return lambda: shift_test(a, b, n_resamples=0, workers=THREADS)


def ladder(n: int, models: int, n_resamples: int, seed: int = 0) -> Callable[[], object]:
    """The ladder of one attack and its noise, masks given, in ten classes."""
    rng = np.random.default_rng(seed)
    roi, *others, roa, noise = (
        kernels.pack(rng.random((n, 32, 32), np.float32) < density) for density in [0.3] * models + [0.2] * 2
    )
    classes = np.arange(n) % 10
    return lambda: colocation_ladder(
        roi, roa, 1024, others=others, noise=noise, classes=classes, n_resamples=n_resamples
    )


def peak(work: Callable[[], object]) -> float:
    """Largest memory held by arrays made in a call, MiB."""
    work()
    tracemalloc.start()
    work()
    held = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return held / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description="Times of the statistics at the sizes they are meant for.")
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help=f"write the numbers into docs/{PAGE.name}")
    given = parser.parse_args()
    numba.set_num_threads(min(THREADS, numba.get_num_threads()))
    shifts(64, 32)()
    ladder(200, 3, 10)()
    found = [
        timed("all toroidal shifts, 10,000 pairs 32x32", 1.0, shifts(10_000, 32), given.repeats),
        timed("all toroidal shifts, 1,000 pairs 224x224", 1.0, shifts(1_000, 224), given.repeats),
        timed(
            "ladder, 10,000 images x 3 models, 10,000 pairings", 30.0, ladder(10_000, 3, 10_000), 1
        ),  # one run: it takes a while
    ]
    memory = {draws: peak(ladder(2_000, 3, draws)) for draws in (100, 1_000, 10_000)}
    rows = [["", "goal, s", "wall, s", "processor, s", "processor over threads, s"]]
    for row in found:
        numbers = (f"{row.goal_s:g}", *(f"{took:.2f}" for took in (row.wall_s, row.cpu_s, row.alone_s)))
        rows.append([row.what, *numbers])
    held = ", ".join(f"{held:.1f} MiB at {draws:,} draws" for draws, held in memory.items())
    text = (
        f"{THREADS} threads, {os.cpu_count()} cores.\n\n{markdown(rows)}\n\n"
        f"Peak memory of the ladder, 2,000 images: {held}."
    )
    print(text)
    if given.docs:
        write_numbers(PAGE, COMMAND, text)
    if given.json:
        times = [asdict(row) for row in found]
        given.json.write_text(json.dumps({"times": times, "peak_mib": memory}, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
