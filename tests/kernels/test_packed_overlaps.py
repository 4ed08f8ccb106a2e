"""Packed masks against plain NumPy, on the CPU and in emulated CUDA."""

from __future__ import annotations

import emulation
import numpy as np
import pytest
from conftest import Place
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from spatialstats.kernels.pairs import area, overlap, overlap_matrix, overlap_tiles, pack, unpack

MASKS = hnp.arrays(np.bool_, st.tuples(st.integers(0, 5), st.integers(1, 12), st.integers(1, 13)))
SHAPES = [(0, 5, 5), (3, 1, 1), (5, 8, 8), (70, 5, 13), (3, 31, 37)]


def flat(masks: np.ndarray) -> np.ndarray:
    return masks.reshape(len(masks), int(np.prod(masks.shape[1:]))).astype(int)


@settings(max_examples=60, deadline=None)
@given(MASKS)
def test_packing_keeps_every_pixel(masks: np.ndarray) -> None:
    packed = pack(masks)
    n_pixels = masks.shape[1] * masks.shape[2]
    assert packed.dtype == np.uint64
    assert packed.shape == (len(masks), -(-n_pixels // 64))
    assert (unpack(packed, masks.shape[1:]) == masks).all()
    assert (area(packed) == masks.sum(axis=(1, 2))).all()
    assert (overlap_matrix(packed, packed) == flat(masks) @ flat(masks).T).all()


def test_pixel_j_is_bit_j(place: Place) -> None:
    mask = np.zeros((1, 10, 10), bool)
    mask.flat[[3, 64, 99]] = True
    assert place.get(pack(place.put(mask))).tolist() == [[1 << 3, 1 | 1 << 35]]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("density", [0.0, 0.4, 1.0])
def test_every_place_gives_the_same_counts(
    place: Place, rng: np.random.Generator, shape: tuple[int, int, int], density: float
) -> None:
    a, b = rng.random(shape) < density, rng.random((4, *shape[1:])) < 0.7
    x, y = pack(place.put(a)), pack(place.put(b.view(np.uint8)))
    assert (place.get(unpack(x, shape[1:])) == a).all()
    assert (place.get(area(x)) == a.sum(axis=(1, 2))).all()
    shared = flat(a) @ flat(b).T
    matrix = place.get(overlap_matrix(x, y))
    assert matrix.dtype == np.int32
    assert (matrix == shared).all()
    if len(a):
        rows_a, rows_b = rng.integers(0, len(a), 9), rng.integers(0, 4, 9)
        found = place.get(overlap(x, y, place.put(rows_b), rows_a=place.put(rows_a)))
        assert found.dtype == np.int32
        assert (found == shared[rows_a, rows_b]).all()


def test_overlaps_of_partners(rng: np.random.Generator) -> None:
    a, b = rng.random((150, 11, 13)) < 0.5, rng.random((90, 11, 13)) < 0.3
    rows = rng.integers(0, 90, 150)
    assert (overlap(pack(a), pack(b), rows) == (a & b[rows]).sum(axis=(1, 2))).all()
    assert (overlap(pack(a), pack(a)) == a.sum(axis=(1, 2))).all()


def test_more_than_2_15_masks(rng: np.random.Generator) -> None:
    a = rng.random((40_000, 5, 5)) < 0.5
    packed = pack(a)
    assert (overlap_matrix(packed, packed[:70]) == flat(a) @ flat(a[:70]).T).all()
    rows = rng.integers(0, 40_000, 40_000)
    assert (overlap(packed, packed, rows) == (a & a[rows]).sum(axis=(1, 2))).all()


@pytest.mark.parametrize("n_pixels", [40, 700, 50176])
def test_matrices_of_small_and_large_masks(rng: np.random.Generator, n_pixels: int) -> None:
    a, b = rng.random((40, n_pixels)) < 0.5, rng.random((130, n_pixels)) < 0.2
    assert (overlap_matrix(pack(a), pack(b)) == a.astype(np.float32) @ b.T.astype(np.float32)).all()


@pytest.mark.parametrize("tile", [3, 100])
def test_tiles_make_up_the_matrix(place: Place, rng: np.random.Generator, tile: int) -> None:
    x, y = pack(place.put(rng.random((7, 9, 9)) < 0.5)), pack(place.put(rng.random((5, 9, 9)) < 0.5))
    whole = np.full((7, 5), -1)
    for rows, columns, block in overlap_tiles(x, y, tile=tile):
        assert block.shape[0] <= tile >= block.shape[1]
        whole[rows, columns] = place.get(block)
    assert (whole == place.get(overlap_matrix(x, y))).all()


@pytest.mark.parametrize(("order", "seed"), emulation.RUNS)
def test_every_order_of_threads_gives_the_cpus_bits(rng: np.random.Generator, order: str, seed: int) -> None:
    masks = rng.random((66, 4, 9)) < 0.5
    packed = pack(masks)
    with emulation.emulated(order, seed):
        assert (pack(masks[:9]) == packed[:9]).all()
        assert (overlap_matrix(packed, packed) == flat(masks) @ flat(masks).T).all()


def test_bad_packed_masks_are_refused(place: Place) -> None:
    packed = pack(place.put(np.ones((2, 3, 3), bool)))
    with pytest.raises(ValueError, match="each below 2"):
        overlap(packed, packed, place.put(np.array([0, 2])))
    with pytest.raises(ValueError, match="each below 2"):
        overlap(packed, packed, place.put(np.array([0])), rows_a=place.put(np.array([-1])))
    with pytest.raises(ValueError, match="give both sides"):
        overlap(packed, packed, place.put(np.array([0, 1, 0])))
    with pytest.raises(TypeError, match="must be integers"):
        overlap(packed, packed, place.put(np.array([0.0, 1.0])))
    with pytest.raises(ValueError, match="masks of one size"):
        overlap_matrix(packed, pack(place.put(np.ones((2, 9, 9), bool))))
    with pytest.raises(TypeError, match="uint64"):
        area(packed.astype(np.int64))
    with pytest.raises(ValueError, match="2 words a mask"):
        unpack(packed, (9, 9))
    with pytest.raises(ValueError, match=r"\{0, 1\}, got \[0, 2\]"):
        pack(place.put(np.array([[[1, 2, 0]]], np.uint8)))
    with pytest.raises(ValueError, match="tile must be at least 1"):
        overlap_tiles(packed, packed, tile=0)
