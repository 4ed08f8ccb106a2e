"""Images and labels from .npz, .npy and .pt files."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from spatialstats.data import load_dataset
from spatialstats.data.arrayfile import ArrayFile
from spatialstats.errors import InputError

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (6, 3, 8, 9), np.uint8)
LABELS = np.array([0, 1, 2, 0, 1, 2])


class Bomb:
    """Whoever unpickles it runs code."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code ran')",))


def npz(**arrays: Any) -> str:
    np.savez("data.npz", **arrays)
    return "data.npz"


@pytest.mark.parametrize("keys", [("images", "labels"), ("x", "y"), ("X", "Y")])
def test_an_npz_is_read(keys: tuple[str, str]) -> None:
    data = load_dataset(npz(**dict(zip(keys, (PIXELS, LABELS), strict=True))))
    assert np.array_equal(data.read(np.arange(6)), PIXELS.astype(np.float32) / np.float32(255))
    assert (data.labels.tolist(), data.classes, data.bundled_model) == (
        LABELS.tolist(),
        ("0", "1", "2"),
        None,
    )
    assert data.notes == ()


def test_a_pair_of_npy_files_is_read() -> None:
    np.save("images.npy", PIXELS)
    np.save("labels.npy", LABELS.astype(float)[:, None])
    assert load_dataset("images.npy,labels.npy").labels.tolist() == LABELS.tolist()
    assert load_dataset("images.npy", labels="labels.npy").shape == (3, 8, 9)
    with pytest.raises(InputError, match=r"images.npy must hold labels .* by --labels"):
        load_dataset("images.npy")


def test_files_are_mapped_rather_than_loaded() -> None:
    np.save("x.npy", PIXELS)
    assert isinstance(ArrayFile(Path("x.npy")).get(""), np.memmap)
    mapped = ArrayFile(Path(npz(x=PIXELS, columns=np.asfortranarray(PIXELS)))).get("x")
    assert isinstance(mapped, np.memmap)
    assert np.array_equal(mapped, PIXELS)
    assert np.array_equal(ArrayFile(Path("data.npz")).get("columns"), PIXELS)
    np.savez_compressed("packed.npz", x=PIXELS)
    assert np.array_equal(ArrayFile(Path("packed.npz")).get("x"), PIXELS)


def test_class_names_in_the_file_are_used() -> None:
    assert load_dataset(npz(x=PIXELS, y=LABELS, classes=np.array(["a", "b", "c", "d"]))).classes == tuple(
        "abcd"
    )
    with pytest.raises(InputError, match=r"labels must lie in 0..1, got 2 at row 2 \(2 rows"):
        load_dataset(npz(x=PIXELS, y=LABELS, classes=np.array(["a", "b"])))


@pytest.mark.parametrize("channels", [1, 3])
def test_channels_in_the_last_place_are_moved_with_a_note(channels: int) -> None:
    last = PIXELS[:, :channels].transpose(0, 2, 3, 1)
    data = load_dataset(npz(x=last, y=LABELS))
    assert data.shape == (channels, 8, 9)
    assert np.array_equal(np.rint(data.read([4])[0] * 255), PIXELS[4, :channels])
    assert "channels last" in data.notes[0]


def test_an_ambiguous_layout_is_taken_as_it_is() -> None:
    data = load_dataset(npz(x=PIXELS[:, :, :, :3], y=LABELS))
    assert (data.shape, data.notes) == ((3, 8, 3), ())


def test_grey_images_without_channels_get_one() -> None:
    data = load_dataset(npz(x=PIXELS[:, 0], y=LABELS))
    assert data.shape == (1, 8, 9)
    assert "grey" in data.notes[0]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.dtype(">f4")])
def test_floats_are_read_and_rounding_beyond_the_ends_is_clipped(dtype: Any) -> None:
    images = (PIXELS / 255).astype(dtype)
    images[0, 0, 0, :2] = (-1e-6, 1 + 1e-6)
    read = load_dataset(npz(x=images, y=LABELS)).read(np.arange(6))
    assert (read.dtype, read.min() >= 0, read.max() <= 1) == (np.float32, True, True)
    assert np.abs(read - PIXELS / 255)[1:].max() < (1e-3 if dtype is np.float16 else 1e-7)


def test_normalised_images_are_refused_with_what_to_do() -> None:
    images = RNG.uniform(-2.12, 2.64, (6, 4, 8, 9)).astype(np.float32)
    images[0, 0, 0, :2] = (-2.12, 2.64)
    with pytest.raises(
        InputError,
        match=r"^images must lie in \[0, 1\], got \[-2.12, 2.64\]: pass unnormalised images "
        r"and give mean and std to Classifier$",
    ):
        load_dataset(npz(x=images, y=LABELS))


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (PIXELS.astype(np.float32), r"got \[0, 255\]: divide them by 255"),
        (PIXELS / 240 - 0.02, r"clip them to \[0, 1\]"),
        (np.where(PIXELS[2, 1, 3, 3] == PIXELS, np.nan, 0.5), "the first is row 2|the first is row [01]"),
        (PIXELS.astype(np.int64), "must be uint8, or float in .* got int64"),
        (PIXELS.astype(bool), "got bool"),
        (PIXELS.reshape(6, -1), r"must be \(N, C, H, W\), got shape \(6, 216\)"),
        (PIXELS[:0], "at least one image"),
        (RNG.integers(0, 9, (6, 9, 8, 4), np.uint8), "with 1 or 3 channels"),
    ],
)
def test_images_that_are_none_are_refused(images: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_dataset(npz(x=images, y=LABELS))


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (LABELS[:5], "got 5 labels for 6 images"),
        (LABELS - 1, "must lie in 0..99999, got -1 at row 0"),
        (LABELS * 10**9, "got 1000000000 at row 1"),
        (LABELS + 0.5, "whole numbers, got 0.5 at row 0"),
        (np.full(6, np.nan), "whole numbers, got nan"),
        (np.eye(3)[LABELS], "argmax"),
        (np.array(list("abcabc")), "number the classes from 0"),
    ],
)
def test_labels_that_are_none_are_refused(labels: np.ndarray, says: str) -> None:
    with pytest.raises(InputError, match=says):
        load_dataset(npz(x=PIXELS, y=labels))


def test_missing_arrays_are_named() -> None:
    with pytest.raises(InputError, match=r"must hold images under one of images, x, .* got pictures"):
        load_dataset(npz(pictures=PIXELS))
    with pytest.raises(InputError, match=r"must hold labels under one of labels, y, .* got x"):
        load_dataset(npz(x=PIXELS))


def test_pickled_objects_are_never_loaded() -> None:
    bomb = np.array([Bomb()] * 6, object)
    for spec in (npz(x=bomb, y=LABELS), npz(x=PIXELS, y=bomb)):
        with pytest.raises(InputError, match="truncated or holds Python objects"):
            load_dataset(spec)
    np.save("bomb.npy", bomb)
    with pytest.raises(InputError, match="truncated or holds Python objects"):
        load_dataset("bomb.npy")
    torch.save({"x": torch.from_numpy(PIXELS), "y": Bomb()}, "bomb.pt")
    with pytest.raises(InputError, match=r"torch.load\(weights_only=True\) refuses it"):
        load_dataset("bomb.pt")
    Path("raw.pt").write_bytes(pickle.dumps(Bomb()))
    with pytest.raises(InputError, match="refuses it"):
        load_dataset("raw.pt")


@pytest.mark.parametrize("name", ["data.npz", "packed.npz", "x.npy", "x.pt"])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.95])
def test_truncated_files_give_one_sentence(name: str, kept: float) -> None:
    noise = RNG.integers(0, 256, (6, 3, 20, 20), np.uint8)
    npz(x=noise, y=LABELS)
    np.savez_compressed("packed.npz", x=noise, y=LABELS)
    np.save("x.npy", noise)
    torch.save({"x": torch.from_numpy(noise), "y": torch.from_numpy(LABELS)}, "x.pt")
    np.save("y.npy", LABELS)
    whole = Path(name).read_bytes()
    Path(name).write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(InputError, match=r"must hold plain arrays.*save it anew$"):
        load_dataset(name, labels="y.npy")


def test_what_is_not_there_is_said_with_the_nearest_name() -> None:
    with pytest.raises(
        InputError, match=r"did you mean 'cifar10'\?.* Nor is there a file or folder 'cifr10'"
    ):
        load_dataset("cifr10")
    with pytest.raises(InputError, match=r"there is no file none.npz"):
        load_dataset("none.npz")
    Path("notes.txt").write_text("x")
    with pytest.raises(InputError, match=r"must be a folder of images or end in .npz"):
        load_dataset("notes.txt")


@pytest.mark.parametrize(
    ("spec", "options", "says"),
    [
        ("data.npz", {"split": "test"}, "--split is for cifar10 and fashion-mnist"),
        ("data.npz", {"size": 4}, "are 9x8 pixels, got --size 4"),
        ("cifar10", {"size": 64}, "--size resizes folders"),
        ("cifar10", {"labels": "y.npy"}, "has its own labels"),
        ("cifar10", {"split": "tset"}, "did you mean 'test'"),
    ],
)
def test_options_that_do_not_fit_are_refused(spec: str, options: dict[str, Any], says: str) -> None:
    npz(x=PIXELS, y=LABELS)
    with pytest.raises(InputError, match=says):
        load_dataset(spec, **options)
