"""Every test and null of spatialstats.stats on one simulation: p-values by name.

An interval or a confidence set gives 0 where it misses the truth and 1 where it holds it, so that all
are counted alike.  Draws are few where they are dear: a permutation test holds its level with any number.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any
from unittest import mock

import numpy as np
from calibration_fields import CLASSES, SHARED, World, bump, of_classes
from scipy import stats as scipy_stats

from spatialstats import kernels, stats
from spatialstats.stats import map_test, swap
from spatialstats.stats.pair_table import Table
from spatialstats.stats.relabelling import relabellings_of
from spatialstats.stats.resampling import bootstrap_columns
from spatialstats.stats.swap import family as family_of
from spatialstats.stats.swap_result import ALL, WITHIN

MANY, SOME, FEW, NONE = 199, 99, 39, 0
"""Draws: all attain 5 % exactly where p is one-sided, 199 and 39 where it is two-sided."""

FORMING = 2.5
PAIRED, FIRST, EXPLORED, INSIDE, PLACED = 20, 12, 16, 12, 24
"""Images of the tests that take fewer than all."""

Found = dict[str, float]


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


@contextmanager
def p_values_alone() -> Iterator[None]:
    """Leaves out the bootstrap of intervals that nobody looks at here; no p-value depends on it."""

    def none(values: np.ndarray, *_: object, **__: object) -> stats.Interval:
        mean = float(values.mean()) if len(values) else math.nan
        return stats.Interval(mean, math.nan, math.nan, len(values), "none")

    def no_columns(columns: np.ndarray, *_: object, **__: object) -> tuple[stats.Interval, ...]:
        return tuple(none(column) for column in columns.T)

    with (
        mock.patch.object(map_test, "bootstrap_mean", none),
        mock.patch.object(swap, "bootstrap_columns", no_columns),
    ):
        yield


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


def confidence(world: World) -> Found:
    """Confidence sets of densities with a known mean: a bump in the centre."""
    setting, seed = world.setting, world.seed
    size, skewness = setting.size, setting.skewness
    mean, beside = bump(size, 1.0), bump(size, 1.0, 0.25)
    how: dict[str, Any] = {"n_resamples": MANY, "seed": seed}
    raised = world.values(world.own + mean).astype(np.float64)
    expected = np.exp(skewness * mean + skewness**2 / 2) if skewness else mean
    cut = float(np.exp(skewness * 0.5 + skewness**2 / 2)) if skewness else 0.5
    level = scipy_stats.norm.isf(setting.roi)
    masks, others = world.own + mean > level, 0.6 * world.own + 0.8 * world.other + beside > level
    c = float(scipy_stats.norm.sf(level - 0.5))
    sets = {
        "numbers": (stats.confidence_set(raised, cut, **how), expected > cut),
        "numbers, over the map": (stats.confidence_set(raised, cut, over="map", **how), expected > cut),
        "masks": (stats.confidence_set(masks, c, **how), mean > 0.5),
        "masks, attacked and not important": (
            stats.confidence_difference(masks, others, c, c, **how),
            (mean > 0.5) & ~(beside > 0.5),
        ),
    }
    return {f"confidence set, {name}": outside(found, truth) for name, (found, truth) in sets.items()}


ONE_BY_ONE = (swaps, ladder, inside_images, over_images, confidence)
"""What is tested on each simulation by itself; `autocorrelation` takes several."""


def outside(found: stats.ConfidenceSet, truth: np.ndarray) -> float:
    return float((found.certain <= truth).all() and (truth <= found.possible).all())


def _clusters(name: str, found: kernels.ClusterTest) -> Found:
    extent, mass = (float(p.min()) if p.size else 1.0 for p in (found.p_extent, found.p_mass))
    return {
        f"{name}, max-t": float(found.p_t.min()),
        f"{name}, cluster extent": extent,
        f"{name}, cluster mass": mass,
    }


def _shuffled(values: np.ndarray, seed: int) -> np.ndarray:
    order = np.random.default_rng((seed, 1)).permutation(values.size)
    return values.ravel()[order].reshape(values.shape)


def _certain(p: np.ndarray) -> np.ndarray:
    """p-values; 1 where a map cannot be tested."""
    return np.where(np.isfinite(p), p, 1.0)


def interval_holds(low: float, high: float, truth: float) -> float:
    return float(low <= truth <= high) if math.isfinite(low) else math.nan


def least(values: Iterable[float]) -> float:
    return min((value for value in values if math.isfinite(value)), default=math.nan)
