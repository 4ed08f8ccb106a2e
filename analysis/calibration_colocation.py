"""Tests of co-location on one simulation: image swaps, over all images and within classes, and the ladder."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np
from calibration_draws import EXPLORED, FEW, MANY, NONE, Found, interval_holds, p_values_alone
from calibration_fields import CLASSES, SHARED, World, bump, of_classes

from spatialstats import kernels, stats
from spatialstats.stats.bootstrap import bootstrap_columns
from spatialstats.stats.pair_table import Table
from spatialstats.stats.swap import family as family_of
from spatialstats.stats.swap_result import ALL, WITHIN


def swaps(world: World) -> Found:
    """Image swaps of masks, and of all exploratory statistics."""
    setting, seed = world.setting, world.seed
    centre = bump(setting.size, setting.bias)
    roi = world.masks(world.own, setting.roi, centre)
    attacks = [world.masks(field, setting.roa, centre) for field in (world.attack, world.noise)]
    found = swapped(roi, attacks, seed)
    # placement differs between classes: no association within a class, one over all images
    placed = of_classes(setting.size)
    roi = world.masks(world.own, setting.roi, placed)
    attacks = [world.masks(field, setting.roa, placed) for field in (world.attack, world.noise)]
    found |= within(roi, attacks, CLASSES, seed, contrasts=world.contrasts)
    few = slice(0, EXPLORED)
    return found | explored(world.own[few] + centre, world.attack[few] + centre, world)


def swapped(roi: np.ndarray, attacks: list[np.ndarray], seed: int) -> Found:
    """Over all images: `stats.swap_test` of the first attack, `stats.swap_family` of all."""
    family = families(roi, attacks, None, seed)
    low, high = _interval(family.per_image.get("0"), seed)
    return {
        "image swap": _p(family, "0", ALL),
        "image swap, interval": interval_holds(low, high, 0.0),
        "image swap, max-T over attacks": least(row.p_adjusted for row in family.rows),
    }


def within(
    roi: np.ndarray, attacks: list[np.ndarray], classes: np.ndarray, seed: int, *, contrasts: bool = True
) -> Found:
    """Within classes; the swap over all images beside it."""
    family = families(roi, attacks, classes, seed)
    low, high = _interval(family.per_image.get("0"), seed)
    found = {
        "within-class swap": _p(family, "0", WITHIN),
        "within-class swap, interval": interval_holds(low, high, 0.0),
        "within-class swap, one class": _p(family, "0", str(classes[0])),
        "within-class swap, max-T over attacks and classes": least(row.p_adjusted for row in family.rows),
    }
    if contrasts:
        name = "[contrast] image swap, classes placed apart"
        found[name] = _p(families(roi, attacks[:1], None, seed), "0", ALL)
    return found


def families(
    roi: np.ndarray, attacks: list[np.ndarray], classes: np.ndarray | None, seed: int
) -> stats.SwapFamily:
    """`stats.swap_family` with all pairs in a table, which few images make cheaper, without intervals."""
    flat = [masks.reshape(len(masks), -1).astype(np.float32) for masks in (roi, *attacks)]
    areas = [masks.sum(1) for masks in flat]
    there = np.flatnonzero(np.all([area > 0 for area in areas], axis=0))
    tables = []
    for at, (masks, area) in enumerate(zip(flat[1:], areas[1:], strict=True)):
        both = (flat[0][there] @ masks[there].T).astype(np.float64)
        weights = roi[0].size / areas[0][there, None].astype(np.float64), 1 / area[there].astype(np.float64)
        tables.append((str(at), Table(weights[0] * both * weights[1])))
    with p_values_alone():
        return family_of(
            "overlap lift", tables, there, n_resamples=MANY, seed=seed, min_class=5,
            classes=None if classes is None else classes[there],
        )  # fmt: skip


def _p(family: stats.SwapFamily, test: str, stratum: str) -> float:
    return next((row.p_value for row in family.rows if (row.test, row.stratum) == (test, stratum)), math.nan)


def _interval(values: np.ndarray | None, seed: int) -> tuple[float, float]:
    """The bootstrap interval of a family's effect, left out where nothing was tested."""
    if values is None or len(values) < 2:
        return math.nan, math.nan
    (found,) = bootstrap_columns(values[:, None], seed)
    return found.low, found.high


def explored(importance: np.ndarray, attack: np.ndarray, world: World) -> Found:
    """All exploratory statistics of a few images: each by itself, and the least p adjusted by max-T."""
    setting = world.setting
    maps = [np.exp(0.5 * field).astype(np.float64) for field in (importance, attack)]
    masks = world.masks(importance, setting.roi), world.masks(attack, setting.roa)
    with p_values_alone():
        found = stats.explore(
            *masks, importance=maps[0], attack=maps[1], n_resamples=FEW, seed=world.seed
        ).family.rows
    single = {f"image swap, {row.test}": row.p_value for row in found if row.test != "overlap lift"}
    return single | {"image swap, max-T over statistics": least(row.p_adjusted for row in found)}


def ladder(world: World) -> Found:
    """Rungs whose truth is 0 where own and other RoI, attack and noise differ by chance alone."""
    setting = world.setting
    centre = bump(setting.size, setting.bias)
    image, rest = math.sqrt(SHARED) * world.image, math.sqrt(1 - SHARED)
    own, other = (
        world.masks(image + rest * field, setting.roi, centre) for field in (world.own, world.other)
    )
    attack, noise = (
        world.masks(image + rest * field, setting.roa, centre) for field in (world.attack, world.noise)
    )
    return climbed(own, other, attack, noise, CLASSES, world.seed)


def climbed(
    own: np.ndarray, other: np.ndarray, attack: np.ndarray, noise: np.ndarray, classes: np.ndarray, seed: int
) -> Found:
    """The ladder of masks, in which "the attack hits where this model looks" is false."""
    roi, others, roa, control = (kernels.pack(masks) for masks in (own, other, attack, noise))
    found = stats.colocation_ladder(
        roi, roa, own[0].size, others=[others], noise=control, classes=classes, n_resamples=NONE, seed=seed
    )
    intervals = {
        f"ladder, {key} rung, interval": interval_holds(found.rung(key).low, found.rung(key).high, 0.0)
        for key in ("model", "noise", "model beyond noise")
        if key in found.per_image
    }
    return intervals | {
        "ladder, claim that the attack hits where this model looks": float(not found.hits),
    }


def least(values: Iterable[float]) -> float:
    return min((value for value in values if math.isfinite(value)), default=math.nan)
