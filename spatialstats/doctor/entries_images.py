"""Checks of the densities, components and clusters of images."""

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
)
