"""The idx files of the MNIST family: a small header, then uint8 values."""

from __future__ import annotations

import gzip
import math
import struct
import zlib
from pathlib import Path

import numpy as np
import numpy.typing as npt

from spatialstats.errors import InputError

_UINT8 = 8  # the type code in the third byte


def read_idx_bytes(path: Path) -> bytes:
    """Content of an idx file, plain or gzip-compressed (told by its first bytes, not its name).

    Raises
    ------
    InputError
        If the file cannot be read or its compressed stream breaks off.
    """
    try:
        content = path.read_bytes()
        return gzip.decompress(content) if content[:2] == b"\x1f\x8b" else content
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"{path} is truncated or cannot be read ({error}): get it anew") from error


def parse_idx(content: bytes, name: str, ndim: int) -> npt.NDArray[np.uint8]:
    """The array in an idx file: uint8, `ndim` dimensions as the header gives them.

    Raises
    ------
    InputError
        If the header is another or the file holds more or fewer values than it says.
    """
    head = 4 + 4 * ndim
    if len(content) < head or content[:4] != bytes([0, 0, _UINT8, ndim]):
        raise InputError(
            f"{name} must be an idx file of uint8 with {ndim} dimensions, got {content[:4].hex()!r} first"
        )
    shape = struct.unpack(f">{ndim}I", content[4:head])
    if len(content) - head != math.prod(shape):
        raise InputError(
            f"{name} must hold {math.prod(shape):,} values, got {len(content) - head:,}: it is truncated, "
            "get it anew"
        )
    return np.frombuffer(content, np.uint8, offset=head).reshape(shape)
