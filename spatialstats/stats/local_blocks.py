"""What all local statistics share: blocks of maps, sums of neighbours, draws, and the way back to pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from spatialstats import kernels
from spatialstats.errors import unknown
from spatialstats.stats.autocorrelation_blocks import Call, varying
from spatialstats.stats.lattices import described
from spatialstats.stats.local_result import Draws, LocalAutocorrelation
from spatialstats.stats.orientation import Block, blocks
from spatialstats.stats.permutation_moments import Powers

CONDITIONAL = "the other pixels' values being put beside it in any order"


@dataclass(frozen=True)
class LocalCall(Call):
    """What was asked for, and whose draws they are."""

    draws: Draws

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.draws not in ("independent", "shared"):
            raise unknown("draws", self.draws, ("independent", "shared"))


@dataclass(frozen=True)
class LocalPart:
    """A statistic of the sites of a block; all (m, n)."""

    values: np.ndarray
    expected: np.ndarray
    variance: np.ndarray
    quadrants: np.ndarray | None = None
    counts: tuple[np.ndarray, np.ndarray] | None = None


@dataclass(frozen=True)
class Sites:
    """Of each site (n,): number of its neighbours, and the weight of each of them."""

    degree: np.ndarray
    weight: np.ndarray

    @classmethod
    def of(cls, block: Block) -> Sites:
        lattice = block.lattice
        flat = lattice.degree.ravel()[lattice.sites].astype(np.float64)
        return cls(flat, lattice.row_weight.ravel()[lattice.sites])


def over(
    name: str,
    stacks: Sequence[np.ndarray],
    valid: np.ndarray,
    call: LocalCall,
    statistic: Callable[[Block, LocalCall], LocalPart],
    null: str = CONDITIONAL,
) -> LocalAutocorrelation:
    """A statistic of every pixel with neighbours, in all maps that vary."""
    floats = {key: np.full(valid.shape, np.nan) for key in ("values", "expected", "variance")}
    quadrants: np.ndarray | None = None
    counts: list[np.ndarray] | None = None
    for block in blocks(stacks, valid, call.lattice):
        block = varying(block)
        if not len(block.maps):
            continue
        found, has = statistic(block, call), Sites.of(block).degree > 0
        at = (block.maps[:, None], *np.divmod(block.pixels, valid.shape[2]))
        for key, image in floats.items():
            image[at] = np.where(has, getattr(found, key), np.nan)
        if found.quadrants is not None:
            quadrants = np.zeros(valid.shape, np.uint8) if quadrants is None else quadrants
            quadrants[at] = np.where(has, found.quadrants, 0)
        if found.counts is not None:
            if counts is None:
                counts = [np.full(valid.shape, call.n_resamples, np.int32) for _ in range(2)]
            for image, part in zip(counts, found.counts, strict=True):
                image[at] = part
    return LocalAutocorrelation(
        statistic=name,
        values=floats["values"],
        expected=floats["expected"],
        variance=floats["variance"],
        quadrants=quadrants,
        n_greater=None if counts is None else counts[0],
        n_less=None if counts is None else counts[1],
        n_resamples=0 if counts is None else call.n_resamples,
        seed=call.seed,
        draws=call.draws,
        alternative=call.alternative,
        null=null,
        neighbours=described(call.lattice),
    )


def lagged(block: Block, values: np.ndarray) -> np.ndarray:
    """Sum of each site's neighbours, (m, n)."""
    return block.on_sites(block.lattice.lag(np, np.ascontiguousarray(values)))


def drawn(block: Block, values: np.ndarray, call: LocalCall) -> tuple[np.ndarray, np.ndarray] | None:
    """How many conditional draws of the neighbours' sum are not below, and not above, it; (m, n) each."""
    if not call.n_resamples:
        return None
    sums = kernels.local_sums(
        block.images(values), block.lattice, call.seed, call.n_resamples, draws=call.draws
    )
    return block.on_sites(sums.n_greater), block.on_sites(sums.n_less)


def sampled(variance: np.ndarray | float, size: np.ndarray, of: int) -> np.ndarray:
    """Variance of the sum of some of `of` values, drawn without replacement."""
    if of < 2:
        return np.full(np.broadcast_shapes(np.shape(variance), size.shape), np.nan)
    return np.asarray(variance * size * (of - size) / (of - 1))


def standard(values: np.ndarray) -> np.ndarray:
    """Values (m, n) of each map, mean 0 and mean square 1."""
    powers = Powers.of(values)
    return np.asarray(powers.z / np.sqrt(powers.m2)[:, None])
