"""CPU side of `autocorrelation`: a permutation a step, and its sums."""

from __future__ import annotations

import numpy as np

from .autocorrelation_rows import (
    GENERAL,
    KINDS,
    PRODUCT,
    copy,
    multiply,
    place,
    sum_plain,
    sum_up,
    tally,
)
from .checks import Array
from .jit import n_threads, parallel, prange
from .lattice import Lattice
from .permute_cpu import fold
from .shuffle_cpu import ROOM, permute, shuffle

PARTS = 8
"""Parts a thread of which the permutations are shared out."""


def null(
    values: Array, fixed: Array | None, lattice: Lattice, seed: int, first: int, bounds: Array, keep: Array
) -> Array:
    """Count the sums of permutations `first`, `first` + 1, ... that reach their bounds.

    Parameters
    ----------
    values : float64 (N, n)
        To be permuted.
    fixed : float64 (N, H, W), optional
        Makes the sums those of the product with it; else they are the lattice's.
    bounds : float64 (N, 5 or 2)
        For each sum what counts as greater (not below it) and as less (not above), and the part of
        the squares that no permutation changes.
    keep : float64 (N, count, S)
        Takes the S = 2 (cross, geary) or 1 sums of each draw; count is read from it, also where it
        has no map to be kept, (0, count, S).

    Returns
    -------
    int64 (N, 2 S)
    """
    count, n_sums = keep.shape[1:]
    parts = max(1, min(count, PARTS * n_threads()))
    counts = np.zeros((parts, len(values), 2 * n_sums), np.int64)
    kind = PRODUCT if fixed is not None else KINDS.get(lattice.offsets, GENERAL)
    image = np.zeros((1, 1, 1)) if fixed is None else fixed
    plain = lattice.is_full and not lattice.torus and kind != GENERAL
    if len(values) == 1 and plain:
        _null_in_place(
            *(values[0], image[0], kind, lattice.row_weight, lattice.excess, np.uint64(seed)),
            *(np.uint64(first), bounds[0], counts, keep),
        )
    else:
        _null(
            *(values, image, kind, lattice.row_weight, lattice.excess, lattice.places, lattice.halo),
            *(lattice.steps, lattice.padded_shape, np.uint64(seed), np.uint64(first)),
            *(bounds, counts, keep),
        )
    total: Array = counts.sum(axis=0)
    return total


def observed(values: Array, fixed: Array | None, lattice: Lattice) -> Array:
    """Sums of the maps as they are: (N, 2) cross and excess squares, or (N, 1) products."""
    kind = PRODUCT if fixed is not None else KINDS.get(lattice.offsets, GENERAL)
    image = np.zeros((1, 1, 1)) if fixed is None else fixed
    out = np.empty((len(values), 2 if fixed is None else 1))
    _observed(
        *(values, image, kind, lattice.row_weight, lattice.excess, lattice.places, lattice.halo),
        *(lattice.steps, lattice.padded_shape, out),
    )
    return out


@parallel
def _observed(
    values: Array, image: Array, kind: int, weight: Array, excess: Array, places: Array, halo: Array,
    steps: Array, shape: tuple[int, int], out: Array,
) -> None:  # fmt: skip
    for m in prange(values.shape[0]):
        padded = np.zeros((shape[0], shape[1]))
        sums = np.empty((2, weight.shape[1]))
        place(padded, values[m], np.arange(places.size), places, halo)
        sum_up(padded, image[m % image.shape[0]], kind, weight, excess, steps, sums)
        for s in range(out.shape[1]):
            out[m, s] = fold(sums[s])


@parallel
def _null(
    values: Array, image: Array, kind: int, weight: Array, excess: Array, places: Array, halo: Array,
    steps: Array, shape: tuple[int, int], seed: np.uint64, first: np.uint64, bounds: Array, counts: Array,
    keep: Array,
) -> None:  # fmt: skip
    n_draws = keep.shape[1]
    parts = counts.shape[0]
    for part in prange(parts):
        order = np.empty(places.size, np.int32)
        chosen = np.empty((2, ROOM), np.uint32)
        padded = np.zeros((shape[0], shape[1]))
        sums = np.empty((2, weight.shape[1]))
        none = np.empty(0)
        for k in range(part * n_draws // parts, (part + 1) * n_draws // parts):
            permute(order, chosen, seed, first + np.uint64(k))
            for m in range(values.shape[0]):
                place(padded, values[m], order, places, halo)
                sum_up(padded, image[m % image.shape[0]], kind, weight, excess, steps, sums)
                tally(sums, bounds[m], counts[part, m], keep[m, k] if keep.shape[0] else none)


@parallel
def _null_in_place(
    values: Array, fixed: Array, kind: int, weight: Array, excess: Array, seed: np.uint64, first: np.uint64,
    bounds: Array, counts: Array, keep: Array,
) -> None:  # fmt: skip
    """One map on a full lattice: its values themselves are shuffled, and no order is made."""
    n_draws = keep.shape[1]
    parts = counts.shape[0]
    width = weight.shape[1]
    for part in prange(parts):
        chosen = np.empty((2, ROOM), np.uint32)
        sums = np.empty((2, width))
        none = np.empty(0)
        image = np.zeros(values.size + 2 * width)  # a row of zeros before and after
        held = image[width : width + values.size]
        for k in range(part * n_draws // parts, (part + 1) * n_draws // parts):
            copy(held, values)
            shuffle(held, chosen, seed, first + np.uint64(k))
            if kind == PRODUCT:
                multiply(image, fixed, sums)
            else:
                sum_plain(image, kind, weight, excess, sums)
            tally(sums, bounds, counts[part, 0], keep[0, k] if keep.shape[0] else none)
