"""The launchers of kernels/ over the host emulation: what CuPy would do, NumPy and `HostModule` do."""

from __future__ import annotations

import contextlib
import functools
import os
import unittest
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import numpy as np
from host_module import KERNELS, HostModule, has_compiler

from spatialstats.kernels import device

RUNS = (("forward", 1), ("reverse", 1), ("random", 1), ("random", 2))
"""Orders (and their seeds) of threads that every kernel's test goes through."""


@contextlib.contextmanager
def emulated(
    order: str | None = None, seed: int | None = None, shared_memory: int = 227 << 10
) -> Iterator[None]:
    """Send NumPy arrays down the device's route, into the host emulation, for the length of a block.

    Without an order, that of ``HOST_ORDER`` and ``HOST_SEED`` is taken, which `run_smoke` sets, or
    "forward".  Without g++ there is no emulation: the test that asks for it is skipped.
    """
    order = order or os.environ.get("HOST_ORDER", "forward")
    seed = int(os.environ.get("HOST_SEED", "1")) if seed is None else seed
    if not has_compiler():
        raise unittest.SkipTest("no g++, which the host emulation of CUDA compiles with")

    @functools.cache
    def load(name: str, options: tuple[str, ...] = ()) -> HostModule:
        return HostModule(source(name), options, order=order, seed=seed, shared_memory=shared_memory)

    with (
        mock.patch.object(device, "lives_on_device", lambda array: isinstance(array, np.ndarray)),
        mock.patch.object(device, "namespace", return_value=np),
        mock.patch.object(device, "load", load),
        mock.patch.object(device, "shared_memory", return_value=shared_memory),
    ):
        yield


def source(name: str) -> Path:
    """The ``.cu`` file of an operation: a mutant's where there is one, else that in kernels/."""
    mutant = Path(os.environ.get("HOST_REPLACE", os.devnull)) / f"{name}.cu"
    return mutant if mutant.exists() else KERNELS / f"{name}.cu"
