"""Compile every kernel as CuPy will, with no GPU, and hold the machine code to its promises.

    python tests/cuda_host/compile_check.py [file ...]

Needs the extra ``gpu-check``: CuPy, NVRTC, cuobjdump.  Every kernel promises no local memory, no stack
and no spills, at most 48 KiB of static shared memory, no contracted multiply-add and no float atomic;
``promises/<file>.toml`` may add to that, a table a kernel::

    variants = [[], ["-DHALF"]]      # options that the launcher compiles with, one list each

    [density_u8]
    loads128 = 4                     # at least so many loads of 128 bits (stores128 likewise)
    registers = 64                   # at most
    ftz = 0                          # at most so many instructions that flush subnormal float32
    fma = 1                          # at most so many multiply-adds, where they are meant

The exit status is 1 if a promise is broken, or a kernel is missing from the machine code.
"""

from __future__ import annotations

import importlib.util
import re
import sys
import tomllib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cubin import Code, machine_code, ptx, resources, sass
from host_module import HERE, KERNEL, KERNELS

ARCHITECTURES = ("80", "90", "100")
STATIC_SHARED = 48 << 10
AT_MOST: dict[str, int | None] = {
    "registers": 255,
    "stack": 0,
    "local": 0,
    "spills": 0,
    "shared": STATIC_SHARED,
    "fma": 0,
    "float_atomics": 0,
    "ftz": None,  # no limit unless a kernel promises one
}
AT_LEAST = ("loads128", "stores128", "warps")

SASS_COUNTS = {
    "loads128": re.compile(r"\bLDG\S*\.(?:128|256)\b"),
    "stores128": re.compile(r"\bSTG\S*\.(?:128|256)\b"),
    "spills": re.compile(r"\b(?:LDL|STL)\b"),
    "float_atomics": re.compile(r"\b(?:REDG?|ATOM[GS]?)\.\S*F(?:16|32|64)"),
}
# In PTX, since division and square root become multiply-adds that flush in machine code.  Without a
# rounding modifier the assembler might still contract.
PTX_COUNTS = {
    "fma": re.compile(
        r"\b(?:fma|mad)\.(?:rn\.|ftz\.|sat\.)*f(?:32|64)|\b(?:mul|add|sub)\.(?:ftz\.)?f(?:32|64)"
    ),
    "ftz": re.compile(r"\.ftz\."),
}


@dataclass
class Kernel:
    """What the machine code of one kernel holds, and which promises it breaks."""

    name: str
    counts: dict[str, int]
    faults: list[str] = field(default_factory=list)

    def hold_to(self, promises: dict[str, int]) -> None:
        """Note every promise that is broken."""
        for key, most in {**AT_MOST, **{k: v for k, v in promises.items() if k in AT_MOST}}.items():
            if most is not None and self.counts[key] > most:
                self.faults.append(f"{key} {self.counts[key]} > {most}")
        for key in AT_LEAST:
            if self.counts[key] < promises.get(key, 0):
                self.faults.append(f"{key} {self.counts[key]} < {promises[key]}")
        for key in promises.keys() - AT_MOST.keys() - set(AT_LEAST):
            self.faults.append(f"unknown promise {key}")


def door() -> Any:
    """kernels/device.py alone: the text and options that CuPy gets, without the rest of the package."""
    spec = importlib.util.spec_from_file_location("device", KERNELS / "device.py")
    if spec is None or spec.loader is None:
        raise ImportError(f"cannot read {KERNELS / 'device.py'}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def promised(name: str) -> tuple[list[tuple[str, ...]], dict[str, dict[str, int]]]:
    """The variants of a file that are compiled, and what each kernel promises beyond the defaults."""
    path = HERE / "promises" / f"{name}.toml"
    tables = tomllib.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    return [tuple(options) for options in tables.pop("variants", [[]])], tables


def examined(code: Code, text: str, promises: dict[str, dict[str, int]], architecture: str) -> list[Kernel]:
    """Every kernel of one cubin; those that the source or the promises name must be there."""
    uses, listings, assembly = resources(code), sass(code), ptx(code)
    kernels = []
    for name in sorted({*KERNEL.findall(text), *promises, *uses}):
        if name not in uses or name not in listings:
            kernels.append(Kernel(name, {}, ["missing from the machine code"]))
            continue
        counts = dict(uses[name])
        # from Hopper on, a kibibyte of each block's shared memory is the system's
        counts["shared"] -= 1024 if int(architecture) >= 90 and counts["shared"] >= 1024 else 0
        counts |= {key: len(pattern.findall(listings[name])) for key, pattern in SASS_COUNTS.items()}
        counts |= {key: len(pattern.findall(assembly.get(name, ""))) for key, pattern in PTX_COUNTS.items()}
        # registers are given out in eights to each thread, 65,536 to a multiprocessor of 64 warps
        counts["warps"] = min(64, 65536 // (max(8, -(-counts["registers"] // 8) * 8) * 32))
        kernel = Kernel(name, counts)
        kernel.hold_to(promises.get(name, {}))
        kernels.append(kernel)
    return kernels


COLUMNS = ("registers", "warps", "shared", "loads128", "stores128", "ftz")


def main(names: list[str]) -> int:
    """Compile the files named (all without names) for each architecture; print a table."""
    device = door()
    faults = 0
    print(f"| file | kernel | sm | {' | '.join(COLUMNS)} | |\n|{'---|' * (len(COLUMNS) + 4)}")
    for name in names or sorted(path.stem for path in KERNELS.glob("*.cu")):
        text = device.source(name)
        variants, promises = promised(name)
        for options in variants:
            for architecture in ARCHITECTURES:
                code = machine_code(text, f"{name}.cu", (*device.OPTIONS, *options), architecture)
                for kernel in examined(code, text, promises, architecture):
                    cells = [str(kernel.counts.get(key, "")) for key in COLUMNS]
                    label = " ".join([f"{name}.cu", *options])
                    verdict = "; ".join(kernel.faults) or "ok"
                    print(f"| {label} | {kernel.name} | {architecture} | {' | '.join(cells)} | {verdict} |")
                    faults += bool(kernel.faults)
    print(f"\n{faults} broken promises." if faults else "\nEvery promise is kept.")
    return int(faults > 0)


if __name__ == "__main__":
    for argument in sys.argv[1:]:
        if not (KERNELS / f"{Path(argument).stem}.cu").exists():
            raise SystemExit(f"no {argument} in {KERNELS}")
    sys.exit(main([Path(argument).stem for argument in sys.argv[1:]]))
