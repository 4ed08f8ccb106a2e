"""An unpickler for the CIFAR python batches that can build NumPy arrays and nothing else."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
from numpy._core import multiarray

from spatialstats.errors import InputError


def _latin1(text: str, encoding: str) -> bytes:
    """What `_codecs.encode` is to a pickle of protocol 2 that holds bytes, and no other codec."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"it names the codec {encoding!r}")
    return text.encode("latin1")


# Everything a batch file refers to by name, under NumPy's old and new module paths.
_ALLOWED: dict[tuple[str, str], object] = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("numpy._core.multiarray", "_reconstruct"): multiarray._reconstruct,
    ("_codecs", "encode"): _latin1,
}


class _ArraysOnly(pickle.Unpickler):
    """Refuses every global name but those that rebuild an array."""

    def find_class(self, module: str, name: str) -> object:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise pickle.UnpicklingError(f"it names {module}.{name}") from None


def load_batch(path: Path) -> dict[str, object]:
    """Read one python batch file without running any code that it may hold.

    Admits NumPy arrays, strings, bytes, numbers and containers of them.

    Parameters
    ----------
    path : Path
        ``data_batch_1`` ... ``data_batch_5``, ``test_batch``.

    Returns
    -------
    dict
        The batch, with string keys.

    Raises
    ------
    InputError
        If the file is truncated, holds no dict, or refers to anything but arrays.
    """
    try:
        with path.open("rb") as file:
            batch = _ArraysOnly(file, encoding="bytes").load()
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror or error}") from error
    except Exception as error:  # a hostile stream can raise anything; none of it may pass as a batch
        raise InputError(
            f"{path} must be a CIFAR python batch of NumPy arrays and strings, but {error}: the file is "
            "truncated or not what it claims to be, get it anew"
        ) from error
    if not isinstance(batch, dict):
        raise InputError(f"{path} must hold a dict of arrays, got {type(batch).__name__}: get the file anew")
    return {k.decode("latin-1") if isinstance(k, bytes) else str(k): v for k, v in batch.items()}
