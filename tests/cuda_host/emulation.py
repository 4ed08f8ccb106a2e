"""The launchers of kernels/ over the host emulation: what CuPy would do, NumPy and `HostModule` do."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator
from unittest import mock

import numpy as np
from host_module import KERNELS, HostModule

from spatialstats.kernels import device

RUNS = (("forward", 1), ("reverse", 1), ("random", 1), ("random", 2))
"""Orders (and their seeds) of threads that every kernel's test goes through."""


@contextlib.contextmanager
def emulated(order: str = "forward", seed: int = 1, shared_memory: int = 227 << 10) -> Iterator[None]:
    """Send NumPy arrays down the device's route, into the host emulation, for the length of a block."""

    @functools.cache
    def load(name: str, options: tuple[str, ...] = ()) -> HostModule:
        return HostModule(KERNELS / f"{name}.cu", options, order=order, seed=seed)

    with (
        mock.patch.object(device, "lives_on_device", lambda array: isinstance(array, np.ndarray)),
        mock.patch.object(device, "namespace", return_value=np),
        mock.patch.object(device, "load", load),
        mock.patch.object(device, "shared_memory", return_value=shared_memory),
    ):
        yield
