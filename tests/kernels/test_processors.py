"""Kernels written in vectors, compiled for processors with narrower registers than this machine has."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import kernel_oracles as oracles
import numpy as np
import pytest

from spatialstats import kernels

CODE = """
import sys
sys.path.insert(0, sys.argv[1])
import numpy as np
import test_processors
np.savez(sys.argv[3], **test_processors.results(np.load(sys.argv[2])))
"""

pytestmark = pytest.mark.skipif(
    platform.machine() not in ("x86_64", "AMD64"), reason="processors are given by the names of x86"
)


def results(held: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Densities of pairs, and t maps and permutations where maps are given."""
    clean, adversarial = held["pairs"]
    out = kernels.density_pairs(clean, adversarial, held["groups"], 3, thresholds=[0.1]).to_arrays()
    if "maps" in held:
        signs = kernels.sign_flips(len(held["maps"]), 5, count=9)
        out["t"] = kernels.t_maps(held["maps"], signs)
        out["order"] = np.stack([kernels.pairing(300, 5, k) for k in range(3)])
    return out


def elsewhere(held: dict[str, np.ndarray], folder: Path, processor: str) -> dict[str, np.ndarray]:
    """`results` of code for a processor, which Numba asks for when it is imported."""
    np.savez(folder / "held.npz", **held)
    # a cache of its own: nothing that was compiled before is taken
    set_here = {"NUMBA_CPU_NAME": processor, "NUMBA_CPU_FEATURES": "", "NUMBA_CACHE_DIR": str(folder)}
    where = [str(Path(__file__).parent), str(folder / "held.npz"), str(folder / "found.npz")]
    done = subprocess.run(
        [sys.executable, "-c", CODE, *where], env=os.environ | set_here, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return dict(np.load(folder / "found.npz"))


# "generic" has vectors of 16 bytes and can neither round nor compare all integers in them; -v2 can
@pytest.mark.parametrize(("processor", "dtype"), [("generic", np.float32), ("x86-64-v2", np.uint8)])
def test_narrow_registers_give_the_same_bits(
    rng: np.random.Generator, tmp_path: Path, processor: str, dtype: type
) -> None:
    pairs = rng.integers(0, 256, (2, 23, 2, 3, 11))  # 33 pixels: vectors, and what is left of them
    groups = rng.integers(0, 3, 23)
    if dtype == np.uint8:
        held = {"groups": groups, "pairs": pairs.astype(np.uint8)}
        steps, cut = pairs[1] - pairs[0], int(0.1 * 255)
    else:
        floats = (pairs / 255).astype(np.float32)
        maps = rng.normal(size=(23, 3, 11))
        held = {"groups": groups, "pairs": floats, "maps": maps}
        steps, cut = (
            oracles.rounded(floats[1] - floats[0]),
            int(oracles.rounded(np.array([0.1], np.float32))[0]),
        )
    found = elsewhere(held, tmp_path, processor)
    rows = steps.reshape(23, 2, 33)
    expected = oracles.moments(rows, np.abs(rows).max(axis=1), groups, 3, [cut])
    for name in ("positive", "negative"):
        assert (found[name].reshape(3, 33) == expected[name]).all(), name
    square = found["square_high"].astype(object) * 2**48 + found["square_low"]
    assert (square.reshape(3, 33) == expected["square"]).all()
    assert (found["exceeded"].ravel() == expected["exceeded"].ravel()).all()
    here = results(held)
    assert found.keys() == here.keys()
    for name, array in here.items():
        assert np.asarray(array).tobytes() == found[name].tobytes(), name
