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
from spatialstats.stats.lattices import described
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

    def __post_init__(self) -> None:
        checked(self.alternative, self.n_resamples)
        if not 0 <= self.seed < 1 << 64:
            raise InputError(f"seed must lie in [0, 2^64), got {self.seed}.")


@dataclass(frozen=True)
class Part:
    """A statistic of the maps of a block."""

    values: np.ndarray
    moments: Moments
    counts: Exceedances


def measured(
    names: Sequence[str],
    stacks: Sequence[np.ndarray],
    valid: np.ndarray,
    call: Call,
    statistics: Callable[[Block, Call], Sequence[Part]],
    kind: type[Result],
) -> list[Result]:
    """Statistics, from one pass, of all maps that vary over at least two pixels, some of them neighbours."""
    n = len(valid)
    floats = ("values", "expected", "normality", "randomisation")
    columns = [
        {key: np.full(n, np.nan) for key in floats}
        | {key: np.zeros(n, np.int64) for key in ("n_greater", "n_less")}
        for _ in names
    ]
    for block in blocks(stacks, valid, call.lattice):
        block = varying(block)
        if not len(block.maps):
            continue
        for held, part in zip(columns, statistics(block, call), strict=True):
            held["values"][block.maps] = part.values
            for key in floats[1:]:
                held[key][block.maps] = getattr(part.moments, key)
            for key in ("n_greater", "n_less"):
                held[key][block.maps] = getattr(part.counts, key)
    inside = valid if call.lattice.mask is None else valid & call.lattice.mask
    return [
        kind(
            statistic=name,
            values=held["values"],
            expected=held["expected"],
            variance_normality=held["normality"],
            variance_randomisation=held["randomisation"],
            n_greater=held["n_greater"],
            n_less=held["n_less"],
            n_sites=inside.sum((1, 2), dtype=np.int64),
            n_resamples=call.n_resamples,
            seed=call.seed,
            alternative=call.alternative,
            neighbours=described(call.lattice),
        )
        for name, held in zip(names, columns, strict=True)
    ]


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
