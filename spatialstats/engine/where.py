"""Where, with confidence: sets of pixels over images, and what an attack does to them beyond noise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spatialstats import kernels
from spatialstats.attacks.budget import patch_side
from spatialstats.engine.context import Context
from spatialstats.engine.merged import RESERVOIR
from spatialstats.engine.plan import Chunk, derive_seed
from spatialstats.engine.reservoir import read_all
from spatialstats.engine.rundir import RunDirectory
from spatialstats.errors import InputError
from spatialstats.spec import threshold_rule
from spatialstats.stats.confidence import confidence_difference, confidence_set
from spatialstats.stats.confidence_result import ConfidenceSet
from spatialstats.stats.inference import paired_test
from spatialstats.stats.inference_result import Statistic

Json = dict[str, Any]
Arrays = dict[str, np.ndarray]
FEWEST = 10
"""Images below which nothing is tested."""
SIDE = 64
"""Larger maps are averaged over blocks of pixels, so that no side exceeds it."""
NUMBERS = 2**23
"""Numbers of a stack of maps that are held at once."""
MOST_DRAWS = 1999
STATISTICS: tuple[Statistic, ...] = ("max-t", "tfce")


def where_summary(
    context: Context, run: RunDirectory, chunks: Sequence[Chunk], name: str
) -> tuple[Json, Arrays]:
    """What one attack's maps of the reservoir's images say of places, and the maps of that.

    Parameters
    ----------
    context : Context
        The run's parts.
    run : RunDirectory
        Whose chunks hold the reservoir.
    chunks : sequence of Chunk
        All of them.
    name : str
        An attack that is no control.

    Returns
    -------
    (dict, dict of str to numpy.ndarray)
        ``where`` and ``beyond_noise`` for ``results.json``, each None where there is too little to
        test; and arrays for ``maps.npz``.
    """

    def read(key: str) -> np.ndarray:
        return read_all(context, run, chunks, f"{RESERVOIR}.{key}")

    formed = read(f"{name}/formed")
    shape = context.dataset.shape[1:]
    arrays: Arrays = {}
    found: Json = {"where": None, "beyond_noise": None}
    rows = spaced(formed, NUMBERS // context.n_pixels)
    if len(rows) >= FEWEST:
        roa, roi = (coarse(kernels.unpack(read(key)[rows], shape)) for key in (f"{name}/roa", "roi"))
        sets = confidence_sets(context, name, roa, roi)
        found["where"] = {
            "n": len(rows),
            "block": block_of(shape),
            **{key: of.to_dict() for key, of in sets.items()},
        }
        arrays |= {f"{name}/where_{key}": of.grades for key, of in sets.items()}
    noise = next((control for control, of in context.controls.items() if of == name), None)
    if noise is None:
        return found, arrays
    stacks = [kernels.unpack(read(f"{attack}/candidate"), shape) for attack in (name, noise)]
    both = np.all([stack.any((1, 2)) for stack in stacks], axis=0)
    rows = spaced(both, NUMBERS // context.n_pixels)
    if len(rows) < FEWEST:
        return found, arrays
    found["beyond_noise"], more = beyond_noise(context, name, *(stack[rows] for stack in stacks))
    return found, arrays | more


def confidence_sets(
    context: Context, name: str, roa: np.ndarray, roi: np.ndarray
) -> dict[str, ConfidenceSet]:
    """Where RoI, RoA and RoA without RoI lie more often than masks of their size that lie anywhere.

    That frequency is known before any map is seen: it is the top fraction of the rule, or the share
    of pixels that a patch or so many pixels may change, where this is less.  With other rules each
    mask is taken less its own mean.
    """
    thresholds = [roa_share(context, name), threshold_rule(context.config.roi)]
    fixed = all(isinstance(c, float) for c in thresholds)
    c_roa, c_roi = (float(c) if fixed and c is not None else 0.0 for c in thresholds)
    names = ("share of images with the pixel in RoA", "share of images with it in RoI")
    options: Any = {"relative": not fixed, "seed": derive_seed(context.config.seed, "where", name)}
    return {
        "roi": confidence_set(roi, c_roi, name="share of images with the pixel in RoI", **options),
        "roa": confidence_set(roa, c_roa, name=names[0], **options),
        "neutralizable": confidence_difference(roa, roi, c_roa, c_roi, names=names, **options),
    }


def roa_share(context: Context, name: str) -> float | None:
    """The largest share of an image that an RoA takes, by its rule and the attack's budget; or None."""
    budget, shape = context.attacks[name].budget, context.dataset.shape
    shares = []
    rule = threshold_rule(context.config.roa)
    if context.config.attack_map != "frequency" and isinstance(rule, float):
        shares.append(rule)
    if budget.norm == "patch" and budget.epsilon is not None:
        shares.append(patch_side(budget.epsilon, shape) ** 2 / context.n_pixels)
    if budget.norm == "l0" and budget.epsilon is not None:
        shares.append(int(budget.epsilon) / context.n_pixels)
    return min(shares) if shares and min(shares) < 1 else None


def beyond_noise(context: Context, name: str, attack: np.ndarray, noise: np.ndarray) -> tuple[Json, Arrays]:
    """Paired sign-flip tests of the attack's regions against those of noise, by max-t and by TFCE.

    A mask less its own mean says where, not how much: an attack that damages more pixels than noise
    does is no different by that.  Masks are bounded, which keeps their differences near symmetric;
    those of the maps themselves are skewed by the few images with a large peak.
    """
    stacks = [coarse(masks).astype(np.float64) for masks in (attack, noise)]
    for stack in stacks:
        stack -= stack.mean((1, 2), keepdims=True)
    options: Any = {
        "n_resamples": min(context.config.n_resamples, MOST_DRAWS),
        "seed": derive_seed(context.config.seed, "beyond noise", name),
        "names": (f"region of {context.attacks[name].label}", "that of equal-budget noise"),
    }
    try:
        max_t = paired_test(*stacks, statistic="max-t", **options)
        tfce = paired_test(*stacks, statistic="tfce", **options)
    except InputError as error:
        return {"left_out": str(error)}, {}
    found = {
        "n": len(attack),
        "block": block_of(context.dataset.shape[1:]),
        "unit": "share of images with the pixel in the region, less the mean over the map",
        "max_t": max_t.to_dict(),
        "tfce": tfce.to_dict(),
        "left_out": None,
    }
    arrays = {f"{name}/beyond_noise": max_t.effect.astype(np.float32)}
    for key, test in (("max_t", max_t), ("tfce", tfce)):
        if test.p is not None:
            arrays[f"{name}/beyond_noise_p_{key}"] = test.p.astype(np.float32)
    return found, arrays


def warm_up() -> None:
    """Compile what only these tests use, on maps of four pixels."""
    masks = np.arange(12).reshape(3, 2, 2) % 3 == 0
    confidence_difference(masks, ~masks, 0.5, 0.5, n_resamples=2)
    for statistic in STATISTICS:
        paired_test(masks, np.roll(masks, 1, 1), statistic=statistic, n_resamples=2)


def spaced(wanted: np.ndarray, most: int) -> np.ndarray:
    """Places of true values of a mask (n,), evenly spaced where there are more than `most`."""
    places = np.flatnonzero(wanted)
    if len(places) <= most:
        return places
    return places[np.linspace(0, len(places) - 1, most).astype(np.int64)]


def block_of(shape: Sequence[int]) -> int:
    """Pixels on the side of a block."""
    return -(-max(shape) // SIDE)


def coarse(values: np.ndarray) -> np.ndarray:
    """Maps or masks (n, H, W) averaged over blocks; as they are where these are single pixels."""
    side = block_of(values.shape[1:])
    if side == 1:
        return values
    starts = [np.arange(0, length, side) for length in values.shape[1:]]
    size = [np.diff(np.append(at, length)) for at, length in zip(starts, values.shape[1:], strict=True)]
    out = np.empty((len(values), *map(len, starts)), np.float32)
    for at, one in enumerate(values):  # one map at a time: a float copy of all of them would be large
        sums = np.add.reduceat(np.add.reduceat(one.astype(np.float64), starts[0], 0), starts[1], 1)
        out[at] = sums / np.outer(*size)
    return out
