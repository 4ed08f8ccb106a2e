"""The places Fashion-MNIST comes from: local idx files, the official files."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np

from spatialstats.data.cache import Parts
from spatialstats.data.idx import parse_idx, read_idx_bytes
from spatialstats.data.source import Report, Source, download, search_roots
from spatialstats.errors import InputError

URL = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/"  # Xiao et al. 2017, their README
_FILES = {"train": ("train-images-idx3-ubyte", "train-labels-idx1-ubyte"),
          "test": ("t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")}  # fmt: skip
_MD5 = {  # of the official .gz files
    "train-images-idx3-ubyte": "8d4fb7e6c68d591d4c3dfef9ec88bf0d",
    "train-labels-idx1-ubyte": "25c81989df183df01b3e8a0aad5dffbe",
    "t10k-images-idx3-ubyte": "bef4ecab320f06d8554ea6380940ec79",
    "t10k-labels-idx1-ubyte": "bb300cfdad3c16e7a12a480ee83cd310",
}
SHA256 = {  # of the decompressed files: the digits of MNIST come under the same names
    "train-images-idx3-ubyte": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    "train-labels-idx1-ubyte": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
    "t10k-images-idx3-ubyte": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    "t10k-labels-idx1-ubyte": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
}
_INNER = ("FashionMNIST/raw", "fashion-mnist", "fashion_mnist", "fashion", "raw", "")


def read_folder(folder: Path) -> Parts:
    """Both splits from a folder of the four idx files, plain or ``.gz``, by their known content."""
    parts = {}
    for split, names in _FILES.items():
        arrays = []
        for name, ndim in zip(names, (3, 1), strict=True):
            path = folder / name if (folder / name).is_file() else folder / f"{name}.gz"
            content = read_idx_bytes(path)
            array = parse_idx(content, str(path), ndim)
            if hashlib.sha256(content).hexdigest() != SHA256[name]:
                raise InputError(
                    f"{path} is not Fashion-MNIST (its SHA-256 differs; the digits of MNIST have the same "
                    "file names)"
                )
            arrays.append(array)
        images, labels = arrays
        if len(images) != len(labels):
            raise InputError(f"{folder} holds {len(images):,} {split} images but {len(labels):,} labels")
        parts[split] = (np.ascontiguousarray(images)[:, None], labels.astype(np.int64))
    return parts


def _local(report: Report, cache: Path) -> tuple[Parts, str]:
    roots = search_roots(cache)
    broken = []
    for root in roots:
        for inner in _INNER:
            place = root / inner
            first = place / _FILES["test"][0]
            if not (first.is_file() or first.with_name(first.name + ".gz").is_file()):
                continue
            try:
                return read_folder(place), str(place)
            except InputError as error:
                report(f"Passed over {place}: {error}")
                broken.append(str(error))
    if broken:
        raise InputError("; ".join(broken))
    raise InputError(
        "no idx files such as t10k-images-idx3-ubyte.gz in " + ", ".join(map(str, roots))
        + " or their folders FashionMNIST/raw and fashion-mnist (Debian: apt install dataset-fashion-mnist)"
    )  # fmt: skip


def _official(report: Report, cache: Path) -> tuple[Parts, str]:
    with tempfile.TemporaryDirectory(prefix="spatialstats-") as work:
        for name, md5 in _MD5.items():
            download(f"{URL}{name}.gz", Path(work) / f"{name}.gz", md5, report)
        return read_folder(Path(work)), URL


SOURCES = (Source("a local copy", _local), Source("the official files", _official))
