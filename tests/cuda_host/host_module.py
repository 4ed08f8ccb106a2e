"""The parts of `cupy.RawModule` that the launchers use, run on the CPU from the same ``.cu`` text."""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[1] / "kernels"
ORDERS = {"forward": 0, "reverse": 1, "random": 2}
KERNEL = re.compile(r'extern\s+"C"\s+__global__\s+void\s+(?:__launch_bounds__\s*\([^)]*\)\s*)?(\w+)\s*\(')
FLAGS = (
    "-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-ffp-contract=off",
    "-fno-strict-aliasing", "-fno-tree-loop-distribute-patterns", "-fno-toplevel-reorder",
)  # fmt: skip


class KernelFault(RuntimeError):
    """A kernel that does not compile, deadlocks, or was launched with the wrong arguments."""


class HostModule:
    """One ``.cu`` file compiled by g++ with every CUDA thread as a fiber.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder and kernels/ are searched for headers.
    options : tuple of str
        As given to `cupy.RawModule`; definitions (``-D``) reach the compiler.
    order, seed
        In which the threads and blocks run: "forward", "reverse", or "random" from a seed.
    """

    def __init__(
        self, path: Path, options: Sequence[str] = (), *, order: str = "forward", seed: int = 1
    ) -> None:
        self.order, self.seed = ORDERS[order], seed
        self.library = ctypes.CDLL(str(compiled(path, [o for o in options if o.startswith("-D")])))
        self.library.shim_error.restype = ctypes.c_char_p

    def get_function(self, name: str) -> HostFunction:
        return HostFunction(self, name)


class HostFunction:
    """A kernel that is called as CuPy's are: grid, block, arguments, bytes of dynamic shared memory."""

    def __init__(self, module: HostModule, name: str) -> None:
        self.module = module
        self.entry = getattr(module.library, f"host_launch_{name}")
        self.max_dynamic_shared_size_bytes = 48 << 10

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None:
        if shared_mem > self.max_dynamic_shared_size_bytes:
            raise KernelFault(
                f"{shared_mem} bytes of shared memory: raise max_dynamic_shared_size_bytes first"
            )
        held, pointers = [], (ctypes.c_void_p * len(args))()
        sizes = (ctypes.c_size_t * len(args))()
        for i, value in enumerate(args):  # arrays by address, NumPy scalars by value
            if isinstance(value, np.ndarray):
                if not value.flags.c_contiguous:
                    raise KernelFault(f"argument {i} is not contiguous")
                cell: Any = ctypes.c_void_p(value.ctypes.data)
                pointers[i], sizes[i] = ctypes.addressof(cell), 8
            else:
                cell = np.asarray(value)
                pointers[i], sizes[i] = cell.ctypes.data, cell.nbytes
            held.append(cell)
        extents = [(ctypes.c_uint * 3)(*(*(int(n) for n in size), 1, 1)[:3]) for size in (grid, block)]
        if self.entry(
            *extents, ctypes.c_size_t(shared_mem), pointers, sizes, ctypes.c_size_t(len(args)),
            ctypes.c_int(self.module.order), ctypes.c_ulonglong(self.module.seed),
        ):  # fmt: skip
            raise KernelFault(self.module.library.shim_error().decode())


def compiled(path: Path, options: list[str]) -> Path:
    """The shared library of a ``.cu`` file, from the cache or from g++."""
    sanitize = os.environ.get("HOST_SANITIZE", "")
    text = path.read_text(encoding="utf-8")
    unit = "".join(
        [
            '#include "cuda_host.h"\n',
            f'#include "{path.resolve()}"\n',
            *(f"HOST_KERNEL({name})\n" for name in KERNEL.findall(text)),
            "SHARED_END;\n",
        ]
    )
    flags = [*FLAGS, f"-I{HERE}", f"-I{path.parent}", f"-I{KERNELS}", *options]
    if sanitize:
        flags += [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"]
        flags += ["-fno-sanitize-recover=undefined"] if "undefined" in sanitize else []
    headers = [*sorted(path.parent.glob("*.cuh")), *sorted(KERNELS.glob("*.cuh")), HERE / "cuda_host.h"]
    parts = [text, unit, *flags, *(header.read_text(encoding="utf-8") for header in headers)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    cache = Path(tempfile.gettempdir()) / f"host_kernels_{os.getuid()}"
    cache.mkdir(exist_ok=True)
    library = cache / f"{path.stem}-{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            (Path(folder) / "unit.cpp").write_text(unit, encoding="utf-8")
            made = Path(folder) / "unit.so"
            command = ["g++", *flags, str(Path(folder) / "unit.cpp"), "-o", str(made)]
            done = subprocess.run(command, capture_output=True, text=True)
            if done.returncode:
                raise KernelFault(done.stderr)
            os.replace(made, library)
    return library
