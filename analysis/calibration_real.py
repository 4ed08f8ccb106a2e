"""Real maps for the calibration: re-paired within classes, two seeds or two models exchanged per image."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from calibration_colocation import climbed, swapped, within
from calibration_draws import FEW, Found, interval_holds
from calibration_mean_maps import grouped, paired
from calibration_sets import Known, outside

from spatialstats import stats

OF_CLASS, OF_GROUP, DRAWN = 30, 12, 60


def real(held: Mapping[str, np.ndarray], *key: int) -> Found:
    """Tests on one random choice of real maps for which the null is true by construction."""
    rng = np.random.Generator(np.random.Philox(np.random.SeedSequence(key)))
    seed = int(rng.integers(1 << 62))
    labels = held["label"]
    chosen = rng.choice(np.unique(labels), 2, replace=False)
    rows = np.concatenate(
        [rng.choice(np.flatnonzero(labels == label), OF_CLASS, replace=False) for label in chosen]
    )
    anew = [_repaired(rng, rows, labels) for _ in range(2)]
    found = within(held["roi_own"][rows], [held[f"roa_{at}"][anew[at]] for at in (0, 1)], labels[rows], seed)
    # noise that is never clipped knows nothing of the image
    order = rng.permutation(len(labels))[: len(rows)]
    found |= swapped(held["roi_own"][rows], [held["noise"][rows], held["noise"][order]], seed)
    found |= _exchanged(held, rng, seed)
    found |= _inside(held, anew, seed, key[-1] % 4 == 0)
    return found | _sets(held, rng, seed)


def _exchanged(held: Mapping[str, np.ndarray], rng: np.random.Generator, seed: int) -> Found:
    """Two seeds of one attack, and two models' RoI, exchanged at random in each image."""
    labels = held["label"]
    rows = rng.permutation(len(labels))[:100]
    seeds = rng.random((len(rows), 1, 1)) < 0.5
    models = rng.random((len(rows), 1, 1)) < 0.5
    maps = [held[f"attack_{at}"][rows].astype(np.float64) for at in (0, 1)]
    a, b = np.where(seeds, *maps), np.where(seeds, *maps[::-1])
    found = paired(a[:OF_CLASS], b[:OF_CLASS], seed)
    found |= grouped(maps[0][:OF_GROUP], maps[0][OF_GROUP:40], seed)
    roi = held["roi_own"][rows], held["roi_other"][rows]
    roa = held["roa_0"][rows], held["roa_1"][rows]
    own, other = np.where(models, *roi), np.where(models, *roi[::-1])
    attack, control = np.where(seeds, *roa), np.where(seeds, *roa[::-1])
    return found | climbed(own, other, attack, control, labels[rows], seed)


def _inside(held: Mapping[str, np.ndarray], anew: list[np.ndarray], seed: int, contrasts: bool) -> Found:
    """Stationary nulls on the attack maps of two different images of a class, and a random location."""
    windows = stats.window_means(held["attack_0"][anew[0]].astype(np.float64), 5, 5)
    places = np.random.default_rng(seed).integers(0, windows.shape[1], len(windows))
    place = stats.location_test(windows, places, n_resamples=FEW, seed=seed)
    found = {
        "location test": place.p_value,
        "location test, interval": interval_holds(place.low, place.high, 0.0),
    }
    if not contrasts:
        return found
    a, b = (held["attack_0"][at[:20]].astype(np.float64) for at in anew)
    shifts = stats.shift_test(a, b, n_resamples=FEW, seed=seed, workers=1)
    phases = stats.phase_test(a, b, n_resamples=FEW, seed=seed)
    pixels = stats.pixel_permutation_test(a[:1], b[:1], n_resamples=FEW, seed=seed)
    return found | {
        "[contrast] toroidal shift, one image": shifts.p_values[0],
        "[contrast] toroidal shift, mean over images": shifts.p_value,
        "[contrast] phase randomisation, one image": phases.p_values[0],
        "[contrast] Dutilleul, one image": stats.effective_size_test(a[:1], b[:1]).p_values[0],
        "[contrast] pixel permutation, one image": pixels.p_values[0],
    }


def redrawn(held: Mapping[str, np.ndarray], rng: np.random.Generator) -> np.ndarray:
    """Rows of images drawn with replacement, whose population is known."""
    return rng.integers(0, len(held["label"]), DRAWN)


def known(held: Mapping[str, np.ndarray], rows: np.ndarray) -> Known:
    """Their attack maps, beside those of all images."""
    values = held["attack_0"].astype(np.float64)
    c = float(values.mean())
    return Known(values[rows], c, values.mean(0) > c)


def _sets(held: Mapping[str, np.ndarray], rng: np.random.Generator, seed: int) -> Found:
    """Confidence sets of images drawn with replacement, whose population is known."""
    rows = redrawn(held, rng)
    numbers = known(held, rows)
    roi, roa = held["roi_own"], held["roa_0"]
    c_roi, c_roa = float(roi.mean()), float(roa.mean())
    frequency = roi.mean(0), roa.mean(0)
    how: dict[str, Any] = {"n_resamples": FEW, "seed": seed}
    sets = {
        "numbers": (stats.confidence_set(numbers.maps, numbers.c, **how), numbers.truth),
        "masks": (stats.confidence_set(roi[rows], c_roi, **how), frequency[0] > c_roi),
        "masks, attacked and not important": (
            stats.confidence_difference(roa[rows], roi[rows], c_roa, c_roi, **how),
            (frequency[1] > c_roa) & ~(frequency[0] > c_roi),
        ),
    }
    return {f"confidence set, {name}": outside(part, truth) for name, (part, truth) in sets.items()}


def _repaired(rng: np.random.Generator, rows: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """The same images in another order within each class."""
    out = rows.copy()
    for label in np.unique(labels[rows]):
        at = np.flatnonzero(labels[rows] == label)
        out[at] = rng.permutation(rows[at])
    return out
