"""What `bench_kernels.py` times: the density pass, against NumPy written plainly and in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from bench_kernels_cases import Array, Case, Peer, equal

from spatialstats import kernels
from spatialstats.data.cifar import load_cifar10

LEVEL = 4.25 / 255
"""Threshold of the exceedance: between two steps of uint8, so that no float is a tie."""


def pairs_of_images(n: int, side: int, dtype: type) -> tuple[Array, Array, Array]:
    """CIFAR test images, enlarged to `side`, the same within 8/255 of them, and their classes."""
    images, labels = load_cifar10("test")
    clean = np.repeat(np.repeat(images[:n], side // 32, axis=2), side // 32, axis=3)
    rng = np.random.default_rng(0)
    moved = clean + rng.integers(-8, 9, clean.shape, dtype=np.int16)
    adversarial = np.clip(moved, 0, 255).astype(np.uint8)
    if dtype != np.uint8:
        return (
            (clean / np.float32(255)).astype(dtype),
            (adversarial / np.float32(255)).astype(dtype),
            labels[:n],
        )
    return np.ascontiguousarray(clean), adversarial, labels[:n]


def difference(clean: Array, adversarial: Array) -> tuple[Array, Array, float]:
    """The perturbation, its size, and the threshold, in the narrowest type that holds them."""
    if clean.dtype == np.uint8:
        delta: Array = adversarial.astype(np.int16) - clean
        return delta, np.abs(delta), 4
    delta = adversarial - clean
    return delta, np.abs(delta), np.float32(LEVEL)  # type: ignore[return-value]


def five_maps(delta: Array, size: Array, level: float) -> tuple[Array, ...]:
    """Count above a level, sum, sum of sizes, sum of squares, largest size."""
    squares = np.square(delta.astype(np.float32, copy=False)).sum(0)
    return (size > level).sum(0), delta.sum(0), size.sum(0), squares, size.max(0)


def plain_numpy(clean: Array, adversarial: Array, labels: Array) -> list[Array]:
    """Whole arrays at once: one expression a map, as it is written first.  (5, 10, C, H, W), (5, C, H, W)."""
    delta, size, level = difference(clean, adversarial)
    own = [five_maps(delta[labels == k], size[labels == k], level) for k in range(10)]
    return [*map(np.stack, zip(*own, strict=True)), *five_maps(delta, size, level)]


def chunked_numpy(clean: Array, adversarial: Array, labels: Array, chunk: int) -> list[Array]:
    """Chunks of one class that stay in the cache; the whole is made of the classes."""
    order = np.argsort(labels, kind="stable")
    sums = np.int32 if clean.dtype == np.uint8 else np.float32
    count, total, sizes, square, most = (np.zeros((10, *clean.shape[1:])) for _ in range(5))
    ends = np.cumsum(np.bincount(labels, minlength=10))
    for k, end in enumerate(ends):
        for begin in range(ends[k - 1] if k else 0, end, chunk):
            rows = order[begin : min(begin + chunk, end)]
            delta, size, level = difference(clean[rows], adversarial[rows])
            floats = delta.astype(np.float32, copy=False)
            count[k] += np.count_nonzero(size > level, axis=0)
            total[k] += delta.sum(0, dtype=sums)
            sizes[k] += size.sum(0, dtype=sums)
            square[k] += np.einsum("n...,n...->...", floats, floats)
            np.maximum(most[k], size.max(0), out=most[k])
    own = [count, total, sizes, square, most]
    return [*own, *(part.sum(0) for part in own[:4]), most.max(0)]


def density_values(ours: Any, theirs: list[Array]) -> str:
    """Counts must be equal; sums too for uint8, else as good as float32 sums are."""
    worst = 0.0
    for at, moments in enumerate(ours):
        count, total, sizes, square, most = (
            part.reshape(moments.positive.shape) for part in theirs[5 * at : 5 * at + 5]
        )
        unit = float(moments.steps) if moments.steps != 255 else 1.0
        equal(moments.exceeded[0], count)
        squares = (moments.square_high * 2.0**48 + moments.square_low) / unit**2
        largest = np.maximum(moments.maximum, -moments.minimum) * (255 if moments.steps == 255 else 1)
        for mine, other in (
            ((moments.positive - moments.negative) / unit, total),
            ((moments.positive + moments.negative) / unit, sizes), (squares, square), (largest, most),
        ):  # fmt: skip
            worst = max(worst, np.abs(mine - other).max() / np.abs(other).max())
    if worst > (1e-6 if ours[0].steps == 255 else 1e-4):
        raise AssertionError(f"sums differ by {worst:.2g} of the largest")
    return f"counts equal, float32 sums to {worst:.0e}" if worst > 1e-12 else "equal"


def density_case(
    n: int, side: int, dtype: type, goals: tuple[float, float], chunk: int, read_goal: float | None = None
) -> Case:
    clean, adversarial, labels = pairs_of_images(n, side, dtype)

    def ours(x: Array, y: Array, groups: Array) -> Any:
        found = kernels.density_pairs(x, y, groups, 10, thresholds=(LEVEL,), channels="keep")
        return found, found.pool(np.zeros(10, np.int64))

    data = clean, adversarial, labels
    peers = [
        Peer("NumPy", lambda: plain_numpy(*data), density_values, goals[0]),
        Peer(f"NumPy, {chunk} at a time", lambda: chunked_numpy(*data, chunk), density_values, goals[1]),
    ]
    job = f"density per class, {n:,} pairs {side}x{side} {np.dtype(dtype).name}"
    return Case(job, data, ours, peers, out=11 * 3 * side * side * 48, read_goal=read_goal)


def cases(quick: bool) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Names of the jobs, and what makes their data."""
    many, few = (500, 60) if quick else (10_000, 200)
    f32, u8 = np.float32, np.uint8
    yield "density-cifar-float32", partial(density_case, many, 32, f32, (28, 5), 256, 0.5)
    yield "density-cifar-uint8", partial(density_case, many, 32, u8, (45, 1), 256)
    yield "density-224-float32", partial(density_case, few, 224, f32, (20, 1), 8)
    yield "density-224-uint8", partial(density_case, few, 224, u8, (40, 1), 8)
