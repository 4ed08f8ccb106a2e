"""Tests inside single images: stationary nulls of two maps, and the autocorrelation of one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from calibration_draws import FEW, INSIDE, MANY, Found, p_values_alone
from calibration_fields import World, bump

from spatialstats import stats


@p_values_alone()
def inside_images(world: World) -> Found:
    """Nulls drawn inside each image: of stationary fields, and of fields with a centre in common."""
    setting, seed = world.setting, world.seed
    few = slice(0, INSIDE)
    own, attack = world.values(world.own[few]), world.values(world.attack[few])
    masks = world.masks(world.own[few], setting.roi), world.masks(world.attack[few], setting.roa)
    shifts = stats.shift_test(own, attack, n_resamples=FEW, seed=seed, workers=1)
    phases = stats.phase_test(own, attack, n_resamples=FEW, seed=seed)
    found = {
        "toroidal shift, one image": shifts.p_values[0],
        "toroidal shift, mean over images": shifts.p_value,
        "toroidal shift of masks, mean over images": stats.shift_test(
            *masks, n_resamples=FEW, seed=seed, workers=1
        ).p_value,
        "phase randomisation, one image": phases.p_values[0],
        "phase randomisation, mean over images": phases.p_value,
        "Dutilleul, one image": stats.effective_size_test(own[:1], attack[:1]).p_values[0],
    }
    if world.contrasts:
        pixels = stats.pixel_permutation_test(own[:1], attack[:1], n_resamples=FEW, seed=seed)
        found["[contrast] pixel permutation, one image"] = pixels.p_values[0]
    if setting.bias and world.contrasts:
        centre = bump(setting.size, setting.bias)
        found |= centred(
            world.values(world.own[few] + centre), world.values(world.attack[few] + centre), seed
        )
    return found


def centred(own: np.ndarray, attack: np.ndarray, seed: int) -> Found:
    """Stationary nulls on maps with a mean in common."""
    phases = stats.phase_test(own, attack, n_resamples=FEW, seed=seed)
    shifts = stats.shift_test(own, attack, n_resamples=FEW, seed=seed, workers=1)
    return {
        "[contrast] toroidal shift, one image, shared centre": shifts.p_values[0],
        "[contrast] toroidal shift, mean over images, shared centre": shifts.p_value,
        "[contrast] phase randomisation, one image, shared centre": phases.p_values[0],
        "[contrast] Dutilleul, one image, shared centre": stats.effective_size_test(
            own[:1], attack[:1]
        ).p_values[0],
    }


def autocorrelation(worlds: list[World]) -> dict[str, np.ndarray]:
    """Maps of shuffled pixels, one of each simulation; these share their draws."""
    setting, seed = worlds[0].setting, worlds[0].seed
    own = np.stack([world.values(world.own[0]) for world in worlds]).astype(np.float64)
    masks = np.stack([world.masks(world.own[:1], setting.roi)[0] for world in worlds])
    shuffled = np.stack([_shuffled(values, world.seed) for values, world in zip(own, worlds, strict=True)])
    mixed = np.stack([_shuffled(values, world.seed) for values, world in zip(masks, worlds, strict=True)])
    attack = np.stack([world.values(world.attack[0]) for world in worlds]).astype(np.float64)
    how: dict[str, Any] = {"n_resamples": MANY, "seed": seed}
    found: dict[str, np.ndarray] = {}
    positive = shuffled if setting.skewness else np.abs(shuffled)
    tests: dict[str, Callable[[], stats.Autocorrelation]] = {
        "Moran's I": lambda: stats.morans_i(shuffled, **how),
        "Geary's C": lambda: stats.gearys_c(shuffled, "queen", **how),
        "Getis-Ord G": lambda: stats.getis_ord_g(positive, **how),
        "bivariate Moran's I": lambda: stats.bivariate_morans_i(attack, shuffled, **how),
    }
    joins = stats.join_counts(mixed, **how)
    parts = {name: test() for name, test in tests.items()}
    parts |= {f"join counts {name}": getattr(joins, name) for name in ("bb", "bw")}
    for name, part in parts.items():
        found[f"{name}, permutation"] = _certain(part.p_values)
        found[f"{name}, analytic (randomisation)"] = _certain(part.p_randomisation)
        if name in ("Moran's I", "Geary's C"):
            found[f"{name}, analytic (normality)"] = _certain(part.p_normality)
    bands = stats.correlogram(shuffled, (0, 1, 2, 4), n_resamples=MANY, seed=seed)
    found["correlogram, least p by Holm"] = bands.p_adjusted.min(1)
    found["[contrast] bivariate Moran's I of two unrelated maps, permutation"] = stats.bivariate_morans_i(
        attack, own, **how
    ).p_values
    return found


def _shuffled(values: np.ndarray, seed: int) -> np.ndarray:
    order = np.random.default_rng((seed, 1)).permutation(values.size)
    return values.ravel()[order].reshape(values.shape)


def _certain(p: np.ndarray) -> np.ndarray:
    """p-values; 1 where a map cannot be tested."""
    return np.where(np.isfinite(p), p, 1.0)
