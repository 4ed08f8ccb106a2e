"""The images that come with the package."""

from __future__ import annotations

import hashlib
import json
from importlib.resources import files

import numpy as np
import pytest

from spatialstats.data import load_dataset
from spatialstats.data.cifar import CLASSES, from_sheet, load_embedded, to_sheet

FOLDER = files("spatialstats.data") / "embedded"


def test_there_are_a_hundred_images_of_each_class_in_the_original_order() -> None:
    images, labels, indices = load_embedded()
    assert images.shape == (1000, 3, 32, 32)
    assert images.dtype == np.uint8
    assert np.array_equal(np.bincount(labels), np.full(10, 100))
    assert (np.diff(indices) > 0).all()
    assert indices[-1] < 10_000
    assert labels[:10].tolist() == [3, 8, 8, 0, 6, 6, 1, 6, 3, 1]  # as in every copy of the test set


def test_the_pixels_are_those_that_were_embedded_and_their_source_is_credited() -> None:
    about = json.loads((FOLDER / "cifar10_test_1000.json").read_text())
    assert hashlib.sha256(load_embedded()[0].data).hexdigest() == about["sha256"]
    assert "Krizhevsky (2009)" in about["credit"]
    assert len((FOLDER / about["file"]).read_bytes()) <= 2_600_000


def test_the_data_set_names_its_model_and_reads_floats() -> None:
    data = load_dataset("cifar10")
    assert (data.bundled_model, data.classes, data.shape) == ("cifar10-0", CLASSES, (3, 32, 32))
    read = data.read([5, 0])
    assert read.dtype == np.float32
    assert np.array_equal(np.rint(read * 255).astype(np.uint8), load_embedded()[0][[5, 0]])
    assert "--split test" in data.notes[0]


def test_a_sheet_gives_its_images_back() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 3, 32, 32), np.uint8)
    assert np.array_equal(from_sheet(to_sheet(images, 4), 12), images)
    with pytest.raises(ValueError, match="a sheet of 11 images"):
        from_sheet(to_sheet(images, 4), 11)
