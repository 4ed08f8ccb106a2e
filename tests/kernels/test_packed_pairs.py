"""Packed masks against plain NumPy; random pairings against their definition."""

from __future__ import annotations

import itertools
import subprocess
import sys

import kernel_oracles as oracles
import numba
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy.stats import chisquare

from spatialstats.kernels import area, density, overlap, overlap_matrix, pack, pairing, swap_null, unpack

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(0, 5), st.integers(1, 12), st.integers(1, 13)))


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_packing_keeps_every_pixel(masks: np.ndarray) -> None:
    packed = pack(masks)
    n_pixels = masks.shape[1] * masks.shape[2]
    assert packed.dtype == np.uint64
    assert packed.shape == (len(masks), -(-n_pixels // 64))
    assert (unpack(packed, masks.shape[1:]) == masks).all()
    assert (area(packed) == masks.sum(axis=(1, 2))).all()
    flat = masks.reshape(len(masks), n_pixels).astype(int)
    assert (overlap_matrix(packed, packed) == flat @ flat.T).all()


def test_pixel_j_is_bit_j() -> None:
    mask = np.zeros((1, 10, 10), bool)
    mask.flat[[3, 64, 99]] = True
    assert pack(mask).tolist() == [[1 << 3, 1 | 1 << 35]]


def test_overlaps_of_partners(rng: np.random.Generator) -> None:
    a, b = rng.random((150, 11, 13)) < 0.5, rng.random((90, 11, 13)) < 0.3
    rows = rng.integers(0, 90, 150)
    shared = (a & b[rows]).sum(axis=(1, 2))
    found = overlap(pack(a), pack(b), rows)
    assert found.dtype == np.int32
    assert (found == shared).all()
    assert (overlap(pack(a), pack(a)) == a.sum(axis=(1, 2))).all()
    matrix = overlap_matrix(pack(a), pack(b))
    assert matrix.dtype == np.int32
    assert (matrix[np.arange(150), rows] == shared).all()


def test_bad_packed_masks_are_refused() -> None:
    packed = pack(np.ones((2, 3, 3), bool))
    with pytest.raises(ValueError, match="each below 2"):
        overlap(packed, packed, np.array([0, 2]))
    with pytest.raises(ValueError, match="masks of one size"):
        overlap_matrix(packed, pack(np.ones((2, 9, 9), bool)))
    with pytest.raises(TypeError, match="uint64"):
        area(packed.astype(np.int64))
    with pytest.raises(ValueError, match="2 words a mask"):
        unpack(packed, (9, 9))
    with pytest.raises(ValueError, match=r"\{0, 1\}"):
        pack(np.full((1, 2, 2), 2, np.uint8))


@pytest.mark.parametrize(("seed", "k"), [(0, 0), (7, 3), (2**63 + 5, 2**40 + 1), (2**64 - 1, 2**64 - 1)])
@pytest.mark.parametrize("n", [0, 1, 2, 5, 257])
def test_pairing_is_fisher_yates_on_philox(n: int, seed: int, k: int) -> None:
    assert pairing(n, seed, k).dtype == np.int32
    assert pairing(n, seed, k).tolist() == oracles.shuffle(n, seed, k)


def test_philox_gives_its_published_words() -> None:
    ones = 0xFFFFFFFF
    assert oracles.philox((0,) * 4, (0,) * 2) == (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)
    assert oracles.philox((ones,) * 4, (ones,) * 2) == (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)


def test_pairings_are_uniform() -> None:
    seen = dict.fromkeys(itertools.permutations(range(4)), 0)
    for k in range(4800):
        seen[tuple(pairing(4, 11, k).tolist())] += 1
    assert chisquare(list(seen.values())).pvalue > 1e-3
    places = np.zeros((20, 20))
    for seed in range(4000):
        places[np.arange(20), pairing(20, seed, 5)] += 1
    assert chisquare(places.ravel(), ddof=2 * 20 - 2).pvalue > 1e-3


@pytest.mark.parametrize("n_resamples", [0, 30, 100])
def test_swap_null_is_brute_force(rng: np.random.Generator, n_resamples: int) -> None:
    a, b = rng.random((40, 9, 9)) < 0.4, rng.random((40, 9, 9)) < 0.4
    wa, wb = rng.random(40), rng.random(40).astype(np.float32)
    draws = swap_null(pack(a), pack(b), wa, wb, 99, n_resamples)
    assert draws.shape == (n_resamples,)
    for k, draw in enumerate(draws.tolist()):
        order = oracles.shuffle(40, 99, k)
        total = 0.0
        for i, j in enumerate(order):
            total += wa[i] * float(wb[j]) * int((a[i] & b[j]).sum())
        assert draw == total / 40


def test_draws_do_not_depend_on_threads_or_their_number(rng: np.random.Generator) -> None:
    packed, ones = pack(rng.random((50, 8, 8)) < 0.5), np.ones(50)
    many = swap_null(packed, packed, ones, ones, 3, 120)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        assert (swap_null(packed, packed, ones, ones, 3, 7) == many[:7]).all()
    finally:
        numba.set_num_threads(before)


def test_bad_null_arguments_are_refused() -> None:
    packed, ones = pack(np.ones((2, 3, 3), bool)), np.ones(2)
    with pytest.raises(ValueError, match="finite numbers"):
        swap_null(packed, packed, ones, np.array([1, np.nan]), 0, 1)
    with pytest.raises(ValueError, match="as many masks"):
        swap_null(packed, packed[:1], ones, ones, 0, 1)
    with pytest.raises(ValueError, match="seed must lie"):
        swap_null(packed, packed, ones, ones, -1, 1)
    with pytest.raises(ValueError, match="k must lie"):
        pairing(3, 0, 1 << 64)


def test_arrays_from_elsewhere_are_refused_by_name() -> None:
    cupy_like = type("ndarray", (), {"__module__": "cupy"})()
    with pytest.raises(TypeError, match="maps in CuPy, groups in NumPy"):
        density(cupy_like, np.zeros(1, int), 1)
    with pytest.raises(TypeError, match="packed must be a NumPy or CuPy array, got"):
        area([[1]])


def test_importing_the_kernels_does_not_import_numba() -> None:
    code = "import sys, spatialstats.kernels; sys.exit('numba' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
