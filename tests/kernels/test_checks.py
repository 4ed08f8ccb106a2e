"""What all kernels ask of their arrays, and what importing them costs."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from emulation import emulated

from spatialstats.kernels import area, density
from spatialstats.kernels.checks import doubles


def test_arrays_from_elsewhere_are_refused_by_name() -> None:
    cupy_like = type("ndarray", (), {"__module__": "cupy"})()
    with pytest.raises(TypeError, match="maps in CuPy, groups in NumPy"):
        density(cupy_like, np.zeros(1, int), 1)
    with pytest.raises(TypeError, match="packed must be a NumPy or CuPy array, got"):
        area([[1]])


def test_importing_the_kernels_does_not_import_numba() -> None:
    code = "import sys, spatialstats.kernels; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_subnormal_floats_keep_their_values_on_either_side() -> None:
    ends = [0, 1, 0x007FFFFF, 0x00800000, 0x3F800000, 0x7F7FFFFF, 0x7F800000]
    floats = np.array([bits | sign for bits in ends for sign in (0, 1 << 31)], np.uint32).view(np.float32)
    expected = floats.astype(np.float64).tobytes()
    assert doubles(floats).tobytes() == expected
    with emulated():
        assert doubles(floats).tobytes() == expected
