"""How fast `density_pairs` reads on the device, beside a plain copy there."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spatialstats import kernels
from spatialstats.kernels import device

N_PAIRS = 50_000
REPEATS = 10


def density_against_copy() -> dict[str, float]:
    """Gigabytes a second: what `density_pairs` reads of uint8 CIFAR pairs, and what a copy moves."""
    cupy = device.namespace()
    # as large as memory allows with room to spare: two stacks of pairs, and the copy's target
    sample = 3 * 32 * 32
    n = min(N_PAIRS, int(cupy.cuda.Device().mem_info[0] // (8 * sample)))
    clean = cupy.random.randint(0, 256, (n, 3, 32, 32), dtype=np.uint8)
    adversarial = cupy.roll(clean, 1)
    groups = cupy.arange(n) % 10
    target = cupy.empty_like(clean)
    density = _seconds(lambda: kernels.density_pairs(clean, adversarial, groups, 10, thresholds=(8 / 255,)))
    copy = _seconds(lambda: cupy.copyto(target, clean))
    moved = 2 * clean.nbytes / 1e9
    return {"density": moved / density, "copy": moved / copy}


def _seconds(work: Callable[[], Any]) -> float:
    """The shortest of several runs, after one to compile."""
    cupy = device.namespace()
    work()
    taken: list[float] = []
    for _ in range(REPEATS):
        begin, end = cupy.cuda.Event(), cupy.cuda.Event()
        begin.record()
        work()
        end.record()
        end.synchronize()
        taken.append(float(cupy.cuda.get_elapsed_time(begin, end)) / 1000)
    return min(taken)
