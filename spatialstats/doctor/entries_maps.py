"""Checks of the statistics of maps: autocorrelation, t, clusters, enhancement."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatialstats import kernels

from . import random_words
from .checks import Arrays, Check

SEED = 7 << 33 | 1
SHAPE = (6, 7)
VALID = np.ones(SHAPE, bool)
VALID[2, 3] = VALID[5, 6] = False
SITES = np.argwhere(VALID)
DRAWS = 9


def _fields(rng: np.random.Generator) -> Arrays:
    return {"x": rng.normal(size=(2, *SHAPE)), "y": rng.normal(size=(2, *SHAPE)).astype(np.float32)}


def _lattice() -> kernels.Lattice:
    return kernels.Lattice.queen(SHAPE, mask=VALID)


def _weights() -> Any:
    """Matrix of weights between sites: neighbours are a step apart, and their weights add up to 1."""
    apart = np.abs(SITES[:, None] - SITES).max(axis=2)
    return (apart == 1) / (apart == 1).sum(axis=1, keepdims=True)


def _permuted(values: Any) -> Any:
    """Values on sites, and then their draws, (1 + draws, n)."""
    orders = [random_words.permutation(len(SITES), SEED, k) for k in range(DRAWS)]
    return np.stack([values, *(values[order] for order in orders)])


def _counted(name: str, sums: Any) -> Arrays:
    """What `Exceedances` of sums (N, 1 + draws) must be; without ties."""
    observed, draws = sums[:, 0], sums[:, 1:]
    return {
        f"{name}.observed": observed,
        f"{name}.n_greater": (draws >= observed[:, None]).sum(axis=1),
        f"{name}.n_less": (draws <= observed[:, None]).sum(axis=1),
    }


def _crossed(given: Mapping[str, Any]) -> Arrays:
    w = _weights()
    each = [_permuted(values) for values in given["x"][:, VALID]]
    cross = np.array([[z @ w @ z for z in draws] for draws in each])
    geary = np.array([[(w * (z[:, None] - z) ** 2).sum() for z in draws] for draws in each])
    return _counted("result.cross", cross) | _counted("result.geary", geary)


def _paired(given: Mapping[str, Any]) -> Arrays:
    w = _weights()
    fixed = [x @ w for x in given["x"][:, VALID]]
    permuted = [_permuted(y) for y in given["y"][:, VALID].astype(np.float64)]
    return _counted("result", np.array([y @ x for x, y in zip(fixed, permuted, strict=True)]))


def _neighbours(given: Mapping[str, Any]) -> Arrays:
    near = _weights() > 0
    greater, less = (np.full((2, *SHAPE), DRAWS) for _ in range(2))
    sums = np.zeros((2, *SHAPE))
    sums[:, VALID] = given["x"][:, VALID] @ near
    for site, (row, col) in enumerate(SITES):
        size = int(near[site].sum())
        picks = np.array([random_words.others(site, size, len(SITES), SEED, k) for k in range(DRAWS)])
        drawn = given["x"][:, VALID][:, picks].sum(axis=2)
        greater[:, row, col] = (drawn >= sums[:, row, col, None]).sum(axis=1)
        less[:, row, col] = (drawn <= sums[:, row, col, None]).sum(axis=1)
    return {"result.observed": sums, "result.n_greater": greater, "result.n_less": less}


def _signed(rng: np.random.Generator) -> Arrays:
    signs = rng.choice(np.array([-1, 1], np.int8), (6, 12))
    return {"maps": rng.normal(0.2, 1, (12, 7, 9)), "signs": signs}


def _t(given: Mapping[str, Any]) -> Arrays:
    flipped = given["signs"][:, :, None, None] * given["maps"]
    return {"result": flipped.mean(axis=1) / (flipped.std(axis=1, ddof=1) / np.sqrt(12))}


def _t_stack(rng: np.random.Generator) -> Arrays:
    return {"t": rng.normal(0, 2, (4, 11, 13))}


def _extents(t: Any) -> Any:
    """Size of the component of equal sign that each pixel above 0 lies in."""
    from scipy import ndimage

    total = np.zeros(t.shape)
    for side in (t > 0, t < 0):
        labels = ndimage.label(side)[0]
        total += np.where(side, np.bincount(labels.ravel())[labels], 0)
    return total


def _largest(given: Mapping[str, Any]) -> Arrays:
    above = [np.where(abs(t) > 2, t, 0) for t in given["t"]]
    return {
        "result.1.extent": np.array([int(_extents(t).max()) for t in above]),
        "result.1.t": abs(given["t"]).max(axis=(1, 2)),
    }


def _enhanced(given: Mapping[str, Any]) -> Arrays:
    scores = np.zeros(given["t"].shape)
    for t, out in zip(given["t"], scores, strict=True):
        for height in np.arange(0, abs(t).max(), 0.2):
            out += _extents(np.where(abs(t) > height, t, 0)) ** 0.5 * height**2 * 0.2
        out *= np.sign(t)
    return {"result": scores}


CHECKS = (
    Check(
        "cross_sums",
        _fields,
        lambda given, gpu: kernels.cross_sums(given["x"], _lattice(), SEED, DRAWS),
        _crossed,
    ),
    Check(
        "bivariate_sums",
        _fields,
        lambda given, gpu: kernels.bivariate_sums(given["x"], given["y"], _lattice(), SEED, DRAWS),
        _paired,
    ),
    Check(
        "local_sums",
        _fields,
        lambda given, gpu: kernels.local_sums(given["x"], _lattice(), SEED, DRAWS),
        _neighbours,
    ),
    Check("t_maps", _signed, lambda given, gpu: kernels.t_maps(**given), _t),
    Check(
        "clusters, cluster_maxima",
        _t_stack,
        lambda given, gpu: (kernels.clusters(given["t"], 2.0), kernels.cluster_maxima(given["t"], 2.0)),
        _largest,
    ),
    Check("tfce", _t_stack, lambda given, gpu: kernels.tfce(given["t"]), _enhanced),
)
