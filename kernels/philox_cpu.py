"""Random words that are a pure function of (seed, k), on the CPU: Philox4x32-10, as in philox.cuh."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inlined, inner

WORD = np.uint64(0xFFFFFFFF)
HALF = np.uint64(32)
MULTIPLIERS = (np.uint64(0xD2511F53), np.uint64(0xCD9E8D57))
INCREMENTS = (np.uint64(0x9E3779B9), np.uint64(0xBB67AE85))
ORDERS, FLIPS, SHIFTS = np.uint64(0), np.uint64(1), np.uint64(2)
"""Second word of the counter: what the random words are for."""


@inlined
def philox(
    c0: np.uint64, c1: np.uint64, c2: np.uint64, c3: np.uint64, seed: np.uint64
) -> tuple[np.uint64, np.uint64, np.uint64, np.uint64]:
    """Four words of a counter under the key `seed`."""
    key0 = seed & WORD
    key1 = seed >> HALF
    for _ in range(10):
        even = MULTIPLIERS[0] * (c0 & WORD)
        odd = MULTIPLIERS[1] * (c2 & WORD)
        c0 = (odd >> HALF) ^ c1 ^ key0
        c1 = odd & WORD
        c2 = (even >> HALF) ^ c3 ^ key1
        c3 = even & WORD
        key0 = (key0 + INCREMENTS[0]) & WORD
        key1 = (key1 + INCREMENTS[1]) & WORD
    return c0, c1, c2, c3


@inner
def fill(words: Array, block: np.uint64, use: np.uint64, k: np.uint64, seed: np.uint64) -> None:
    """Write the four words of the counter (block, use, k) under the key `seed`."""
    words[0], words[1], words[2], words[3] = philox(block, use, k & WORD, k >> HALF, seed)


@inner
def rejected(product: np.uint64, size: np.uint64) -> bool:
    """Whether a word must be passed over, since the multiples of `size` are unevenly many."""
    rest = product & WORD
    # the division is rarely met: the bound is below `size`
    return bool(rest < size and rest < ((WORD - size + np.uint64(1)) % size))
