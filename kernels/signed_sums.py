"""Signed sums of maps on the CPU, by tables of the sums of four."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, parallel, prange
from .lanes import LANES, add_four, add_row, at_least, at_most, copy_row

MAPS = 16
"""Maps that one pass over the sums adds: four tables of four maps each, 8 KiB together."""

NIBBLE = np.uint64(15)
ROW = np.uint64(4)
TABLE = np.uint64(16 * LANES)


def encode(signs: Array) -> Array:
    """Signs (K, N) of -1 and 1 as uint16 (blocks of 16 maps, K): bit i is set where map i counts +1."""
    draws, n = signs.shape
    held = np.zeros((draws, -(-n // MAPS) * MAPS), np.bool_)
    np.greater(signs, 0, out=held[:, :n])
    packed = np.packbits(held, axis=1, bitorder="little")
    return np.ascontiguousarray(packed.view("<u2").T)


@inner
def _tabulate(maps: Array, doubled: Array, table: Array) -> None:
    """Write the sums of every choice of signs of four maps, for four fours: row m has + where m has bits."""
    for at in range(MAPS * LANES):
        doubled[at] = 2.0 * maps[at]
    for four in range(4):
        o = np.uint64(four) * TABLE
        x = np.uint64(four * 4 * LANES)
        for j in range(LANES):
            at = four * 4 * LANES + j
            table[four * 16 * LANES + j] = -(maps[at] + maps[at + LANES]) - (
                maps[at + 2 * LANES] + maps[at + 3 * LANES]
            )
        for i in range(4):
            for m in range(1 << i):
                add_row(
                    table, o + np.uint64((m + (1 << i)) * LANES), table, o + np.uint64(m * LANES),
                    doubled, x + np.uint64(i * LANES),
                )  # fmt: skip


@inner
def _add_maps(sums: Array, table: Array, codes: Array) -> None:
    """Add 16 tabulated maps to the sums of every draw."""
    for k in range(codes.size):
        code = np.uint64(codes[k])
        add_four(
            sums, np.uint64(k) << ROW, table,
            (code & NIBBLE) << ROW,
            (((code >> np.uint64(4)) & NIBBLE) << ROW) + TABLE,
            (((code >> np.uint64(8)) & NIBBLE) << ROW) + np.uint64(2) * TABLE,
            ((code >> np.uint64(12)) << ROW) + np.uint64(3) * TABLE,
        )  # fmt: skip


@inner
def _tile_sums(maps: Array, codes: Array, table: Array, doubled: Array, sums: Array) -> None:
    """Signed sums of one tile: maps (N', 16) flat, codes (N' / 16, K), sums (K, 16) flat."""
    sums[:] = 0.0
    for b in range(codes.shape[0]):
        _tabulate(maps[b * MAPS * LANES : (b + 1) * MAPS * LANES], doubled, table)
        _add_maps(sums, table, codes[b])


@parallel
def signed_sums(tiles: Array, codes: Array, out: Array) -> None:
    """Write all signed sums (K, P')."""
    flat = out.reshape(out.size)
    width = np.uint64(out.shape[1])
    for s in prange(tiles.shape[0]):
        table = np.empty(4 * 16 * LANES)
        doubled = np.empty(MAPS * LANES)
        sums = np.empty(codes.shape[1] * LANES)
        _tile_sums(tiles[s].reshape(tiles[s].size), codes, table, doubled, sums)
        for k in range(codes.shape[1]):
            copy_row(flat, np.uint64(k) * width + np.uint64(s * LANES), sums, np.uint64(k) << ROW)


@parallel
def exceeding(tiles: Array, codes: Array, low: Array, high: Array, out: Array, above: Array,
              below: Array) -> None:  # fmt: skip
    """Mark the sums >= high and <= low in bits (K, P' / 16), and write the rows of 16 that have any."""
    flat = out.reshape(out.size)
    width = np.uint64(out.shape[1])
    for s in prange(tiles.shape[0]):
        table = np.empty(4 * 16 * LANES)
        doubled = np.empty(MAPS * LANES)
        sums = np.empty(codes.shape[1] * LANES)
        _tile_sums(tiles[s].reshape(tiles[s].size), codes, table, doubled, sums)
        at = np.uint64(s * LANES)
        for k in range(codes.shape[1]):
            row = np.uint64(k) << ROW
            up = at_least(sums, row, high, at)
            down = at_most(sums, row, low, at)
            above[k, s] = np.uint16(up)
            below[k, s] = np.uint16(down)
            if up | down:
                copy_row(flat, np.uint64(k) * width + at, sums, row)
