"""Power of the tests: the same maps with effects planted in them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from calibration_draws import FIRST, MANY, PAIRED, SOME, Found
from calibration_fields import CLASSES, Setting, bump, simulate
from calibration_mean_maps import grouped, paired

from spatialstats import kernels, stats

SETTING = Setting(2.0, 32, 0.3, 0.2, False, 1.5, 0.0)
STRENGTHS = {"weak": 0.5, "middle": 1.0, "strong": 2.0}
"""Multiples of: 5 % of shared variance, a bump of .6 standard deviations, of one for two groups."""


def planted(strength: float, *key: int) -> Found:
    """Tests on one simulation with effects of a strength."""
    world = simulate(SETTING, *key)
    centre, seed = bump(SETTING.size, SETTING.bias), world.seed
    rng = np.random.default_rng(seed)
    share = 0.05 * strength
    image, rest = math.sqrt(share) * world.image, math.sqrt(1 - share)
    # own RoI and attack share a part of each image that neither the other model nor the noise has
    own, attack = (image + rest * field for field in (world.own, world.attack))
    packed = [
        kernels.pack(world.masks(field, density, centre))
        for field, density in (
            (own, SETTING.roi), (attack, SETTING.roa), (world.other, SETTING.roi), (world.noise, SETTING.roa)
        )
    ]  # fmt: skip
    size = SETTING.size**2
    how: dict[str, Any] = {"n_resamples": MANY, "seed": seed}
    rungs = stats.colocation_ladder(
        packed[0], packed[1], size, others=[packed[2]], noise=packed[3], classes=CLASSES, **how
    )
    shifts = stats.shift_test(own, attack, workers=1, **how)
    phases = stats.phase_test(own, attack, n_resamples=SOME, seed=seed)
    found = {
        "image swap": stats.swap_test(packed[0], packed[1], size, **how).p_value,
        "within-class swap": rungs.rung("class").p_value,
        "ladder, model rung above 0": float(not rungs.rung("model").above),
        "ladder, noise rung above 0": float(not rungs.rung("noise").above),
        "ladder, claim that the attack hits where this model looks": float(not rungs.hits),
        "toroidal shift, mean over images": shifts.p_value,
        "phase randomisation, mean over images": phases.p_value,
    }
    raised = world.own + bump(SETTING.size, 0.6 * strength)
    found |= paired(raised[:PAIRED], world.other[:PAIRED], seed)
    found |= grouped(world.own[:FIRST] + bump(SETTING.size, strength), world.other[FIRST:], seed)
    windows = stats.window_means(world.own, 5, 5)
    # the search takes the best of so many random candidates
    tried = rng.integers(0, windows.shape[1], (len(windows), 1 + round(strength)))
    best = np.take_along_axis(windows, tried, 1).argmax(1)
    chosen = np.take_along_axis(tried, best[:, None], 1)[:, 0] if strength >= 1 else tried[:, 0]
    preferred = np.where(rng.random(len(chosen)) < 0.3 * strength, chosen, tried[:, 0])
    found["location test"] = stats.location_test(windows, preferred, n_resamples=SOME, seed=seed).p_value
    return found
