"""CPU side of `autocorrelation`: a permutation a step, its sums taken while its rows are in cache."""

from __future__ import annotations

import numpy as np

from .autocorrelation_rows import (
    GENERAL,
    KINDS,
    PRODUCT,
    add_products,
    add_rows,
    place,
    sum_up,
    tally,
)
from .checks import Array
from .jit import inner, n_threads, parallel, prange
from .lattice import Lattice
from .permute_cpu import TILE, choose, fold, permute

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
            *(np.array(lattice.offsets), lattice.padded_shape, np.uint64(seed), np.uint64(first)),
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
        *(np.array(lattice.offsets), lattice.padded_shape, out),
    )
    return out


@parallel
def _observed(
    values: Array, image: Array, kind: int, weight: Array, excess: Array, places: Array, halo: Array,
    offsets: Array, shape: tuple[int, int], out: Array,
) -> None:  # fmt: skip
    for m in prange(values.shape[0]):
        padded = np.zeros((shape[0], shape[1]))
        sums = np.empty((2, weight.shape[1]))
        place(padded, values[m], np.arange(places.size), places, halo)
        sum_up(padded, image[m % image.shape[0]], kind, weight, excess, offsets, sums)
        for s in range(out.shape[1]):
            out[m, s] = fold(sums[s])


@parallel
def _null(
    values: Array, image: Array, kind: int, weight: Array, excess: Array, places: Array, halo: Array,
    offsets: Array, shape: tuple[int, int], seed: np.uint64, first: np.uint64, bounds: Array, counts: Array,
    keep: Array,
) -> None:  # fmt: skip
    n_draws = keep.shape[1]
    parts = counts.shape[0]
    for part in prange(parts):
        order = np.empty(places.size, np.int32)
        words = np.empty(TILE + 8, np.uint32)
        chosen = np.empty(TILE, np.uint32)
        padded = np.zeros((shape[0], shape[1]))
        sums = np.empty((2, weight.shape[1]))
        none = np.empty(0)
        for k in range(part * n_draws // parts, (part + 1) * n_draws // parts):
            permute(order, words, chosen, seed, first + np.uint64(k))
            for m in range(values.shape[0]):
                place(padded, values[m], order, places, halo)
                sum_up(padded, image[m % image.shape[0]], kind, weight, excess, offsets, sums)
                tally(sums, bounds[m], counts[part, m], keep[m, k] if keep.shape[0] else none)


@inner
def take(values: Array, chosen: Array, last: int, image: Array, rows: int) -> None:
    """Write the rows of permuted values that end at `last` into the image's rows from 1 on.

    Fisher-Yates on the values themselves; what it would leave behind `last` is not read again.
    """
    width = image.shape[1] - 2
    s = np.uint64(0)
    end = np.uint64(last)
    for i in range(rows - 1, -1, -1):
        for c in range(width - 1, -1, -1):
            j = np.uint64(chosen[s])
            image[i + 1, c + 1] = values[j]
            values[j] = values[end - s]
            s += np.uint64(1)


@inner
def one_in_place(
    values: Array, fixed: Array, kind: int, weight: Array, excess: Array, seed: np.uint64, k: np.uint64,
    words: Array, chosen: Array, image: Array, sums: Array,
) -> None:  # fmt: skip
    """Shuffle one map and sum it, some rows at a time: Fisher-Yates ends them, the last first.

    `image` holds a row of zeros, the rows at hand, and the two below them.
    """
    height, width = weight.shape
    group = image.shape[0] - 3
    sums[:] = 0.0
    image[:] = 0.0
    used = 0
    bottom = height
    while bottom > 0:
        top = max(0, bottom - group)
        rows = bottom - top
        draws = rows * width - 1 if top == 0 else rows * width
        used = choose(chosen[:draws], words, bottom * width - 1, used, k, seed)
        if top == 0:
            chosen[draws] = 0  # the last value left
            if rows < group:  # the two rows below follow at once
                for i in range(2):
                    image[rows + 1 + i] = image[group + 1 + i]
        take(values, chosen, bottom * width - 1, image, rows)
        if kind == 3:
            add_products(image, 0, top, rows, fixed, sums)
        else:
            ready = rows if bottom < height else rows - 1
            add_rows(image, 1, top + 1, ready, kind, weight, excess, True, sums)
            if top == 0:
                add_rows(image, 0, 0, 1, kind, weight, excess, True, sums)
            elif group > 1:
                image[group + 1] = image[1]
                image[group + 2] = image[2]
            else:
                image[3] = image[2]
                image[2] = image[1]
        bottom = top


@parallel
def _null_in_place(
    values: Array, fixed: Array, kind: int, weight: Array, excess: Array, seed: np.uint64, first: np.uint64,
    bounds: Array, counts: Array, keep: Array,
) -> None:  # fmt: skip
    n_draws = keep.shape[1]
    parts = counts.shape[0]
    width = weight.shape[1]
    for part in prange(parts):
        group = max(1, TILE // width)
        words = np.empty(group * width + 8, np.uint32)
        chosen = np.empty(group * width, np.uint32)
        image = np.empty((group + 3, width + 2))
        sums = np.empty((2, width))
        none = np.empty(0)
        held = np.empty(values.size)
        for k in range(part * n_draws // parts, (part + 1) * n_draws // parts):
            held[:] = values
            one_in_place(
                held, fixed, kind, weight, excess, seed, first + np.uint64(k), words, chosen, image, sums
            )
            tally(sums, bounds, counts[part, 0], keep[0, k] if keep.shape[0] else none)
