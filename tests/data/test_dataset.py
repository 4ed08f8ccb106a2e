"""Reading, drawing and telling apart."""

from __future__ import annotations

import numpy as np
import pytest

from spatialstats.data import Dataset, load_dataset
from spatialstats.errors import InputError


def made(n: int = 60, seed: int = 0) -> Dataset:
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.choice(3, n, p=[0.6, 0.3, 0.1]))
    return Dataset.from_arrays(rng.integers(0, 256, (n, 3, 4, 4), np.uint8), labels, classes=("a", "b", "c"))


def test_rows_are_read_in_the_order_asked_for() -> None:
    data = made()
    whole = data.read(np.arange(len(data)))
    assert np.array_equal(data.read([7, 2, 7]), whole[[7, 2, 7]])
    assert np.array_equal(data.read(data.labels == 2), whole[data.labels == 2])
    assert data.read([]).shape == (0, 3, 4, 4)
    assert data.read(3).shape == (1, 3, 4, 4)
    assert (whole.dtype, whole.min() >= 0, whole.max() <= 1) == (np.float32, True, True)


def test_take_keeps_the_shares_of_the_classes() -> None:
    data = load_dataset("cifar10")
    assert np.array_equal(np.bincount(data.take(50, 3).labels), np.full(10, 5))
    odd = np.bincount(data.take(57, 3).labels)
    assert odd.sum() == 57
    assert set(odd) == {5, 6}


def test_take_is_a_pure_function_of_its_seed() -> None:
    data = load_dataset("cifar10")
    first, again, other = data.take(100, 1), data.take(100, 1), data.take(100, 2)
    assert np.array_equal(first.indices, again.indices)
    assert not np.array_equal(first.indices, other.indices)
    assert set(first.indices) <= set(data.take(200, 1).indices)
    assert (np.diff(first.indices) > 0).all()


def test_a_view_reads_its_own_rows() -> None:
    data = load_dataset("cifar10")
    view = data.take(30, 0).take(20, 1)
    at = np.searchsorted(data.indices, view.indices)
    assert np.array_equal(view.read([0, 19]), data.read(at[[0, 19]]))
    assert view.digests() == [data.digests()[k] for k in at]
    assert view.digests([1]) == view.digests()[1:2]


def test_take_none_or_everything_is_the_set_itself() -> None:
    data = made()
    assert data.take(None, 0) is data
    assert data.take(len(data), 0) is data


@pytest.mark.parametrize("n", [0, -1, 61])
def test_more_images_than_there_are_cannot_be_taken(n: int) -> None:
    with pytest.raises(InputError, match=f"between 1 and the 60 of arrays, got {n}"):
        made().take(n)


def test_the_fingerprint_tells_images_labels_and_order_apart() -> None:
    data = made()
    pixels, labels = np.rint(data.read(np.arange(60)) * 255).astype(np.uint8), data.labels
    changed, relabelled = pixels.copy(), labels.copy()
    changed[3, 0, 0, 0] ^= 1
    relabelled[0] = 1
    names = ("a", "b", "c")
    prints = {
        Dataset.from_arrays(x, y, classes=names).fingerprint
        for x, y in [(pixels, labels), (changed, labels), (pixels, relabelled), (pixels[::-1], labels[::-1])]
    }
    assert len(prints) == 4
    assert Dataset.from_arrays(pixels, labels, classes=names, name="other").fingerprint == data.fingerprint


def test_the_layout_of_the_channels_does_not_change_a_digest() -> None:
    data = made()
    last = np.rint(data.read(np.arange(60)) * 255).astype(np.uint8).transpose(0, 2, 3, 1)
    assert Dataset.from_arrays(last, data.labels).digests() == data.digests()


def test_printing_a_set_does_not_print_its_arrays() -> None:
    assert len(repr(load_dataset("cifar10"))) < 500
