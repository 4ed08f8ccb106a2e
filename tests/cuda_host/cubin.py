"""Machine code without a GPU: NVRTC through CuPy's own path, read by cuobjdump and nvdisasm."""

from __future__ import annotations

import functools
import re
import subprocess
import sysconfig
import tempfile
from dataclasses import dataclass
from pathlib import Path

ALWAYS = ("-ftz=true", "--device-as-default-execution-space")
"""What CuPy adds to every compilation, after the caller's options."""

USE = re.compile(r"Function (\w+):\s+REG:(\d+) STACK:(\d+) SHARED:(\d+) LOCAL:(\d+)")


@dataclass(frozen=True)
class Code:
    """A compiled file: its cubin, and its PTX."""

    cubin: bytes
    ptx: str


def machine_code(text: str, name: str, options: tuple[str, ...], architecture: str) -> Code:
    """Compile CUDA C++ for an architecture such as "90", as `cupy.RawModule` would on such a device."""
    # The public entry points ask the device for its architecture, which is not there.
    from cupy.cuda.compiler import _NVRTCProgram

    made = []
    for kind, target in (("cubin", f"-arch=sm_{architecture}"), ("ptx", f"-arch=compute_{architecture}")):
        program = _NVRTCProgram(text, name, (), (), None, kind)
        made.append(program.compile((*options, *ALWAYS, target))[0])
    assembly = made[1] if isinstance(made[1], str) else made[1].decode()
    return Code(made[0] + b"\0", assembly)  # CuPy drops the last byte, which cuobjdump wants


def tool(name: str) -> Path:
    """cuobjdump or nvdisasm, from its wheel."""
    place = Path(sysconfig.get_path("purelib")) / "nvidia" / "cu13" / "bin" / name
    if not place.exists():
        raise FileNotFoundError(f"no {place}: install the extra gpu-check.")
    return place


@functools.cache
def _read(command: str, option: str, code: Code) -> str:
    with tempfile.NamedTemporaryFile(suffix=".cubin") as file:
        file.write(code.cubin)
        file.flush()
        asked = [str(tool(command)), option, file.name]
        return subprocess.run(asked, capture_output=True, text=True, check=True).stdout


def resources(code: Code) -> dict[str, dict[str, int]]:
    """Registers, stack, static shared and local memory of each kernel."""
    keys = ("registers", "stack", "shared", "local")
    found = USE.findall(_read("cuobjdump", "--dump-resource-usage", code))
    return {name: dict(zip(keys, map(int, numbers), strict=True)) for name, *numbers in found}


def sass(code: Code) -> dict[str, str]:
    """The listing of each kernel."""
    parts = _read("cuobjdump", "--dump-sass", code).split("Function : ")[1:]
    return {part.split()[0]: part for part in parts}


def ptx(code: Code) -> dict[str, str]:
    """The PTX of each kernel."""
    parts = re.split(r"\.entry\s+", code.ptx)[1:]
    return {re.split(r"\W", part, maxsplit=1)[0]: part for part in parts}


def flow(code: Code) -> str:
    """The listing with labels, in which loops can be seen."""
    return _read("nvdisasm", "-c", code)
