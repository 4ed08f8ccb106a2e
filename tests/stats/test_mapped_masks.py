"""Packed masks that lie in a file: the same bits as in memory, and no copy of them all."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spatialstats.stats import colocation_ladder, control_effects, swap_test
from spatialstats.stats import lift as lifts
from spatialstats.stats.lift import Lift, areas, chosen

SIDE = 224
WORDS = SIDE * SIDE // 64


def write(path: Path, n: int, seed: int, words: int = WORDS) -> np.memmap[Any, Any]:
    """Packed masks of about half of the pixels, every 50th of them empty."""
    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for start in range(0, n, 100):
            part = rng.integers(0, 2**63, (min(100, n - start), words), dtype=np.uint64)
            part[0 if start % 50 == 0 else 1] = 0
            file.write(part.data)
    return np.memmap(path, np.uint64, "r", shape=(n, words))


def held(call: Callable[[], Any]) -> int:
    """The most bytes that NumPy and Python held for a call, beside what was there before."""
    tracemalloc.start()
    call()
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.fixture
def small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[np.ndarray, ...]:
    """Four stacks of masks of 16x16 pixels, all of whose selections go into files."""
    monkeypatch.setattr(lifts, "HELD", 0)
    monkeypatch.setattr(lifts, "BLOCK", 256)
    return tuple(write(tmp_path / f"{k}.masks", 120, k, 4) for k in range(4))


def test_tests_have_the_same_bits(small: tuple[np.ndarray, ...]) -> None:
    classes = np.arange(120) % 3

    def every(roi: np.ndarray, roa: np.ndarray, other: np.ndarray, noise: np.ndarray) -> list[Any]:
        ladder = colocation_ladder(
            roi, roa, 256, others=[other], noise=noise, classes=classes, n_resamples=99
        )
        return [
            swap_test(roi, roa, 256, n_resamples=99).to_dict(),
            ladder.to_dict(),
            control_effects(roi, roa, 256, edges=other, noise=noise).to_dict(),
        ]

    assert every(*small) == every(*(np.array(masks) for masks in small))


def test_selections_of_a_file_lie_in_a_file_and_leave_none(
    small: tuple[np.ndarray, ...], tmp_path: Path
) -> None:
    before = sorted(tmp_path.iterdir())
    rows = np.arange(3, 120, 2)
    part = chosen(small[0], rows)
    assert isinstance(part, np.memmap)
    assert np.array_equal(part, np.array(small[0])[rows])
    again = chosen(part, np.arange(5))  # a selection of a selection
    assert isinstance(again, np.memmap)
    assert np.array_equal(again, np.array(small[0])[rows[:5]])
    assert chosen(small[0], np.arange(120)) is small[0]
    assert sorted(tmp_path.iterdir()) == before


def test_selections_in_memory_stay_there() -> None:
    masks = np.arange(40, dtype=np.uint64).reshape(10, 4)
    part = chosen(masks, np.array([1, 4]))
    assert not isinstance(part, np.memmap)
    assert np.array_equal(part, masks[[1, 4]])
    assert len(areas(masks[:0])) == 0


def test_memory_is_flat_in_the_number_of_large_images(tmp_path: Path) -> None:
    """Bytes held by the sums of a swap test at 224 pixels: 600 images against 2,400 (15 MB of masks each)."""

    def peak(n: int) -> int:
        lift = Lift((write(tmp_path / f"a{n}", n, 1),), write(tmp_path / f"b{n}", n, 2), SIDE * SIDE)

        def call() -> None:
            rows = np.flatnonzero(lift.exists)
            assert 0 < len(rows) < n
            lift.at(rows).sums(squares=False)

        return held(call)

    few, many = peak(600), peak(2400)
    in_memory = 2 * 2400 * WORDS * 8
    assert many < 1.2 * few + 2400 * 200  # some numbers an image, no masks
    assert many < in_memory
