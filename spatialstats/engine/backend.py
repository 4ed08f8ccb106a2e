"""Where the kernels of a run work, and why there."""

from __future__ import annotations

import importlib.util

from spatialstats.kernels import device

CPU = "cpu"


def backend_note(asked: str) -> str | None:
    """Why ``auto`` came to the CPU, to be told once and kept; None where nothing was left open.

    Parameters
    ----------
    asked : {"auto", "cpu"}
        A run refuses ``gpu`` before it begins.
    """
    if asked != "auto":
        return None
    return f"kernels run on the CPU (--backend auto): {_why()}."


def _why() -> str:
    if importlib.util.find_spec("cupy") is None:
        return "CuPy is not installed"
    try:
        there = bool(device.namespace().cuda.is_available())
    except Exception as error:  # a broken CUDA installation may raise anything
        return f"CuPy cannot be used ({type(error).__name__})"
    if not there:
        return "CuPy finds no CUDA device"
    return "a run keeps its maps in the host's memory; the GPU is the model's (--device cuda)"
