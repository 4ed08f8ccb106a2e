"""Shared inputs of the kernel tests."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from emulation import emulated


@pytest.fixture
def rng() -> np.random.Generator:
    """A generator that starts anew in every test."""
    return np.random.default_rng(20261122)


class Place:
    """One kind of array that kernels take: how to make it, and how to look at what comes back."""

    def __init__(self, name: str) -> None:
        self.name = name

    def put(self, array: np.ndarray) -> Any:
        """The array, laid out or placed as this kind is."""
        if self.name == "read-only":
            array = array.copy()
            array.flags.writeable = False
        elif self.name == "non-contiguous" and array.ndim:
            array = np.repeat(array, 2, axis=-1)[..., ::2]
        elif self.name == "cupy":
            import cupy

            return cupy.asarray(array)
        return array

    def get(self, array: Any) -> np.ndarray:
        """A result as a NumPy array; it must have come back in the kind that went in."""
        if self.name == "cupy":
            import cupy

            assert isinstance(array, cupy.ndarray)
            return cupy.asnumpy(array)
        assert isinstance(array, np.ndarray)
        return array


def has_gpu() -> bool:
    """Whether CuPy is installed and sees a device."""
    try:
        import cupy
    except ImportError:
        return False
    return bool(cupy.cuda.is_available())


@pytest.fixture(
    params=["numpy", "read-only", "non-contiguous", "emulated", pytest.param("cupy", marks=pytest.mark.gpu)]
)
def place(request: pytest.FixtureRequest) -> Iterator[Place]:
    """Every kind of array in turn; "emulated" sends NumPy arrays through the launchers to emulated CUDA."""
    if request.param == "cupy" and not has_gpu():
        pytest.skip("no CuPy that sees a CUDA device")
    with emulated() if request.param == "emulated" else contextlib.nullcontext():
        yield Place(request.param)
