"""The one door to CuPy: which arrays live on a device, and the compiled text of the ``.cu`` files.

Only contracts (to choose a side) and the ``*_gpu`` modules use it, and always by ``device.name``: the
tests put a host emulation of CUDA behind these functions.  CuPy is imported by the first device array.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

__all__ = ["OPTIONS", "Function", "Module", "lives_on_device", "load", "namespace", "shared_memory", "source"]

OPTIONS = ("-std=c++17", "--fmad=false")
"""No contraction: a float64 expression has the bits of the CPU's, which evaluates it in the same order."""

FOLDER = Path(__file__).resolve().parent
INCLUDE = re.compile(r'^#include "(\w+\.cuh)"\n', re.MULTILINE)


class Function(Protocol):
    """A kernel: what `cupy.RawKernel` is to its caller."""

    max_dynamic_shared_size_bytes: int

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None: ...


class Module(Protocol):
    """A compiled ``.cu`` file: what `cupy.RawModule` is to its caller."""

    def get_function(self, name: str) -> Function: ...


def lives_on_device(array: object) -> bool:
    """Whether an array is CuPy's.

    torch tensors define ``__cuda_array_interface__`` too, so that is no test; they cross at
    `spatialstats.arrays`.
    """
    return type(array).__module__.partition(".")[0] == "cupy"


def namespace() -> ModuleType:
    """CuPy, which makes and handles device arrays as NumPy does its own."""
    import cupy

    module: ModuleType = cupy
    return module


def source(name: str) -> str:
    """The text of a ``.cu`` file with the ``.cuh`` files that it includes pasted in.

    CuPy's disk cache keys on this text and would not see a change of an included file.
    """
    body = (FOLDER / f"{name}.cu").read_text(encoding="utf-8")

    def pasted(include: re.Match[str]) -> str:
        header = (FOLDER / include[1]).read_text(encoding="utf-8").replace("#pragma once\n", "")
        line = body.count("\n", 0, include.end()) + 1
        return f'{header}#line {line} "{name}.cu"\n'

    return INCLUDE.sub(pasted, body)


def load(name: str, options: tuple[str, ...] = ()) -> Module:
    """The compiled module of ``<name>.cu`` on the current device, compiled at its first use."""
    return _compiled(name, options, int(namespace().cuda.Device().id))


@functools.cache
def _compiled(name: str, options: tuple[str, ...], device: int) -> Module:
    module: Module = namespace().RawModule(code=source(name), options=OPTIONS + options)
    return module


def shared_memory() -> int:
    """Bytes of shared memory that a block may ask for on the current device.

    Above 48 KiB a kernel's ``max_dynamic_shared_size_bytes`` must be raised first.
    """
    return int(namespace().cuda.Device().attributes["MaxSharedMemoryPerBlockOptin"])
