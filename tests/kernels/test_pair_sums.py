"""Margins of all pairs, of masks and of maps, against the matrices that they spare."""

from __future__ import annotations

from fractions import Fraction

import emulation
import numpy as np
import pytest
from conftest import Place
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats.kernels.pair_sums import PairSums, overlap_sums
from spatialstats.kernels.pairs import overlap_matrix, pack
from spatialstats.kernels.pearson import pearson_matrix, pearson_sums


def agree(sums: PairSums, matrix: np.ndarray, groups: np.ndarray, n_groups: int, tolerance: float) -> None:
    """Hold sums to the matrix of all pairs, group by group."""
    inside = matrix * (groups[:, None] == groups[None, :])
    scale = tolerance * max(1.0, float(abs(inside).sum(axis=1).max(initial=0)))
    np.testing.assert_allclose(sums.rows, inside.sum(axis=1), rtol=tolerance, atol=scale)
    np.testing.assert_allclose(sums.columns, inside.sum(axis=0), rtol=tolerance, atol=scale)
    np.testing.assert_allclose(sums.diagonal, np.diag(matrix), rtol=tolerance, atol=scale)
    for g in range(n_groups):
        own = groups == g
        n = int(own.sum())
        assert sums.count[g] == n
        block = matrix[own][:, own]
        np.testing.assert_allclose(sums.total[g], block.sum(), rtol=tolerance, atol=scale * max(1, n))
        if n:
            centred = np.diag(block) - block.mean(axis=1) - block.mean(axis=0) + block.mean()
            np.testing.assert_allclose(sums.centred_diagonal[own], centred, rtol=1e-9, atol=4 * scale)


@pytest.mark.parametrize("n_groups", [1, 3])
@pytest.mark.parametrize("shape", [(0, 5, 5), (1, 1, 1), (9, 3, 3), (40, 9, 11)])
def test_overlap_sums_are_the_matrixs(
    place: Place, rng: np.random.Generator, shape: tuple[int, int, int], n_groups: int
) -> None:
    n = shape[0]
    a, b = pack(rng.random(shape) < 0.5), pack(rng.random(shape) < 0.4)
    weights = rng.normal(size=n), 10.0 ** rng.uniform(-3, 3, n)
    groups = rng.integers(0, n_groups, n)
    put = [place.put(array) for array in (a, b, *weights)]
    found = overlap_sums(*put, groups=place.put(groups), n_groups=n_groups)
    names = ("rows", "columns", "diagonal", "total", "count", "groups")
    held = PairSums(*(place.get(getattr(found, name)) for name in names))
    matrix = weights[0][:, None] * weights[1][None, :] * overlap_matrix(a, b)
    agree(held, matrix, groups, n_groups, 1e-12)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_totals_are_rounded_once(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    masks = rng.random((2, n, 30)) < 0.5
    # weights of 20 bits are whole in the fixed point: the sum is then exact before its one rounding
    weights = rng.integers(0, 1 << 20, (2, n)) / 2.0**11
    exact = sum(
        (
            Fraction(float(weights[0, i]))
            * Fraction(float(weights[1, j]))
            * int((masks[0, i] & masks[1, j]).sum())
            for i in range(n)
            for j in range(n)
        ),
        Fraction(0),
    )
    assert overlap_sums(pack(masks[0]), pack(masks[1]), *weights).total[0] == float(exact)


def test_order_of_samples_does_not_matter(rng: np.random.Generator) -> None:
    a, b = pack(rng.random((50, 70)) < 0.5), pack(rng.random((50, 70)) < 0.5)
    weights = rng.random((2, 50))
    order = rng.permutation(50)
    plain = overlap_sums(a, b, *weights)
    turned = overlap_sums(a[order], b[order], weights[0][order], weights[1][order])
    assert (turned.total == plain.total).all()
    assert (turned.rows == plain.rows[order]).all()
    assert (turned.columns == plain.columns[order]).all()


def test_more_than_2_15_samples(rng: np.random.Generator) -> None:
    masks = rng.random((40_000, 30)) < 0.5
    packed = pack(masks)
    sums = overlap_sums(packed, packed)
    mean = masks.sum(axis=0)
    assert (sums.rows == masks.astype(int) @ mean).all()
    assert sums.total[0] == int(mean @ mean)


@pytest.mark.parametrize(("order", "seed"), emulation.RUNS)
def test_every_order_of_threads_gives_the_cpus_bits(rng: np.random.Generator, order: str, seed: int) -> None:
    a, b = pack(rng.random((140, 70)) < 0.5), pack(rng.random((140, 70)) < 0.5)
    weights, groups = rng.random((2, 140)), rng.integers(0, 3, 140)
    wanted = overlap_sums(a, b, *weights, groups=groups, n_groups=3)
    with emulation.emulated(order, seed):
        found = overlap_sums(a, b, *weights, groups=groups, n_groups=3)
    for name in ("rows", "columns", "diagonal", "total", "count"):
        assert getattr(found, name).tobytes() == getattr(wanted, name).tobytes()


@pytest.mark.parametrize("n_groups", [1, 3])
def test_pearson_sums_are_the_matrixs(rng: np.random.Generator, n_groups: int) -> None:
    a, b = rng.normal(size=(30, 6, 7)).astype(np.float32), rng.random((30, 6, 7)) ** 4
    groups = rng.integers(0, n_groups, 30)
    sums = pearson_sums(a, b, groups=groups, n_groups=n_groups)
    agree(sums, pearson_matrix(a, b), groups, n_groups, 1e-11)


def test_bad_arguments_are_refused(place: Place) -> None:
    packed, ones = pack(place.put(np.ones((2, 3, 3), bool))), place.put(np.ones(2))
    with pytest.raises(ValueError, match="same samples"):
        overlap_sums(packed, packed[:1])
    with pytest.raises(ValueError, match="2 finite numbers"):
        overlap_sums(packed, packed, ones, place.put(np.array([1, np.nan])))
    with pytest.raises(ValueError, match="rescale"):
        overlap_sums(packed, packed, ones, place.put(np.full(2, 1e200)))
    with pytest.raises(ValueError, match="groups must lie in"):
        overlap_sums(packed, packed, groups=place.put(np.array([0, 1])))
    with pytest.raises(ValueError, match="constant map"):
        pearson_sums(place.put(np.ones((2, 3))), place.put(np.ones((2, 3))))
    with pytest.raises(ValueError, match="same samples"):
        pearson_sums(place.put(np.ones((2, 3))), place.put(np.ones((1, 3))))
