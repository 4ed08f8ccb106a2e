"""The component tree of a map, grown pixel by pixel from the highest down: what `tfce_cpu` scores.

Pixels are places in a map with an empty frame: rows are `wide` apart, one more than a row has pixels.
"""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner, trailing

OUTSIDE = np.int32(0x7FFFFFFF)
"""Rank of a place that is in no component: later than all others."""


@inner
def grow(
    order: Array, sign: Array, wide: int, reach: int, rank: Array, near: Array, parent: Array, joined: Array,
    area: Array,
) -> None:  # fmt: skip
    """Add pixels in order, each as the root of what it touches.

    In the end `parent` holds the tree (roots are their own parents) and `area` the pixels below each;
    `rank`, `near` and `joined` are buffers.  Which neighbours come before a pixel is found out for all
    of them first, in a loop that LLVM vectorises: asking one by one is a branch that no processor
    predicts, and took twice the time of all this.
    """
    look(order, sign, wide, reach, rank, near)
    steps = np.array([-wide, -1, 1, wide, -wide - 1, -wide + 1, wide - 1, wide + 1]).astype(np.uint64)
    for k in range(order.size):
        p = np.uint64(order[k])
        parent[p] = p
        joined[p] = p
        total = np.uint32(1)
        bits = np.uint64(near[p])
        while bits:
            # modulo 2^64: unsigned indices are not taken for negative ones
            r = root(joined, p + steps[trailing(bits)])
            bits &= bits - np.uint64(1)
            if r != p:
                joined[r] = p
                parent[r] = p
                total += area[r]
        area[p] = total


@inner
def root(joined: Array, i: np.uint64) -> np.uint64:
    """The last pixel that joined the component of i; the way there gets shorter."""
    up = joined[i]
    while up != i:
        over = joined[up]
        joined[i] = over
        i = np.uint64(over)
        up = joined[i]
    return i


@inner
def look(order: Array, sign: Array, wide: int, reach: int, rank: Array, near: Array) -> None:
    """Set bit b of `near` where the neighbour of that bit in `grow` has the same sign and comes before."""
    rank[:] = OUTSIDE
    for k in range(order.size):
        p = order[k]
        rank[p] = np.int32(k) if sign[p] else ~np.int32(k)
    end = rank.size - wide - 1
    own = rank[wide + 1 : end]
    within = near[wide + 1 : end]
    within[:] = 0
    add_bit(own, rank[1 : end - wide], np.uint8(1), within)
    add_bit(own, rank[wide : end - 1], np.uint8(2), within)
    add_bit(own, rank[wide + 2 : end + 1], np.uint8(4), within)
    add_bit(own, rank[2 * wide + 1 : end + wide], np.uint8(8), within)
    if reach:
        add_bit(own, rank[: end - wide - 1], np.uint8(16), within)
        add_bit(own, rank[2 : end - wide + 1], np.uint8(32), within)
        add_bit(own, rank[2 * wide : end + wide - 1], np.uint8(64), within)
        add_bit(own, rank[2 * wide + 2 : end + wide + 1], np.uint8(128), within)


@inner
def add_bit(own: Array, other: Array, bit: np.uint8, near: Array) -> None:
    """Set a bit where the other rank has the same sign and comes before; ~k is rank k below zero."""
    for i in range(own.size):
        a = own[i]
        b = other[i]
        before = (b ^ (b >> np.int32(31))) < (a ^ (a >> np.int32(31)))
        near[i] |= np.uint8(before & ((a ^ b) >= 0)) * bit
