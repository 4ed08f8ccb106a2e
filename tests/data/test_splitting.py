"""Which split an image falls into depends on its content alone."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from spatialstats.data import SPLITS, load_dataset, splits
from spatialstats.data.splitting import digest
from spatialstats.errors import InputError

PINNED = [2, 0, 2, 1, 1, 2, 0, 0, 2, 2, 2, 2, 2, 0, 0, 1]
DIGESTS = [digest(bytes([k % 256, k // 256])) for k in range(20_000)]


def test_splits_are_pinned() -> None:
    """Published runs refer to these: they may never change."""
    assert SPLITS == ("locate", "choose", "report")
    assert splits(DIGESTS[:16]).tolist() == PINNED


def test_another_process_gets_the_same_splits() -> None:
    code = (
        "from spatialstats.data import splits; from spatialstats.data.splitting import digest;"
        "print(splits([digest(bytes([k, 0])) for k in range(16)]).tolist())"
    )
    env = {"PYTHONHASHSEED": "77", "PYTHONPATH": ":".join(p for p in sys.path if p)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(PINNED)


def test_an_image_keeps_its_split_when_others_come_go_or_move() -> None:
    whole = splits(DIGESTS[:1000])
    order = np.random.default_rng(1).permutation(1000)[:400]
    assert np.array_equal(splits([DIGESTS[k] for k in order]), whole[order])


def test_duplicates_land_together() -> None:
    data = load_dataset("cifar10")
    twice = data.subset(np.repeat(np.arange(50), 2))
    found = splits(twice.digests())
    assert np.array_equal(found[::2], found[1::2])


@pytest.mark.parametrize("fractions", [(0.25, 0.15, 0.6), (0.1, 0.1, 0.8), (0.0, 0.5, 0.5)])
def test_the_shares_are_those_asked_for(fractions: tuple[float, float, float]) -> None:
    seen = np.bincount(splits(DIGESTS, fractions), minlength=3) / len(DIGESTS)
    assert np.abs(seen - fractions).max() < 4 * np.sqrt(0.25 / len(DIGESTS))


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (-0.1, 0.5, 0.6), (0.5, 0.5)])
def test_impossible_fractions_are_refused(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="three non-negative numbers with sum 1"):
        splits(DIGESTS[:3], fractions)


def test_no_images_give_no_splits() -> None:
    assert splits([]).shape == (0,)
