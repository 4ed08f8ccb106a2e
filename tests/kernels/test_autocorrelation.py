"""Lattices and the cross sums over them under permutation, against matrices of weights and against esda."""

from __future__ import annotations

import warnings
from typing import Any

import numba
import numpy as np
import oracle_autocorrelation as oracle
import pytest
from conftest import Place
from emulation import RUNS, emulated
from hypothesis import given, settings
from hypothesis import strategies as st

from spatialstats.kernels import permute_gpu
from spatialstats.kernels.autocorrelation import CrossSums, Exceedances, bivariate_sums, cross_sums
from spatialstats.kernels.lattice import Lattice
from spatialstats.kernels.permute import permutations

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    import libpysal


@st.composite
def lattices(draw: st.DrawFn) -> Lattice:
    """Any neighbourhood on a small image, with missing pixels or on a torus."""
    shape = draw(st.integers(1, 7)), draw(st.integers(1, 8))
    radius = draw(st.sampled_from([1.0, 1.5, 2.0, 2.5]))
    mask = None
    if draw(st.booleans()):
        mask = np.array(
            draw(st.lists(st.booleans(), min_size=shape[0] * shape[1], max_size=shape[0] * shape[1]))
        )
        mask[draw(st.integers(0, mask.size - 1))] = True
        mask = mask.reshape(shape)
    torus = min(shape) > 2 * int(radius) and draw(st.booleans())
    return Lattice.distance_band(shape, radius, row_standardised=draw(st.booleans()), mask=mask, torus=torus)


def maps_for(lattice: Lattice, n: int, seed: int = 0) -> np.ndarray:
    """Maps with NaN where a pixel is missing."""
    maps = np.random.default_rng(seed).normal(size=(n, *lattice.shape))
    if lattice.mask is not None:
        maps[:, ~lattice.mask] = np.nan
    return maps


def values_of(lattice: Lattice, maps: np.ndarray) -> np.ndarray:
    return maps.reshape(len(maps), -1)[:, lattice.sites]


def same(a: Any, b: Any) -> None:
    """Assert that two results have the same bits."""
    pairs = ((a.cross, b.cross), (a.geary, b.geary)) if isinstance(a, CrossSums) else ((a, b),)
    for x, y in pairs:
        for name in ("observed", "n_greater", "n_less", "null"):
            assert getattr(x, name).tobytes() == getattr(y, name).tobytes(), name


def matches(found: Exceedances, i: int, observed: float, null: np.ndarray) -> None:
    """Assert values and counts of map i."""
    assert found.observed[i] == pytest.approx(observed, rel=1e-12, abs=1e-10)
    np.testing.assert_allclose(found.null[i], null, rtol=1e-12, atol=1e-10)
    scale = 1e-9 * max(1.0, abs(observed))
    assert found.n_greater[i] == (null >= observed - scale).sum()
    assert found.n_less[i] == (null <= observed + scale).sum()


@settings(max_examples=60, deadline=None)
@given(lattices())
def test_a_lattice_is_its_matrix(lattice: Lattice) -> None:
    w = oracle.weights(lattice)
    assert lattice.n == len(w)
    assert (lattice.degree.ravel()[lattice.sites] == (w > 0).sum(axis=1)).all()
    assert lattice.s0 == pytest.approx(w.sum())
    assert lattice.s1 == pytest.approx(((w + w.T) ** 2).sum() / 2)
    assert lattice.s2 == pytest.approx(((w.sum(axis=0) + w.sum(axis=1)) ** 2).sum())
    values = values_of(lattice, maps_for(lattice, 2))
    lag = lattice.lag(np, values).reshape(2, -1)[:, lattice.sites]
    np.testing.assert_allclose(lag, values @ (w > 0).T, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(lattices(), st.integers(1, 2), st.integers(0, 2**64 - 5))
def test_sums_are_those_of_the_matrix(lattice: Lattice, n: int, seed: int) -> None:
    w, maps = oracle.weights(lattice), maps_for(lattice, n)
    x, y = values_of(lattice, maps), values_of(lattice, maps[::-1])
    orders = permutations(lattice.n, seed, 3, 4)
    found = cross_sums(maps, lattice, seed, 4, first=3, keep=True)
    pair = bivariate_sums(maps, maps[::-1], lattice, seed, 4, first=3, keep=True)
    for i in range(n):
        matches(found.cross, i, x[i] @ w @ x[i], np.array([x[i][p] @ w @ x[i][p] for p in orders]))
        squares = [(w * (v[:, None] - v) ** 2).sum() for v in (x[i], *(x[i][p] for p in orders))]
        matches(found.geary, i, squares[0], np.array(squares[1:]))
        matches(pair, i, x[i] @ w @ y[i], np.array([x[i] @ w @ y[i][p] for p in orders]))


@pytest.mark.parametrize("rook", [True, False])
@pytest.mark.parametrize("transform", ["r", "b"])
def test_values_are_those_of_esda(rook: bool, transform: str, rng: np.random.Generator) -> None:
    shape = 23, 17
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.lat2W(*shape, rook=rook)
        x, y = rng.gamma(1.5, size=(2, 23 * 17))
        n, orders = x.size, permutations(x.size, 5, 0, 19)
        draws = iter(orders.tolist() * 9)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(np.random, "permutation", lambda values: values[next(draws)])
            moran = esda.Moran(x, w, transformation=transform, permutations=19)
            geary = esda.Geary(x, w, transformation=transform, permutations=19)
            pair = esda.Moran_BV(x, y, w, transformation=transform, permutations=19)
            g = esda.G(x, w, permutations=19)
        w.transform = transform
    lattice = (Lattice.rook if rook else Lattice.queen)(shape, row_standardised=transform == "r")
    assert (lattice.s0, lattice.s1, lattice.s2) == pytest.approx((w.s0, w.s1, w.s2), rel=1e-12)
    z, zy = x - x.mean(), y - y.mean()
    found = cross_sums(z.reshape(1, *shape), lattice, 5, 19, keep=True)
    both = bivariate_sums(z.reshape(1, *shape), zy.reshape(1, *shape), lattice, 5, 19, keep=True)
    raw = cross_sums(x.reshape(1, *shape), Lattice(shape, lattice.offsets, False), 5, 19, keep=True).cross
    for sums, factor, observed, sim in (
        (found.cross, n / lattice.s0 / (z @ z), moran.I, moran.sim),
        (found.geary, (n - 1) / 2 / lattice.s0 / (z @ z), geary.C, geary.sim),
        (both, 1 / (n - 1) / z.std(ddof=1) / zy.std(ddof=1), pair.I, pair.sim),
        (raw, 1 / (x.sum() ** 2 - x @ x), g.G, g.sim),
    ):
        assert sums.observed[0] * factor == pytest.approx(observed, abs=1e-10)
        np.testing.assert_allclose(sums.null[0] * factor, sim, rtol=0, atol=1e-10)
        assert sums.n_greater[0] == (sim >= observed).sum()


def test_sums_of_ones_and_zeros_are_join_counts(rng: np.random.Generator) -> None:
    y = (rng.random((9, 11)) < 0.4).astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        counted = esda.Join_Counts(y.ravel(), libpysal.weights.lat2W(9, 11, rook=True), permutations=0)
    found = cross_sums(y[None], Lattice.rook((9, 11), row_standardised=False))
    assert found.cross.observed[0] / 2 == counted.bb
    assert found.geary.observed[0] / 2 == counted.bw


@pytest.mark.parametrize("torus", [False, True])
def test_sums_in_every_kind_of_array(place: Place, rng: np.random.Generator, torus: bool) -> None:
    mask = rng.random((6, 7)) < 0.8
    for lattice in (Lattice.queen((6, 7), torus=torus), Lattice.rook((6, 7), mask=mask, torus=torus)):
        maps = maps_for(lattice, 2).astype(np.float32)
        wanted = CrossSums(*_plain(cross_sums, maps, lattice)), _plain(bivariate_sums, maps, lattice)
        found = cross_sums(place.put(maps), lattice, 7, 3, keep=True)
        pair = bivariate_sums(place.put(maps), place.put(maps[::-1]), lattice, 7, 3, keep=True)
        same(CrossSums(*(_got(place, part) for part in (found.cross, found.geary))), wanted[0])
        same(_got(place, pair), wanted[1])


def _plain(function: Any, maps: np.ndarray, lattice: Lattice) -> Any:
    """A result of the CPU, wherever the test at hand sends its arrays: from a thread of its own."""
    from spatialstats.kernels import device

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "lives_on_device", lambda array: False)
        if function is cross_sums:
            found = cross_sums(maps, lattice, 7, 3, keep=True)
            return found.cross, found.geary
        return bivariate_sums(maps, maps[::-1], lattice, 7, 3, keep=True)


def _got(place: Place, found: Exceedances) -> Exceedances:
    arrays = (found.observed, found.n_greater, found.n_less)
    return Exceedances(*(place.get(array) for array in arrays), found.n_resamples, place.get(found.null))


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("shared_memory", [227 << 10, 1 << 10])
def test_gpu_sums_have_the_same_bits(
    run: tuple[str, int], shared_memory: int, rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(permute_gpu, "GRID", 2)  # several permutations a block
    lattices = [
        Lattice.queen((5, 9)),
        Lattice.rook((9, 1), row_standardised=False),
        Lattice.distance_band((6, 7), 2.5, mask=rng.random((6, 7)) < 0.7, torus=True),
        Lattice.rook((1, 1)),
    ]
    for lattice in lattices:
        maps = maps_for(lattice, 2)
        arguments: Any = (lattice, 2**64 - 1, 3)
        cross = cross_sums(maps, *arguments, keep=True)
        pair = bivariate_sums(maps, maps[::-1], *arguments, keep=True)
        with emulated(*run, shared_memory=shared_memory):
            same(cross_sums(maps, *arguments, keep=True), cross)
            same(bivariate_sums(maps, maps[::-1], *arguments, keep=True), pair)


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (2, 2), (3, 5), (40, 33), (3, 1500), (1100, 2)])
def test_one_map_has_the_bits_of_many(shape: tuple[int, int]) -> None:
    """The shuffle in place, some rows at a time, against the one that lays values out."""
    for lattice in (Lattice.rook(shape), Lattice.queen(shape)):
        maps = maps_for(lattice, 2)
        many = cross_sums(maps, lattice, 1, 5, keep=True)
        pair = bivariate_sums(maps, maps[::-1], lattice, 1, 5, keep=True)
        for i in range(2):
            one = cross_sums(maps[i : i + 1], lattice, 1, 5, keep=True)
            for a, b in ((one.cross, many.cross), (one.geary, many.geary)):
                assert a.null.tobytes() == b.null[i : i + 1].tobytes()
                assert a.n_less[0] == b.n_less[i]
            alone = bivariate_sums(maps[i : i + 1], maps[1 - i : 2 - i], lattice, 1, 5, keep=True)
            assert alone.null.tobytes() == pair.null[i : i + 1].tobytes()


def test_counts_do_not_depend_on_threads_or_batches() -> None:
    lattice = Lattice.queen((20, 20))
    maps = maps_for(lattice, 1)
    whole = cross_sums(maps, lattice, 3, 50).cross
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        parts = [cross_sums(maps, lattice, 3, n, first=k).cross for k, n in ((0, 13), (13, 37))]
    finally:
        numba.set_num_threads(before)
    assert whole.null is None
    assert whole.n_greater == sum(part.n_greater for part in parts)
    assert whole.n_less == sum(part.n_less for part in parts)


def test_constant_maps_tie_with_every_draw() -> None:
    lattice = Lattice.queen((7, 6))
    for value in (0.0, 1.0, 0.1, 1e300**0.25, np.finfo(np.float32).tiny):
        found = cross_sums(np.full((1, 7, 6), value), lattice, 0, 20)
        pair = bivariate_sums(np.full((1, 7, 6), value), np.full((1, 7, 6), value), lattice, 0, 20)
        for part in (found.cross, found.geary, pair):
            assert part.n_greater == part.n_less == 20


def test_no_maps_and_no_draws() -> None:
    lattice = Lattice.rook((4, 5))
    assert cross_sums(np.zeros((0, 4, 5)), lattice, 0, 3).cross.observed.shape == (0,)
    found = cross_sums(np.ones((2, 4, 5)), lattice, keep=True).cross
    assert found.null.shape == (2, 0)
    assert found.n_greater.tolist() == [0, 0]


def test_bad_lattices_and_maps_are_refused() -> None:
    lattice = Lattice.rook((4, 5))
    for offsets in ((), ((0, 0),), ((0, 1),), ((0, 1), (0, 1))):
        with pytest.raises(ValueError, match="offsets must"):
            Lattice((4, 5), offsets)
    with pytest.raises(ValueError, match="torus must be wider"):
        Lattice.rook((2, 5), torus=True)
    with pytest.raises(ValueError, match="mask must have shape"):
        Lattice.rook((4, 5), mask=np.zeros((4, 5), bool))
    with pytest.raises(TypeError, match="mask must be"):
        Lattice.rook((4, 5), mask=np.zeros((4, 5)))
    with pytest.raises(ValueError, match="shape must be"):
        Lattice.rook((0, 5))
    with pytest.raises(ValueError, match="NaN or infinite"):
        cross_sums(np.full((1, 4, 5), np.nan), lattice)
    with pytest.raises(TypeError, match="float32 or float64"):
        cross_sums(np.zeros((1, 4, 5), int), lattice)
    with pytest.raises(ValueError, match="as the lattice"):
        cross_sums(np.zeros((1, 5, 4)), lattice)
    with pytest.raises(ValueError, match="as many maps"):
        bivariate_sums(np.zeros((1, 4, 5)), np.zeros((2, 4, 5)), lattice)
    with pytest.raises(ValueError, match="seed must lie"):
        cross_sums(np.zeros((1, 4, 5)), lattice, -1)
