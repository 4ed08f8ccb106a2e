"""Fisher-Yates on the CPU: words and exchanges of one shuffle, two tiles at a time."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner
from .philox_cpu import HALF, ORDERS, fill, rejected
from .shuffle_lanes import GROUP, TOGETHER, exchange_some, scale_and_exchange, scale_words

TILE = 512
"""Indices drawn ahead of their exchanges: two such tiles stay in the first-level cache."""

ROOM = TILE + 2 * GROUP
"""Space for a tile: it may begin within a block of words, and ends with a whole group."""


@inner
def choose(chosen: Array, last: int, used: int, k: np.uint64, seed: np.uint64) -> int:
    """Draw the next indices of a shuffle word by word, the first of them below last + 1.

    `used` words of the draw are used up already; returns how many are afterwards.
    """
    words = np.empty(4, np.uint32)
    if used % 4:
        fill(words, np.uint64(used // 4), ORDERS, k, seed)
    for s in range(chosen.size):
        size = np.uint64(last + 1 - s)
        while True:
            if used % 4 == 0:
                fill(words, np.uint64(used // 4), ORDERS, k, seed)
            product = np.uint64(words[used % 4]) * size
            used += 1
            if not rejected(product, size):
                break
        chosen[s] = np.uint32(product >> HALF)
    return used


@inner
def exchange(items: Array, chosen: Array, last: int) -> None:
    """Exchange the items last, last - 1, ... with those chosen for them."""
    rows = chosen.size // TOGETHER
    for row in range(rows):
        exchange_some(items, chosen, np.uint64(TOGETHER * row), np.uint64(last - TOGETHER * row))
    for s in range(TOGETHER * rows, chosen.size):
        # unsigned: no wrapping of negative indices
        j = np.uint64(chosen[s])
        t = np.uint64(last - s)
        held = items[j]
        items[j] = items[t]
        items[t] = held


@inner
def shuffle(items: Array, chosen: Array, seed: np.uint64, k: np.uint64) -> None:
    """Shuffle items in place by the words of (seed, k); `chosen` is a buffer, uint32 (2, ROOM).

    While a tile's items are exchanged the indices of the next are drawn.  Words that may have to be
    passed over are rare: a tile with such is drawn once more, word by word.
    """
    last = items.size - 1
    size = 0
    start = 0
    used = 0
    now = 0
    while last > 0:
        own = chosen[now]
        drawn = chosen[1 - now]
        after = last - size
        next_size = min(TILE, after)
        next_start = used % 4
        groups = (next_start + next_size + GROUP - 1) // GROUP
        both = min(size // GROUP, groups)
        block = used // 4
        doubt = np.uint64(0)
        for g in range(both):
            s = GROUP * g
            below = np.uint64(after + 1 + next_start - s)
            doubt |= scale_and_exchange(
                *(drawn, np.uint64(s), np.uint64(block + s // 4), k, seed, below),
                *(items, own, np.uint64(start + s), np.uint64(last - s)),
            )
        for g in range(both, groups):
            s = GROUP * g
            below = np.uint64(after + 1 + next_start - s)
            doubt |= scale_words(drawn, np.uint64(s), np.uint64(block + s // 4), k, seed, below)
        done = GROUP * both
        exchange(items, own[start + done : start + size], last - done)
        if doubt:
            used = choose(drawn[:next_size], after, used, k, seed)
            next_start = 0
        else:
            used += next_size
        last = after
        size = next_size
        start = next_start
        now = 1 - now


@inner
def permute(items: Array, chosen: Array, seed: np.uint64, k: np.uint64) -> None:
    """Write the k-th permutation of `pairing`."""
    for i in range(items.size):
        items[i] = i
    shuffle(items, chosen, seed, k)
