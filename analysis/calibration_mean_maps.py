"""Tests over images: mean maps of two conditions or of two groups, and places that were searched."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from calibration_draws import FEW, FIRST, FORMING, PAIRED, PLACED, SOME, Found, interval_holds
from calibration_fields import World, bump

from spatialstats import kernels, stats
from spatialstats.stats.relabelling import relabellings_of


def over_images(world: World) -> Found:
    """Mean maps: paired conditions, two groups, and searched locations."""
    setting, seed = world.setting, world.seed
    centre = bump(setting.size, setting.bias)
    rng = np.random.default_rng(seed)
    scale = np.exp(rng.standard_normal((len(world.own), 1, 1)))  # images differ in scale, in both conditions
    a, b = (scale * world.values(field + centre) for field in (world.own, world.other))
    found = paired(a[:PAIRED], b[:PAIRED], seed) | grouped(a[:FIRST], b[FIRST:], seed)
    if world.contrasts:
        found |= beyond(world, seed)
    windows = stats.window_means(world.values(world.own[:PLACED] + centre), 5, 5)
    chosen = rng.integers(0, windows.shape[1], len(windows))
    place = stats.location_test(windows, chosen, n_resamples=FEW, seed=seed)
    found["location test"] = place.p_value
    found["location test, interval"] = interval_holds(place.low, place.high, 0.0)
    return found


def beyond(world: World, seed: int) -> Found:
    """Tests of mean maps where they do not hold: groups that vary unequally, skewed maps by themselves."""
    found: Found = {}
    spread = 3 * world.own[:FIRST], world.other[FIRST:]
    for way, name in (("pooled", "Student's t"), ("unequal", "Welch's t")):
        test = stats.group_test(*spread, n_resamples=FEW, seed=seed, variances=way)  # type: ignore[arg-type]
        found[f"[contrast] two groups, unequal spread, {name}"] = test.min_p
    if world.setting.skewness:
        raw = world.values(world.own[:PAIRED]) - math.exp(world.setting.skewness**2 / 2)
        found["[contrast] sign-flip of skewed maps centred at their mean"] = stats.sign_flip_test(
            raw, n_resamples=FEW, seed=seed
        ).min_p
    return found


def paired(a: np.ndarray, b: np.ndarray, seed: int) -> Found:
    """Sign-flips of two conditions of the same images."""
    differences = np.subtract(a, b, dtype=np.float64)
    signs = kernels.sign_flips(len(a), seed, 0, SOME)
    found = _clusters("sign-flip", kernels.cluster_test(differences, signs, FORMING))
    found["sign-flip, TFCE"] = stats.paired_test(a, b, statistic="tfce", n_resamples=FEW, seed=seed).min_p
    # Benjamini and Yekutieli's p are these times a number above 1
    found["paired, parametric FDR (BH)"] = stats.paired_test(
        a, b, statistic="fdr-bh", parametric=True, n_resamples=FEW, seed=seed
    ).min_p
    return found


def grouped(a: np.ndarray, b: np.ndarray, seed: int) -> Found:
    """Permuted labels of two groups."""
    maps = np.concatenate([a, b]).astype(np.float64)
    draws = relabellings_of(len(a), len(b), seed, SOME)
    (signs,) = draws.blocks(SOME)
    found = _clusters(
        "two groups",
        kernels.cluster_test(maps, signs, FORMING, design="two-sample", observed=draws.observed),
    )
    how: dict[str, Any] = {"n_resamples": FEW, "seed": seed}
    found["two groups, TFCE"] = stats.group_test(a, b, statistic="tfce", **how).min_p
    found["two groups, Welch's t"] = stats.group_test(a, b, variances="unequal", **how).min_p
    return found


def _clusters(name: str, found: kernels.ClusterTest) -> Found:
    extent, mass = (float(p.min()) if p.size else 1.0 for p in (found.p_extent, found.p_mass))
    return {
        f"{name}, max-t": float(found.p_t.min()),
        f"{name}, cluster extent": extent,
        f"{name}, cluster mass": mass,
    }
