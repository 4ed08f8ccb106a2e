"""Confidence sets on one simulation: whether they miss a truth that is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from calibration_draws import MANY, Found
from calibration_fields import World, bump
from scipy import stats as scipy_stats

from spatialstats import stats


@dataclass(frozen=True)
class Known:
    """Maps of numbers whose mean over the population is known.

    Parameters
    ----------
    maps : numpy.ndarray
        (N, H, W).
    c : float
        What the mean is compared with.
    truth : numpy.ndarray
        bool (H, W): where the population's mean is above it.
    """

    maps: np.ndarray
    c: float
    truth: np.ndarray


def numbers(world: World) -> Known:
    """Values around a bump in the centre."""
    mean, skewness = bump(world.setting.size, 1.0), world.setting.skewness
    raised = world.values(world.own + mean).astype(np.float64)
    if not skewness:
        return Known(raised, 0.5, mean > 0.5)
    expected = np.exp(skewness * mean + skewness**2 / 2)
    c = float(np.exp(skewness * 0.5 + skewness**2 / 2))
    return Known(raised, c, expected > c)


def confidence(world: World) -> Found:
    """Confidence sets of densities with a known mean: a bump in the centre."""
    setting, seed = world.setting, world.seed
    mean, beside = bump(setting.size, 1.0), bump(setting.size, 1.0, 0.25)
    how: dict[str, Any] = {"n_resamples": MANY, "seed": seed}
    held = numbers(world)
    level = scipy_stats.norm.isf(setting.roi)
    masks, others = world.own + mean > level, 0.6 * world.own + 0.8 * world.other + beside > level
    c = float(scipy_stats.norm.sf(level - 0.5))
    sets = {
        "numbers": (stats.confidence_set(held.maps, held.c, **how), held.truth),
        "numbers, over the map": (stats.confidence_set(held.maps, held.c, over="map", **how), held.truth),
        "masks": (stats.confidence_set(masks, c, **how), mean > 0.5),
        "masks, attacked and not important": (
            stats.confidence_difference(masks, others, c, c, **how),
            (mean > 0.5) & ~(beside > 0.5),
        ),
    }
    return {f"confidence set, {name}": outside(found, truth) for name, (found, truth) in sets.items()}


def outside(found: stats.ConfidenceSet, truth: np.ndarray) -> float:
    """1 where the inner set lies in the true one and that one in the outer one, else 0."""
    return float((found.certain <= truth).all() and (truth <= found.possible).all())
