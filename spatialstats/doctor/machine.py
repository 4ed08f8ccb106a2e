"""What a machine has: versions, device, compilers, and the kernels' sources."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import re
import shutil
from typing import Any

from spatialstats.kernels import device

CUPY = ("cupy-cuda13x", "cupy-cuda12x", "cupy")


def version(*distributions: str) -> str:
    """The version of the first distribution that is installed."""
    for name in distributions:
        try:
            return importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return "not installed"


def software() -> dict[str, str]:
    """Versions, without importing anything heavy."""
    return {
        "spatialstats": version("adversarial-spatialstats"),
        "Python": platform.python_version(),
        "NumPy": version("numpy"),
        "Numba": version("numba"),
        "torch": version("torch"),
        "CuPy": version(*CUPY),
        "g++": shutil.which("g++") or "not found",
        "CPUs": str(len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()),
    }


def why_no_gpu() -> str:
    """Why the kernels cannot run on a GPU here; empty if they can."""
    try:
        cupy = device.namespace()
    except ImportError:
        return "CuPy is not installed: pip install 'adversarial-spatialstats[cuda13]' (or cuda12)"
    try:
        cupy.cuda.runtime.getDeviceCount()
    except cupy.cuda.runtime.CUDARuntimeError as error:
        return f"CuPy finds no CUDA device: {error}"
    return "" if cupy.cuda.is_available() else "CuPy finds no CUDA device"


def gpu() -> dict[str, str]:
    """The current device and its driver."""
    cupy = device.namespace()
    runtime = cupy.cuda.runtime
    found: dict[str, Any] = runtime.getDeviceProperties(cupy.cuda.Device().id)
    return {
        "device": found["name"].decode(),
        "compute capability": f"{found['major']}.{found['minor']}",
        "memory": f"{found['totalGlobalMem'] / 2**30:.1f} GiB",
        "driver": _cuda_version(runtime.driverGetVersion()),
        "CUDA runtime": _cuda_version(runtime.runtimeGetVersion()),
    }


def _cuda_version(number: int) -> str:
    return f"CUDA {number // 1000}.{number % 1000 // 10}"


def missing_sources() -> list[str]:
    """CUDA files that the launchers load and that are not beside them."""
    named = set()
    for launcher in device.FOLDER.glob("*_gpu.py"):
        named |= set(re.findall(r'device\.load\(\s*"(\w+)"', launcher.read_text(encoding="utf-8")))
    return sorted(f"{name}.cu" for name in named if not (device.FOLDER / f"{name}.cu").exists())
