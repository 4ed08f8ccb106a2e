"""What `bench_kernels.py` times: cluster inference and threshold-free enhancement under sign flips."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import numpy as np
from bench_kernels_cases import Array, Case, Peer, equal, within
from bench_kernels_nulls import DRAWS
from scipy import ndimage

from spatialstats import kernels
from spatialstats.kernels import Enhancement

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import mne
    import tfce as tfce_package
    from mne.stats import permutation_cluster_1samp_test
    from mne.stats.cluster_level import _get_1samp_orders
    from tfce.glm import PermutedGLM

FP64 = 17e12
"""Multiply-adds a second on an H100."""

THRESHOLD = 2.0
EXACT = Enhancement(step=None)


def maps_of(n: int, side: int) -> Array:
    """Smooth noise with a weak effect in one corner."""
    noise = np.random.default_rng(0).normal(size=(n, side, side))
    maps: Array = ndimage.gaussian_filter(noise, (0, 1.2, 1.2))
    maps /= maps.std()
    maps[:, : side // 4, : side // 4] += 0.3
    return maps


def mnes(maps: Array, threshold: Any, jobs: int) -> Callable[[], Any]:
    """MNE's whole test: t, clusters, p-values, null."""
    return lambda: permutation_cluster_1samp_test(
        maps, threshold=threshold, n_permutations=DRAWS + 1, n_jobs=jobs, rng=np.random.default_rng(7),
        verbose="ERROR",
    )  # fmt: skip


def mnes_signs(n: int) -> Array:
    """The signs that it drew."""
    orders = np.array(_get_1samp_orders(n, DRAWS + 1, 0, np.random.default_rng(7))[0])
    signs: Array = (2 * orders - 1).astype(np.int8)
    return signs


def drawn(maps: Any) -> Any:
    """Our own signs, where the maps are."""
    return kernels.sign_flips(len(maps), 0, 0, DRAWS, on_gpu=not isinstance(maps, np.ndarray))


def products(maps: Array) -> tuple[float, float, str]:
    """The signed sums of all draws, which are a matrix product."""
    return float(maps.size * DRAWS), FP64, "float64 multiply-adds"


def cluster_case(n: int, side: int, goal: float, threads: int) -> Case:
    maps = maps_of(n, side)

    def same(ours: Any, theirs: Any) -> str:
        t, found, p, null = theirs
        given = kernels.cluster_test(maps, mnes_signs(n), THRESHOLD)
        equal(np.array(len(given.clusters)), np.array(len(found)))
        within(np.sort(given.p_mass), np.sort(p), 1e-12)
        within(ours.t, t, 1e-9)
        return within(given.null.mass, np.abs(null[1:]), 1e-9) + " on its signs, p equal"

    peers = [
        Peer(f"mne, n_jobs={jobs}", mnes(maps, THRESHOLD, jobs), same, goal) for jobs in sorted({1, threads})
    ]
    ours = lambda m: kernels.cluster_test(m, drawn(m), THRESHOLD)  # noqa: E731
    job = f"sign-flip cluster test, {n:,} maps {side}x{side}, {DRAWS} draws"
    return Case(job, (maps,), ours, peers, work=products(maps))


def tfce_case(n: int, side: int, threads: int) -> Case:
    maps = maps_of(n, side)

    def same(ours: Any, theirs: Any) -> str:
        scores, _, p, null = theirs
        given = kernels.tfce_test(maps, mnes_signs(n))
        within(given.p.ravel(), p, 1e-12)
        within(ours.scores, scores, 1e-9)
        return within(given.null, null[1:], 1e-9) + " on its signs, p equal"

    steps = {"start": 0, "step": 0.2}
    peers = [Peer(f"mne, n_jobs={jobs}", mnes(maps, steps, jobs), same, 75) for jobs in sorted({1, threads})]
    ours = lambda m: kernels.tfce_test(m, drawn(m))  # noqa: E731
    job = f"TFCE test in steps, {n:,} maps {side}x{side}, {DRAWS} draws"
    return Case(job, (maps,), ours, peers, work=products(maps))


def exact_tfce_case(n: int, side: int, threads: int) -> Case:
    maps = maps_of(n, side)
    signs = kernels.sign_flips(n, 0, 0, DRAWS)

    def package() -> Array:
        fit = PermutedGLM(maps.reshape(n, -1).T, np.ones((n, 1)), np.ones(1)).fit_signs
        t = np.stack([fit(own) for own in signs], axis=-1).reshape(side, side, 1, DRAWS)
        scores = tfce_package.tfce(t, connectivity=6, n_jobs=threads)
        largest: Array = np.abs(scores).max(axis=(0, 1, 2))
        return largest

    peer = Peer(
        "tfce package, its GLM and transform", package, lambda mine, other: within(mine, other, 1e-5), 1
    )
    ours = lambda m: kernels.tfce_null(m, signs, EXACT)  # noqa: E731
    job = f"exact TFCE null, {n:,} maps {side}x{side}, {DRAWS} draws"
    return Case(job, (maps,), ours, [peer], on_gpu=False)


def exact_transform_case(k: int, side: int, threads: int) -> Case:
    maps = maps_of(30, side)
    t = kernels.t_maps(maps, kernels.sign_flips(30, 0, 0, k)).astype(np.float32)
    theirs = np.ascontiguousarray(np.moveaxis(t, 0, -1)[:, :, None])
    peer = Peer(
        "tfce package, its transform",
        lambda: tfce_package.tfce(theirs, connectivity=6, n_jobs=threads),
        lambda mine, other: within(mine, np.moveaxis(other[:, :, 0], -1, 0), 1e-5),
        1,
    )
    ours = lambda maps: kernels.tfce(maps, EXACT)  # noqa: E731
    return Case(
        f"exact TFCE of {k:,} t maps {side}x{side}", (t,), ours, [peer], out=8.0 * t.size, on_gpu=False
    )


def cases(quick: bool, threads: int) -> Iterator[tuple[str, Callable[[], Case]]]:
    """Names of the jobs, and what makes their data."""
    mne.set_log_level("ERROR")
    side, small = (40, 16) if quick else (224, 64)
    yield "clusters-224", partial(cluster_case, 20 if quick else 100, side, 20, threads)
    yield "clusters-32", partial(cluster_case, 50 if quick else 1000, 32, 6, threads)
    yield "tfce-64", partial(tfce_case, 20 if quick else 100, small, threads)
    yield "tfce-exact-64", partial(exact_tfce_case, 20 if quick else 100, small, threads)
    yield "tfce-exact-transform", partial(exact_transform_case, 100 if quick else 1000, small, threads)
