"""What all global statistics share: what was asked for, blocks of maps that vary, and the way to a result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spatialstats import kernels
from spatialstats.errors import InputError
from spatialstats.kernels.autocorrelation import Exceedances
from spatialstats.stats.autocorrelation_result import Autocorrelation
from spatialstats.stats.lattices import described, stack_of
from spatialstats.stats.map_statistics import FLAT
from spatialstats.stats.orientation import Block, blocks
from spatialstats.stats.permutation_moments import Moments
from spatialstats.stats.resampling import Alternative, checked

Result = TypeVar("Result", bound=Autocorrelation)


@dataclass(frozen=True)
class Call:
    """What was asked for, whatever the statistic."""

    lattice: kernels.Lattice
    n_resamples: int
    seed: int
    alternative: Alternative


@dataclass(frozen=True)
class Part:
    """A statistic of the maps of a block."""

    values: np.ndarray
    moments: Moments
    counts: Exceedances


def measured(
    name: str,
    maps: np.ndarray,
    mask: np.ndarray | None,
    call: Call,
    statistic: Callable[[Block, Call], Part],
) -> Autocorrelation:
    """A statistic of all maps that vary over at least two pixels, some of them neighbours."""
    stack, valid = stack_of(maps, mask)
    return counted(name, [stack], valid, call, statistic, Autocorrelation)


def counted(
    name: str,
    stacks: Sequence[np.ndarray],
    valid: np.ndarray,
    call: Call,
    statistic: Callable[[Block, Call], Part],
    kind: type[Result],
) -> Result:
    """`measured` for one stack of maps or for two of them, into a result of a kind."""
    checked(call.alternative, call.n_resamples)
    if not 0 <= call.seed < 1 << 64:
        raise InputError(f"seed must lie in [0, 2^64), got {call.seed}.")
    n = len(valid)
    floats = {key: np.full(n, np.nan) for key in ("values", "expected", "normality", "randomisation")}
    counts = {key: np.zeros(n, np.int64) for key in ("n_greater", "n_less")}
    for block in blocks(stacks, valid, call.lattice):
        block = varying(block)
        if not len(block.maps):
            continue
        found = statistic(block, call)
        floats["values"][block.maps] = found.values
        for key in ("expected", "normality", "randomisation"):
            floats[key][block.maps] = getattr(found.moments, key)
        for key in counts:
            counts[key][block.maps] = getattr(found.counts, key)
    inside = valid if call.lattice.mask is None else valid & call.lattice.mask
    return kind(
        statistic=name,
        values=floats["values"],
        expected=floats["expected"],
        variance_normality=floats["normality"],
        variance_randomisation=floats["randomisation"],
        **counts,
        n_sites=inside.sum((1, 2), dtype=np.int64),
        n_resamples=call.n_resamples,
        seed=call.seed,
        alternative=call.alternative,
        neighbours=described(call.lattice),
    )


def varying(block: Block) -> Block:
    """The maps that are constant in no stack but for rounding; none if no pixels are neighbours."""
    varies = np.full(len(block.maps), block.lattice.s0 > 0)
    for values in block.values:
        low, high = values.min(axis=1), values.max(axis=1)
        varies &= high / 2 - low / 2 > FLAT * np.maximum(np.abs(low), np.abs(high))
    return block.only(varies)


def scaled(values: np.ndarray) -> np.ndarray:
    """Values of each map (m, n) times the power of two that brings them into [-1, 1]: no digit is lost."""
    exponent = np.frexp(np.abs(values).max(axis=1, keepdims=True))[1]
    return np.asarray(np.ldexp(values, -exponent))
