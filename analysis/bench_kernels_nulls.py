"""What `bench_kernels.py` times: permutation nulls of autocorrelation."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any
from unittest import mock

import numpy as np
from bench_kernels_cases import Array, Case, Peer, within
from scipy import ndimage

from spatialstats import kernels
from spatialstats.kernels import Lattice

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import esda
    import libpysal

DRAWS, GIVEN = 999, 9
L2 = 5.5e12
"""Bytes out of the second cache a second on an H100."""


def field(side: int) -> tuple[Array, Lattice, Any]:
    """A skewed smooth map (1, side, side), its lattice, and the same weights for esda."""
    noise = np.random.default_rng(0).normal(size=(side, side))
    values = np.exp(2 * ndimage.gaussian_filter(noise, 1.0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        weights = libpysal.weights.lat2W(side, side, rook=True)
    weights.transform = "r"
    weights.sparse  # noqa: B018 (worked out once and kept, before the clock starts)
    return values[None], Lattice.rook((side, side)), weights


def global_case(side: int) -> Case:
    values, lattice, w = field(side)
    y, z = values.ravel(), values - values.mean()
    scale = lattice.n / lattice.s0 / (z**2).sum()
    factors = {"Moran": scale, "Geary": scale * (lattice.n - 1) / lattice.n / 2}

    def same(kind: str, statistic: str) -> Callable[[Any, Any], str]:
        def compare(ours: Any, theirs: Any) -> str:
            part = "cross" if kind == "Moran" else "geary"
            return _given(
                lambda: getattr(esda, kind)(y, w, permutations=GIVEN),
                getattr(kernels.cross_sums(z, lattice, 0, GIVEN, keep=True), part),
                getattr(ours, part).observed, factors[kind], statistic, lattice.n,
            )  # fmt: skip

        return compare

    def run(kind: str) -> Callable[[], Any]:
        return lambda: getattr(esda, kind)(y, w, permutations=DRAWS)

    peers = [
        Peer("esda.Moran", run("Moran"), same("Moran", "I"), 20),
        Peer("esda.Geary", run("Geary"), same("Geary", "C"), 40),
    ]
    ours = lambda maps: kernels.cross_sums(maps, lattice, 0, DRAWS)  # noqa: E731
    return Case(f"Moran and Geary in one pass, {side}x{side} rook, {DRAWS} draws", (z,), ours, peers)


def bivariate_case(side: int) -> Case:
    values, lattice, w = field(side)
    other = np.random.default_rng(1).normal(size=values.shape) + 0.1 * values
    x, y = (part - part.mean() for part in (values, other))
    factor = 1 / (lattice.n - 1) / x.std(ddof=1) / y.std(ddof=1)

    def same(ours: Any, theirs: Any) -> str:
        return _given(
            lambda: esda.Moran_BV(x.ravel(), y.ravel(), w, permutations=GIVEN),
            kernels.bivariate_sums(x, y, lattice, 0, GIVEN, keep=True),
            ours.observed, factor, "I", lattice.n,
        )  # fmt: skip

    run = lambda: esda.Moran_BV(x.ravel(), y.ravel(), w, permutations=DRAWS)  # noqa: E731
    ours = lambda a, b: kernels.bivariate_sums(a, b, lattice, 0, DRAWS)  # noqa: E731
    job = f"bivariate Moran, {side}x{side} rook, {DRAWS} draws"
    return Case(job, (x, y), ours, [Peer("esda.Moran_BV", run, same, 35)])


def _given(run: Callable[[], Any], ours: Any, observed: Array, factor: float, statistic: str, n: int) -> str:
    """Compare the observed value, and the draws when esda is handed our permutations."""
    draws = iter(kernels.permutations(n, 0, 0, GIVEN))
    with mock.patch.object(np.random, "permutation", lambda values: np.asarray(values)[next(draws)]):
        theirs = run()
    within(observed * factor, getattr(theirs, statistic), 1e-10)
    return within(ours.null[0] * factor, theirs.sim, 1e-9) + f" on {GIVEN} given draws"


def local_case(side: int, threads: int, star: bool, draws: Any) -> Case:
    values, lattice, w = field(side)
    y = values.ravel()
    given = values if star else values - values.mean()

    def same(ours: Any, theirs: Any) -> str:
        lag, up, down = ours.observed[0].ravel(), ours.n_greater[0].ravel(), ours.n_less[0].ravel()
        degree = lattice.degree.ravel()
        if star:
            agreed = within((lag + y) / (degree + 1) / y.sum(), theirs.Gs, 1e-10)
            count = up
        else:
            z = given.ravel()
            agreed = within(z * lag / degree * (z.size - 1) / (z**2).sum(), theirs.Is, 1e-10)
            count = np.where(z > 0, up, down)
        # esda's p is of the smaller tail
        mine, other = np.minimum(count, DRAWS - count) / DRAWS, theirs.p_sim - 1 / (DRAWS + 1)
        error = np.sqrt(np.maximum(other * (1 - other), 2e-3) / DRAWS * 2)
        apart = np.abs(mine - other) / error
        typical = float(np.sqrt((apart**2).mean()))
        # shared draws miss together: 999 of them bound how far
        if apart.max() > 7 or typical > (1.1 if draws == "independent" else 2):
            raise AssertionError(
                f"p-values differ by {typical:.1f}, at most {apart.max():.1f} standard errors"
            )
        return f"{agreed}; p apart by {typical:.1f} standard errors"

    def run(n_jobs: int) -> Callable[[], Any]:
        kept = {"permutations": DRAWS, "keep_simulations": False, "n_jobs": n_jobs, "seed": 1}
        if star:
            return lambda: esda.G_Local(y, w, transform="R", star=True, **kept)
        return lambda: esda.Moran_Local(y, w, **kept)

    name, goal = "esda.G_Local" if star else "esda.Moran_Local", 8 if draws == "independent" else 500
    peers = [Peer(f"{name}, n_jobs={jobs}", run(jobs), same, goal) for jobs in sorted({1, threads})]
    ours = lambda maps: kernels.local_sums(maps, lattice, 0, DRAWS, draws=draws)  # noqa: E731
    job = f"{'Gi*' if star else 'local Moran'}, {draws} draws, {side}x{side} rook, {DRAWS} draws"
    sites = float(lattice.degree.sum())
    work = (sites * DRAWS * 32, L2, "bytes gathered from L2") if draws == "independent" else None
    return Case(job, (given,), ours, peers, out=16.0 * y.size, work=work)


def cases(quick: bool, threads: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Names of the jobs, and what makes their data."""
    side = 40 if quick else 224
    yield "moran-geary", partial(global_case, side)
    yield "bivariate-moran", partial(bivariate_case, side)
    for draws in ("independent", "shared"):
        yield f"local-moran-{draws}", partial(local_case, side, threads, False, draws)
        yield f"gi-star-{draws}", partial(local_case, side, threads, True, draws)
