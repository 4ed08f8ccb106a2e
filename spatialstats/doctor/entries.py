"""The checks of `spatialstats doctor`: one entry for each operation of the kernels.

An entry makes small inputs, runs the operation on them, and may give a brief answer of its own by other
means.  To add an operation, append one `Check` to `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from spatialstats import kernels

from .checks import Arrays, Check


def _maps(rng: np.random.Generator) -> Arrays:
    maps = rng.uniform(-1, 1, (60, 9, 13)).astype(np.float32)
    maps[0], maps[1] = 1, -1
    return {"maps": maps, "groups": rng.integers(0, 3, 60)}


def _sums_of_maps(given: Mapping[str, Any]) -> Arrays:
    steps = np.rint(given["maps"].astype(np.float64) * 2**24).astype(np.int64)
    each = [steps[given["groups"] == group] for group in range(4)]
    return {
        "result.positive": np.stack([np.maximum(group, 0).sum(axis=0) for group in each]),
        "result.negative": np.stack([np.maximum(-group, 0).sum(axis=0) for group in each]),
        "result.exceeded": np.stack([(group > 2**23).sum(axis=0) for group in each])[None],
    }


def _pairs(rng: np.random.Generator) -> Arrays:
    clean = rng.integers(0, 256, (40, 3, 8, 8), dtype=np.uint8)
    moved = np.clip(clean.astype(int) + rng.integers(-9, 10, clean.shape), 0, 255).astype(np.uint8)
    return {"clean": clean, "adversarial": moved, "groups": rng.integers(0, 3, 40)}


def _sums_of_pairs(given: Mapping[str, Any]) -> Arrays:
    delta = given["adversarial"].astype(np.int64) - given["clean"]
    each = [delta[given["groups"] == group] for group in range(4)]
    return {
        "result.positive": np.stack([np.maximum(group, 0).sum(axis=(0, 1)) for group in each]),
        "result.negative": np.stack([np.maximum(-group, 0).sum(axis=(0, 1)) for group in each]),
        "result.square_low": np.stack([(group**2).sum(axis=(0, 1)) for group in each]),
    }


def _masks(rng: np.random.Generator) -> Arrays:
    shares = np.linspace(0, 1, 12)[:, None, None]
    masks = rng.random((12, 14, 19)) < shares
    return {"masks": masks, "weights": rng.random(masks.shape, dtype=np.float32)}


def _components(given: Mapping[str, Any]) -> Arrays:
    from scipy import ndimage

    labels = np.stack([ndimage.label(mask)[0] for mask in given["masks"]])
    areas = [np.bincount(image.ravel())[1:] for image in labels]
    return {"result.labels": labels, "result.regions.area": np.concatenate(areas)}


def _labelled(rng: np.random.Generator) -> Arrays:
    labels = rng.integers(0, 5, (4, 9, 11)).astype(np.int32)
    labels[:, 0, :5] = range(5)  # every number is there
    return {"labels": labels, "weights": rng.random(labels.shape, dtype=np.float32)}


def _measures(given: Mapping[str, Any]) -> Arrays:
    areas = [np.bincount(image.ravel())[1:] for image in given["labels"]]
    return {"result.area": np.concatenate(areas)}


def _points(rng: np.random.Generator) -> Arrays:
    held = rng.random((4, 15, 17)) < 0.4
    return {"weights": np.where(held, rng.integers(1, 4, held.shape), 0).astype(np.float32)}


def _dbscan(given: Mapping[str, Any]) -> Arrays:
    from sklearn.cluster import DBSCAN

    labels = np.full(given["weights"].shape, -2)
    for image, out in zip(given["weights"], labels, strict=True):
        points = np.argwhere(image > 0)
        fitted = DBSCAN(eps=1.5, min_samples=7).fit(points, sample_weight=image[image > 0])
        out[image > 0] = fitted.labels_
    return {"result": labels}


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
        kernels.permutations(60, 5, count=8, on_gpu=gpu),
        kernels.sign_flips(60, 5, count=8, on_gpu=gpu),
        kernels.shifts((9, 13), 5, count=8, on_gpu=gpu),
    )


def _pairings(given: Mapping[str, Any]) -> Arrays:
    return {"result.0": np.stack([kernels.pairing(60, 5, k) for k in range(8)])}


def _weighted(rng: np.random.Generator) -> Arrays:
    weights = {"weights_a": rng.random(20), "weights_b": rng.random(20)}
    return {name: kernels.pack(masks) for name, masks in _stacks(rng).items()} | weights


def _swapped(given: Mapping[str, Any]) -> Arrays:
    matrix = kernels.overlap_matrix(given["a"], given["b"]) * given["weights_a"][:, None] * given["weights_b"]
    draws = [matrix[np.arange(20), kernels.pairing(20, 5, k)].mean() for k in range(16)]
    return {"result": np.array(draws)}


def _signed(rng: np.random.Generator) -> Arrays:
    signs = rng.choice(np.array([-1, 1], np.int8), (6, 12))
    return {"maps": rng.normal(0.2, 1, (12, 7, 9)), "signs": signs}


def _t(given: Mapping[str, Any]) -> Arrays:
    flipped = given["signs"][:, :, None, None] * given["maps"]
    return {"result": flipped.mean(axis=1) / (flipped.std(axis=1, ddof=1) / np.sqrt(12))}


def _t_stack(rng: np.random.Generator) -> Arrays:
    return {"t": rng.normal(0, 2, (4, 11, 13))}


CHECKS = (
    Check(
        "density",
        _maps,
        lambda given, gpu: kernels.density(given["maps"], given["groups"], 4, thresholds=(0.5,)),
        _sums_of_maps,
    ),
    Check(
        "density_pairs",
        _pairs,
        lambda given, gpu: kernels.density_pairs(
            given["clean"], given["adversarial"], given["groups"], 4, thresholds=(4 / 255,)
        ),
        _sums_of_pairs,
    ),
    Check("label", _masks, lambda given, gpu: kernels.label(given["masks"], given["weights"]), _components),
    Check(
        "measure", _labelled, lambda given, gpu: kernels.measure(given["labels"], given["weights"]), _measures
    ),
    Check(
        "lattice_dbscan",
        _points,
        lambda given, gpu: kernels.lattice_dbscan(given["weights"], eps=1.5, min_samples=7),
        _dbscan,
    ),
    Check("pack, area, overlap, overlap_matrix", _stacks, _overlaps, _counts),
    Check("permutations, sign_flips, shifts", lambda rng: {}, _draws, _pairings),
    Check(
        "swap_null",
        _weighted,
        lambda given, gpu: kernels.swap_null(**given, seed=5, n_resamples=16),
        _swapped,
    ),
    Check("overlap_sums", _weighted, lambda given, gpu: kernels.overlap_sums(**given)),
    Check("t_maps", _signed, lambda given, gpu: kernels.t_maps(**given), _t),
    Check(
        "clusters, cluster_maxima",
        _t_stack,
        lambda given, gpu: (kernels.clusters(given["t"], 2.0), kernels.cluster_maxima(given["t"], 2.0)),
    ),
    Check("tfce", _t_stack, lambda given, gpu: kernels.tfce(given["t"])),
)
