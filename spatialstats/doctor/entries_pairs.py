"""Checks of draws, and of pairs of masks and maps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatialstats import kernels

from . import random_words
from .checks import Arrays, Check

SEED = 5 << 40 | 3


def _stacks(rng: np.random.Generator) -> Arrays:
    return {"a": rng.random((20, 9, 11)) < 0.5, "b": rng.random((20, 9, 11)) < 0.3}


def _overlaps(given: Mapping[str, Any], gpu: bool) -> Any:
    a, b = kernels.pack(given["a"]), kernels.pack(given["b"])
    return a, kernels.area(a), kernels.overlap(a, b), kernels.overlap_matrix(a, b)


def _counts(given: Mapping[str, Any]) -> Arrays:
    a, b = (given[name].reshape(20, -1).astype(np.int64) for name in ("a", "b"))
    shared = a @ b.T
    return {"result.1": a.sum(axis=1), "result.2": shared.diagonal(), "result.3": shared}


def _draws(given: Mapping[str, Any], gpu: bool) -> Any:
    return (
        kernels.permutations(60, SEED, count=8, on_gpu=gpu),
        kernels.sign_flips(60, SEED, count=8, on_gpu=gpu),
        kernels.shifts((9, 13), SEED, count=8, on_gpu=gpu),
    )


def _drawn(given: Mapping[str, Any]) -> Arrays:
    return {
        "result.0": np.array([random_words.permutation(60, SEED, k) for k in range(8)]),
        "result.1": np.array([random_words.signs(60, SEED, k) for k in range(8)]),
        "result.2": np.array([random_words.shift((9, 13), SEED, k) for k in range(8)]),
    }


def _weighted(rng: np.random.Generator) -> Arrays:
    weights = {"weights_a": rng.random(20), "weights_b": rng.random(20)}
    return {name: kernels.pack(masks) for name, masks in _stacks(rng).items()} | weights


def _weighted_overlaps(given: Mapping[str, Any]) -> Any:
    shared = np.bitwise_count(given["a"][:, None] & given["b"]).sum(axis=2)
    return shared * given["weights_a"][:, None] * given["weights_b"]


def _swapped(given: Mapping[str, Any]) -> Arrays:
    matrix = _weighted_overlaps(given)
    draws = [matrix[np.arange(20), random_words.permutation(20, SEED, k)].mean() for k in range(16)]
    return {"result": np.array(draws)}


def _margins(given: Mapping[str, Any]) -> Arrays:
    matrix = _weighted_overlaps(given)
    return {
        "result.rows": matrix.sum(axis=1),
        "result.columns": matrix.sum(axis=0),
        "result.diagonal": matrix.diagonal(),
        "result.total": matrix.sum().reshape(1),
    }


def _real_maps(rng: np.random.Generator) -> Arrays:
    return {"a": rng.normal(size=(7, 5, 6)), "b": rng.normal(size=(8, 5, 6)).astype(np.float32)}


def _correlations(given: Mapping[str, Any]) -> Arrays:
    a, b = (maps.reshape(len(maps), -1).astype(np.float64) for maps in (given["a"], given["b"]))
    return {"result": np.corrcoef(a, b)[:7, 7:]}


CHECKS = (
    Check("pack, area, overlap, overlap_matrix", _stacks, _overlaps, _counts),
    Check("permutations, sign_flips, shifts", lambda rng: {}, _draws, _drawn),
    Check(
        "swap_null",
        _weighted,
        lambda given, gpu: kernels.swap_null(**given, seed=SEED, n_resamples=16),
        _swapped,
    ),
    Check("overlap_sums", _weighted, lambda given, gpu: kernels.overlap_sums(**given), _margins),
    Check("pearson_matrix", _real_maps, lambda given, gpu: kernels.pearson_matrix(**given), _correlations),
)
