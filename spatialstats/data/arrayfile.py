"""Named arrays from ``.npz``, ``.npy`` and ``.pt`` files, memory-mapped where possible, running no code."""

from __future__ import annotations

import struct
import warnings
import zipfile
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

Array = npt.NDArray[Any]
SUFFIXES = (".npz", ".npy", ".pt", ".pth")
BARE = ""  # the name of the array in a file that holds one array without a name


class ArrayFile:
    """The named arrays of one file; each is read when it is asked for.

    ``.npy`` files and the uncompressed members of ``.npz`` files are memory-mapped; ``.pt`` and
    ``.pth`` files are loaded with ``weights_only=True`` and mapped where their format allows.

    Parameters
    ----------
    path : Path
        A file that ends in ``.npz``, ``.npy``, ``.pt`` or ``.pth``.

    Raises
    ------
    InputError
        If the file is missing, truncated, of another kind, or would need pickled objects.
    """

    def __init__(self, path: Path) -> None:
        if path.suffix.lower() not in SUFFIXES:
            raise InputError(f"arrays must come as {', '.join(SUFFIXES)}, got {path}: convert the file")
        if not path.is_file():
            raise InputError(f"there is no file {path}: check the path")
        self.path = path
        self._arrays: dict[str, Array] = {}
        self._members: dict[str, zipfile.ZipInfo] = {}
        try:
            if path.suffix.lower() == ".npz":
                with zipfile.ZipFile(path) as archive:
                    members = [m for m in archive.infolist() if m.filename.endswith(".npy")]
                self._members = {m.filename.removesuffix(".npy"): m for m in members}
            elif path.suffix.lower() == ".npy":
                self._arrays = {BARE: np.load(path, mmap_mode="r", allow_pickle=False)}
            else:
                self._arrays = _torch_arrays(path)
        except (OSError, ValueError, EOFError, zipfile.BadZipFile) as error:
            raise self._unreadable(error) from error

    def _unreadable(self, error: Exception) -> InputError:
        return InputError(
            f"{self.path} must hold plain arrays, but {error}: it is truncated or holds Python objects, save "
            "it anew"
        )

    @property
    def names(self) -> list[str]:
        """Names of the arrays; `BARE` for the only one of a file that names none."""
        return [*self._arrays, *self._members]

    def find(self, wanted: Iterable[str]) -> str | None:
        """The first of the `wanted` names that the file holds, whatever its case."""
        held = {name.lower(): name for name in self.names}
        return next((held[name] for name in wanted if name in held), None)

    def get(self, name: str) -> Array:
        """The array `name`.

        Raises
        ------
        InputError
            If it is truncated or holds Python objects.
        """
        if name not in self._arrays:
            try:
                self._arrays[name] = self._member(name)
            except (OSError, ValueError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
                raise self._unreadable(error) from error
        return self._arrays[name]

    def _member(self, name: str) -> Array:
        info = self._members[name]
        if info.compress_type == zipfile.ZIP_STORED:
            mapped = _map_member(self.path, info)
            if mapped is not None:
                return mapped
        with np.load(self.path, allow_pickle=False) as archive:
            return np.asarray(archive[name])


def _map_member(path: Path, info: zipfile.ZipInfo) -> Array | None:
    """Map an uncompressed member where it lies in the archive; None when it is no plain array."""
    with path.open("rb") as file:
        file.seek(info.header_offset)
        local = file.read(30)
        if len(local) < 30 or local[:4] != b"PK\x03\x04":
            raise ValueError("a member's header is missing")
        name_length, extra_length = struct.unpack("<HH", local[26:30])
        file.seek(info.header_offset + 30 + name_length + extra_length)
        version = np.lib.format.read_magic(file)
        reader = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }.get(version)
        if reader is None:
            return None
        shape, fortran, dtype = reader(file)
        if dtype.hasobject or not dtype.itemsize or 0 in shape or shape == ():
            return None
        return np.memmap(path, dtype, "r", file.tell(), shape, "F" if fortran else "C")


def _torch_arrays(path: Path) -> dict[str, Array]:
    """Tensors of a torch file: a bare tensor, a tuple or list of them, or a dict."""
    import torch

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # on unusual pickle protocols: they are read or refused
            try:
                held = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
            except RuntimeError:  # files of the format before torch 1.6 cannot be mapped
                held = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged or hostile stream raises anything
        first = (str(error).strip() or type(error).__name__).splitlines()[0][:160]
        raise ValueError(f"torch.load(weights_only=True) refuses it ({first})") from error
    if isinstance(held, torch.Tensor):
        held = {BARE: held}
    elif isinstance(held, list | tuple):
        held = dict(zip(("x", "y", "third", "fourth"), held, strict=False))
    if not isinstance(held, dict):
        raise ValueError(f"it holds a {type(held).__name__}, not tensors")
    tensors = {str(name): value.detach() for name, value in held.items() if isinstance(value, torch.Tensor)}
    return {name: (t.float() if t.dtype == torch.bfloat16 else t).numpy() for name, t in tensors.items()}
