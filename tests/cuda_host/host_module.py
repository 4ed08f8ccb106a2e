"""The parts of `cupy.RawModule` that the launchers use, run on the CPU from the same ``.cu`` text.

Environment: ``HOST_SANITIZE`` (``thread``, or ``address,undefined``) compiles with that sanitizer, whose
runtime must be loaded first (`sanitize`); ``HOST_REPLACE`` names a folder whose ``.cu`` files are taken
instead of those in kernels/ (`mutate`).
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).resolve().parent
KERNELS = HERE.parents[1] / "kernels"
ORDERS = {"forward": 0, "reverse": 1, "random": 2}
BOUNDS = r"(?:__launch_bounds__\s*\((?:[^()]|\([^()]*\))*\)\s*)?"
KERNEL = re.compile(rf'extern\s+"C"\s+__global__\s+{BOUNDS}void\s+{BOUNDS}(\w+)\s*\(')
FLAGS = (
    "-std=c++17", "-O1", "-g", "-fPIC", "-shared", "-fvisibility=hidden", "-w", "-ffp-contract=off",
    "-fno-strict-aliasing", "-fno-tree-loop-distribute-patterns", "-fdata-sections",
    f"-Wl,-T,{HERE / 'shim' / 'shared.ld'}",
)  # fmt: skip

ONE_AT_A_TIME = threading.RLock()
"""Held while a kernel is built or runs: a shared library holds one emulated machine."""


class KernelFault(RuntimeError):
    """A kernel that deadlocks, traps, or was launched with the wrong arguments."""


class CompileError(KernelFault):
    """A kernel that g++ refuses."""


class HostModule:
    """One ``.cu`` file compiled by g++, with every CUDA thread a fiber.

    Parameters
    ----------
    path : pathlib.Path
        The file; its folder and kernels/ are searched for headers.
    options : sequence of str
        As given to `cupy.RawModule`; definitions (``-D``) reach the compiler.
    order, seed
        In which the threads and blocks run: "forward", "reverse", or "random" from a seed.
    shared_memory : int
        Bytes of shared memory that a block of the emulated card may ask for.
    """

    def __init__(
        self,
        path: Path,
        options: Sequence[str] = (),
        *,
        order: str = "forward",
        seed: int = 1,
        shared_memory: int = 227 << 10,
    ) -> None:
        self.order, self.seed, self.shared_memory = ORDERS[order], seed, shared_memory
        with ONE_AT_A_TIME:
            self.library = ctypes.CDLL(str(compiled(path, [o for o in options if o.startswith("-D")])))
        self.library.shim_error.restype = ctypes.c_char_p

    def get_function(self, name: str) -> HostFunction:
        """A kernel by its name."""
        return HostFunction(self, name)


class HostFunction:
    """A kernel that is called as CuPy's are: grid, block, arguments, bytes of dynamic shared memory."""

    def __init__(self, module: HostModule, name: str) -> None:
        self.module, self.name = module, name
        try:
            self.entry = getattr(module.library, f"host_launch_{name}")
        except AttributeError:
            raise KernelFault(f'no kernel {name}: is it extern "C" __global__ void?') from None
        describe = getattr(module.library, f"host_signature_{name}")
        describe.restype = ctypes.c_char_p
        self.signature = describe().decode().split()
        self._dynamic = 48 << 10

    @property
    def max_dynamic_shared_size_bytes(self) -> int:
        """What a launch may ask for; more than 48 KiB must be set first."""
        return self._dynamic

    @max_dynamic_shared_size_bytes.setter
    def max_dynamic_shared_size_bytes(self, size: int) -> None:
        if size > self.module.shared_memory:
            raise KernelFault(f"{size} bytes of shared memory on a card with {self.module.shared_memory}")
        self._dynamic = size

    def __call__(
        self, grid: tuple[int, ...], block: tuple[int, ...], args: Sequence[Any], *, shared_mem: int = 0
    ) -> None:
        if shared_mem > self._dynamic:
            raise KernelFault(
                f"{shared_mem} bytes of shared memory: raise max_dynamic_shared_size_bytes first"
            )
        held, pointers = [], (ctypes.c_void_p * len(args))()
        sizes = (ctypes.c_size_t * len(args))()
        for i, value in enumerate(args):  # arrays by address, NumPy scalars by value
            cell: Any
            if isinstance(value, np.ndarray):
                if not value.flags.c_contiguous:
                    raise KernelFault(f"argument {i} of {self.name} is not contiguous")
                cell = ctypes.c_void_p(value.ctypes.data)
                pointers[i], sizes[i] = ctypes.addressof(cell), 8
            else:
                cell = np.asarray(value)
                pointers[i], sizes[i] = cell.ctypes.data, cell.nbytes
            held.append(cell)
            self._check(i, value)
        extents = [(ctypes.c_uint * 3)(*(*(int(n) for n in size), 1, 1)[:3]) for size in (grid, block)]
        with ONE_AT_A_TIME:
            failed = self.entry(
                *extents, ctypes.c_size_t(shared_mem), pointers, sizes, ctypes.c_size_t(len(args)),
                ctypes.c_int(self.module.order), ctypes.c_ulonglong(self.module.seed),
            )  # fmt: skip
            if failed:
                raise KernelFault(f"{self.name}: {self.module.library.shim_error().decode()}")

    def _check(self, i: int, value: Any) -> None:
        """Refuse what has the right size and the wrong kind.

        Unsigned and structured elements are left alone: kernels read bytes as words and vectors.
        """
        if i >= len(self.signature):
            return
        taken, is_array = self.signature[i], isinstance(value, np.ndarray)
        dtype = np.asarray(value).dtype
        given = f"{'*' if is_array else ''}{'u' if dtype.kind == 'b' else dtype.kind}{dtype.itemsize}"
        whole = {"i", "u"}  # an int32 may be read as unsigned, and the other way round
        loose = taken[1] in "uV" if is_array else {taken[0], given[0]} <= whole
        if given != taken and not (loose and taken.startswith("*") == is_array):
            raise KernelFault(f"argument {i} of {self.name} is {given}, the kernel takes {taken}")


def compiled(path: Path, options: list[str]) -> Path:
    """The shared library of a ``.cu`` file, from the cache or from g++."""
    sanitize = os.environ.get("HOST_SANITIZE", "")
    flags = [*FLAGS, f"-I{HERE}", f"-I{path.parent}", f"-I{KERNELS}", *options]
    if sanitize:
        flags += [f"-fsanitize={sanitize}", "-fno-omit-frame-pointer"]
        flags += ["-fno-sanitize-recover=undefined"] if "undefined" in sanitize else []
    headers = {*path.parent.glob("*.cuh"), *KERNELS.glob("*.cuh"), HERE / "cuda_host.h"}
    sources = [path, Path(__file__), *sorted({*headers, *(HERE / "shim").iterdir()})]
    parts = [str(path), *flags, *(source.read_text(encoding="utf-8") for source in sources)]
    key = hashlib.sha256("\0".join(parts).encode()).hexdigest()[:20]
    cache = Path(tempfile.gettempdir()) / f"host_kernels_{os.getuid()}"
    cache.mkdir(mode=0o700, exist_ok=True)
    library = cache / f"{path.stem}-{key}.so"
    if not library.exists():
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            unit, made = Path(folder) / "unit.cpp", Path(folder) / "unit.so"
            unit.write_text(unit_text(path, flags), encoding="utf-8")
            run_compiler([*flags, str(unit), "-o", str(made)])
            os.replace(made, library)  # another process may have been as quick: either file is right
    return library


def unit_text(path: Path, flags: list[str]) -> str:
    """What is compiled: the shim, the file, and an entry for each of its kernels."""
    # Names are looked for after preprocessing, so that kernels stamped out by a macro are found.
    plain = run_compiler([*flags, "-DCUDA_HOST_SHIM", "-x", "c++", "-E", "-P", str(path)])
    names = KERNEL.findall(plain)
    if not names:
        raise CompileError(f'{path.name} holds no extern "C" __global__ void kernel')
    # In an unnamed namespace inline and template functions may hold __shared__ variables.
    body = ['#include "cuda_host.h"', "namespace {", f'#include "{path.resolve()}"', "}"]
    return "\n".join([*body, *(f"HOST_KERNEL({name})" for name in names), ""])


def run_compiler(arguments: list[str]) -> str:
    """Run g++; its standard output."""
    done = subprocess.run(["g++", *arguments], capture_output=True, text=True)
    if done.returncode:
        raise CompileError(done.stderr)
    return done.stdout


def has_compiler() -> bool:
    """Whether g++ is there, without which nothing is emulated."""
    return shutil.which("g++") is not None
