"""Conditional permutation of neighbour sums, against its definition and against esda."""

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
from test_autocorrelation import lattices, maps_for, values_of

from spatialstats.kernels import local_autocorrelation_gpu, permute_gpu
from spatialstats.kernels.lattice import Lattice
from spatialstats.kernels.local_autocorrelation import LocalSums, local_sums

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    import libpysal


def drawn(lattice: Lattice, kind: str, seed: int, k: int, site: int) -> list[int]:
    """Sites that stand in for a site's neighbours in draw k."""
    degree = int(lattice.degree.ravel()[lattice.sites][site])
    if kind == "independent":
        return oracle.sample(degree, lattice.n - 1, site, 3, site, seed, k)
    together = oracle.sample(int(lattice.degree.max()) + 1, lattice.n, lattice.n, 4, 0, seed, k)
    own = together[:degree]
    return [together[degree] if j == site else j for j in own]


def same(a: LocalSums, b: LocalSums) -> None:
    """Assert that two results have the same bits."""
    for name in ("observed", "n_greater", "n_less"):
        assert getattr(a, name).tobytes() == getattr(b, name).tobytes(), name


@settings(max_examples=40, deadline=None)
@given(lattices(), st.sampled_from(["independent", "shared"]), st.integers(0, 2**64 - 5))
def test_counts_are_those_of_the_definition(lattice: Lattice, kind: Any, seed: int) -> None:
    maps = maps_for(lattice, 2)
    found = local_sums(maps, lattice, seed, 3, draws=kind, first=1)
    w = oracle.weights(lattice) > 0
    for i, values in enumerate(values_of(lattice, maps)):
        observed = w @ values
        null = np.array(
            [[values[drawn(lattice, kind, seed, k, s)].sum() for s in range(lattice.n)] for k in (1, 2, 3)]
        )
        np.testing.assert_allclose(found.observed[i].ravel()[lattice.sites], observed, atol=1e-12)
        assert (found.n_greater[i].ravel()[lattice.sites] == (null >= observed - 1e-9).sum(axis=0)).all()
        assert (found.n_less[i].ravel()[lattice.sites] == (null <= observed + 1e-9).sum(axis=0)).all()
    if lattice.mask is not None:
        assert (found.observed[:, ~lattice.mask] == 0).all()
        assert (found.n_greater[:, ~lattice.mask] == 3).all()


N_DRAWS = 1999


@pytest.fixture(scope="module")
def of_esda() -> dict[str, Any]:
    """Two maps, and esda's local statistics of them; its draws compile anew in every process."""
    rng = np.random.default_rng(20261122)
    x, y = rng.normal(size=(2, 12, 11)).cumsum(axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        w = libpysal.weights.lat2W(*x.shape, rook=False)
        return {
            "x": x,
            "y": y,
            "moran": esda.Moran_Local(y.ravel(), w, permutations=N_DRAWS, seed=1),
            "pair": esda.Moran_Local_BV(x.ravel(), y.ravel(), w, permutations=N_DRAWS, seed=1),
            "hot": esda.G_Local(y.ravel(), w, transform="R", permutations=0, star=False),
        }


def test_statistics_are_those_of_esda(of_esda: dict[str, Any]) -> None:
    y, lattice = of_esda["y"], Lattice.queen(of_esda["y"].shape)
    z = y - y.mean()
    lag, raw = (local_sums(v[None], lattice, 0, 0).observed[0] * lattice.row_weight for v in (z, y))
    moran = (z * lag).ravel() * (z.size - 1) / (z**2).sum()
    np.testing.assert_allclose(moran, of_esda["moran"].Is, rtol=0, atol=1e-10)
    hot = (raw / (y.sum() - y)).ravel()
    np.testing.assert_allclose(hot, of_esda["hot"].Gs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_p_values_are_those_of_esda(of_esda: dict[str, Any], kind: Any) -> None:
    """Local Moran and the bivariate one, each within the error of 1,999 draws on both sides."""
    x, y = of_esda["x"], of_esda["y"]
    found = local_sums((y - y.mean())[None], Lattice.queen(y.shape), 3, N_DRAWS, draws=kind)
    for sign, theirs in ((y - y.mean(), of_esda["moran"]), (x - x.mean(), of_esda["pair"])):
        counts = np.stack(
            [
                np.where(sign > 0, found.n_greater[0], found.n_less[0]).ravel(),
                (theirs.sim >= theirs.Is).sum(axis=0),
            ]
        )
        p = np.clip(counts.mean(axis=0) / N_DRAWS, 1e-3, 1 - 1e-3)
        assert (np.abs(counts[0] - counts[1]) / np.sqrt(2 * N_DRAWS * p * (1 - p))).max() < 5


@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_sums_in_every_kind_of_array(place: Place, rng: np.random.Generator, kind: Any) -> None:
    lattice = Lattice.queen((6, 7), mask=rng.random((6, 7)) < 0.8)
    maps = maps_for(lattice, 2).astype(np.float32)
    found = local_sums(place.put(maps), lattice, 7, 5, draws=kind)
    w = oracle.weights(lattice) > 0
    for i, values in enumerate(values_of(lattice, maps.astype(float))):
        null = np.array(
            [[values[drawn(lattice, kind, 7, k, s)].sum() for s in range(lattice.n)] for k in range(5)]
        )
        counts = place.get(found.n_less)[i].ravel()[lattice.sites]
        assert (counts == (null <= w @ values + 1e-9).sum(axis=0)).all()
        assert (
            place.get(found.n_greater)[i].ravel()[lattice.sites] == (null >= w @ values - 1e-9).sum(axis=0)
        ).all()


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("shared_memory", [227 << 10, 1 << 10])
@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_gpu_counts_are_the_same(
    run: tuple[str, int],
    shared_memory: int,
    kind: Any,
    rng: np.random.Generator,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(permute_gpu, "GRID", 2)
    monkeypatch.setattr(local_autocorrelation_gpu, "GRID", 1)  # several sites a thread
    for lattice in (
        Lattice.queen((12, 13)),
        Lattice.rook((5, 6), mask=rng.random((5, 6)) < 0.7),
        Lattice.distance_band((6, 7), 9, torus=False),
        Lattice.rook((1, 1)),
    ):
        maps = maps_for(lattice, 2)
        arguments: Any = (maps, lattice, 2**64 - 1, 4)
        wanted = local_sums(*arguments, draws=kind, first=2**64 - 4)
        with emulated(*run, shared_memory=shared_memory):
            same(local_sums(*arguments, draws=kind, first=2**64 - 4), wanted)


@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_counts_do_not_depend_on_threads_or_batches(kind: Any) -> None:
    lattice = Lattice.queen((9, 10))
    maps = maps_for(lattice, 1)
    whole = local_sums(maps, lattice, 3, 600, draws=kind)
    before = numba.get_num_threads()
    numba.set_num_threads(1)
    try:
        parts = [local_sums(maps, lattice, 3, n, draws=kind, first=k) for k, n in ((0, 270), (270, 330))]
    finally:
        numba.set_num_threads(before)
    assert (whole.n_greater == sum(part.n_greater for part in parts)).all()
    assert (whole.n_less == sum(part.n_less for part in parts)).all()


@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_samples_are_uniform(kind: Any) -> None:
    """On a 3x3 queen lattice the middle takes all others, a corner any three of eight."""
    values = np.zeros((1, 3, 3))
    values[0, 2, 2] = 1.0
    found = local_sums(values, Lattice.queen((3, 3)), 5, 8000, draws=kind)
    assert found.n_greater[0, 1, 1] == found.n_less[0, 1, 1] == 8000
    assert abs((8000 - found.n_less[0, 0, 0]) / 8000 - 3 / 8) < 4 * np.sqrt(15 / 64 / 8000)


@pytest.mark.parametrize("kind", ["independent", "shared"])
def test_constant_maps_islands_and_no_draws(kind: Any) -> None:
    lattice = Lattice.queen((4, 5))
    for value in (0.0, 0.1, 1e300):
        found = local_sums(np.full((1, 4, 5), value), lattice, 0, 9, draws=kind)
        assert (found.n_greater == 9).all()
        assert (found.n_less == 9).all()
    alone = np.zeros((4, 5), bool)
    alone[0, 0] = alone[3, 3] = True
    found = local_sums(maps_for(lattice, 1), Lattice.queen((4, 5), mask=alone), 0, 9, draws=kind)
    assert (found.observed == 0).all()
    assert (found.n_greater == 9).all()
    assert (local_sums(maps_for(lattice, 1), lattice, 0, 0, draws=kind).n_less == 0).all()
    assert local_sums(np.zeros((0, 4, 5)), lattice, 0, 3, draws=kind).n_less.shape == (0, 4, 5)


def test_unknown_draws_are_refused() -> None:
    unknown: Any = "both"
    with pytest.raises(ValueError, match="independent"):
        local_sums(np.zeros((1, 2, 2)), Lattice.rook((2, 2)), draws=unknown)
