"""Folders of class folders of images."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from spatialstats.data import load_dataset, splits
from spatialstats.errors import InputError

RNG = np.random.default_rng(0)


def picture(path: str, height: int = 8, width: int = 8, mode: str = "RGB") -> np.ndarray:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pixels = RNG.integers(0, 256, (height, width, 3), np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    image.save(path)
    return np.asarray(image.convert("RGB")).transpose(2, 0, 1)


def test_class_folders_are_numbered_in_sorted_order() -> None:
    dog, cat1, cat0 = picture("set/dog/a.png"), picture("set/cat/b.png"), picture("set/cat/a.png")
    picture("set/.hidden/a.png")
    Path("set/readme.txt").write_text("x")
    data = load_dataset("set")
    assert (data.classes, data.labels.tolist(), data.shape) == (("cat", "dog"), [0, 0, 1], (3, 8, 8))
    assert np.array_equal(np.rint(data.read([0, 1, 2]) * 255), np.stack([cat0, cat1, dog]))
    assert data.notes == ()
    assert data.bundled_model is None


def test_other_modes_and_deeper_folders_are_read_as_rgb() -> None:
    for k, mode in enumerate(("L", "RGBA", "P", "1")):
        wanted = picture(f"set/a/deep/{k}.png", mode=mode)
        assert np.array_equal(np.rint(load_dataset("set").read([k])[0] * 255), wanted)


@pytest.mark.parametrize(("height", "width"), [(20, 31), (31, 20), (5, 9), (12, 12)])
def test_size_resizes_the_shorter_side_and_crops_the_centre(height: int, width: int) -> None:
    ramp = np.broadcast_to(np.linspace(0, 255, width), (height, width)).astype(np.uint8)
    Path("set/a").mkdir(parents=True)
    Image.fromarray(ramp).save("set/a/ramp.png")
    picture("set/b/other.png", 40, 40)
    data = load_dataset("set", size=12)
    assert data.shape == (3, 12, 12)
    row = data.read([0])[0, 0, 6]
    assert (np.diff(row) > -0.005).all()
    assert row.mean() == pytest.approx(0.5, abs=0.03)  # the crop is centred
    if height == width:
        assert np.array_equal(np.rint(row * 255), ramp[6])


def test_bicubic_is_what_pillow_does() -> None:
    wanted = picture("set/a/x.png", 24, 24)
    resized = Image.fromarray(wanted.transpose(1, 2, 0)).resize((12, 12), Image.Resampling.BICUBIC)
    read = np.rint(load_dataset("set", size=12).read([0])[0] * 255).transpose(1, 2, 0)
    assert np.array_equal(read, np.asarray(resized))


def test_sizes_that_differ_need_a_size() -> None:
    picture("set/a/x.png", 8, 8)
    picture("set/a/y.png", 9, 8)
    with pytest.raises(InputError, match=r"got 2 sizes \(8x8, 8x9, ...\): give --size"):
        load_dataset("set")
    with pytest.raises(InputError, match="at least 1 pixel, got 0"):
        load_dataset("set", size=0)


def test_empty_folders_are_refused() -> None:
    Path("set").mkdir()
    with pytest.raises(InputError, match="one folder of images a class, got no folder"):
        load_dataset("set")
    picture("set/loose.png")
    with pytest.raises(InputError, match="got 1 images and no folder"):
        load_dataset("set")
    Path("set/empty").mkdir()
    with pytest.raises(InputError, match=r"got none in set.empty .*: remove that folder or fill it"):
        load_dataset("set")


def test_files_that_cannot_be_read_are_named() -> None:
    picture("set/a/good.png")
    Path("set/a/bad.png").write_bytes(b"no image")
    with pytest.raises(InputError, match=r"the image set.a.bad.png cannot be read"):
        load_dataset("set")


def test_a_truncated_file_is_named_when_it_is_read() -> None:
    picture("set/a/cut.png", 64, 64)
    path = Path("set/a/cut.png")
    path.write_bytes(path.read_bytes()[:6000])
    data = load_dataset("set")
    with pytest.raises(
        InputError, match=r"the image set.a.cut.png cannot be read \(.*\): replace or remove it"
    ):
        data.read([0])


def test_sixteen_bits_a_channel_are_refused() -> None:
    Path("set/a").mkdir(parents=True)
    Image.fromarray(np.full((4, 4), 40_000, np.uint16)).save("set/a/deep.png")
    with pytest.raises(InputError, match=r"deep.png must have 8 bits a channel"):
        load_dataset("set")


def test_copies_of_a_file_fall_into_one_split() -> None:
    for k in range(20):
        picture(f"set/a/{k}.png")
        (copy := Path(f"set/b/{k}.png")).parent.mkdir(exist_ok=True)
        copy.write_bytes(Path(f"set/a/{k}.png").read_bytes())
    found = splits(load_dataset("set").digests()).reshape(2, 20)
    assert np.array_equal(found[0], found[1])


def test_numbers_as_names_are_pointed_out_when_their_order_is_not_numeric() -> None:
    for name in ("0", "2", "10"):
        picture(f"set/{name}/x.png")
    data = load_dataset("set")
    assert data.classes == ("0", "10", "2")
    assert "sorted as text" in data.notes[0]


def test_a_file_may_give_the_order_of_the_classes() -> None:
    for name in ("cat", "dog"):
        picture(f"set/{name}/x.png")
    Path("set/classes.txt").write_text("frog\ndog\ncat\n")
    data = load_dataset("set")
    assert (data.classes, data.labels.tolist()) == (("frog", "dog", "cat"), [1, 2])
    Path("set/classes.txt").write_text("dog\n")
    with pytest.raises(InputError, match="got no line for 'cat'"):
        load_dataset("set")
