"""Orders in which `tfce_cpu` adds pixels: from the highest down."""

from __future__ import annotations

import numpy as np

from .checks import Array
from .jit import inner

DIGIT = 11
"""Bits that one pass of the sort looks at."""


@inner
def by_level(level: Array, most: int, order: Array) -> int:
    """Write the pixels of level 1 and above, highest level first; returns how many."""
    begins = np.zeros(most + 2, np.int64)
    for at in range(level.size):
        begins[level[at]] += 1
    n = 0
    for j in range(most, 0, -1):
        held = begins[j]
        begins[j] = n
        n += held
    for at in range(level.size):
        j = level[at]
        if j > 0:
            order[begins[j]] = at
            begins[j] += 1
    return n


@inner
def by_height(size: Array, keys: Array, spare: Array, order: Array, n: int) -> None:
    """Sort the first n pixels of `order` by falling size: the leading bits by digits, ties in place."""
    mask = np.uint64((1 << DIGIT) - 1)
    single = np.empty(1, np.float32)
    word = single.view(np.uint32)
    for i in range(n):
        single[0] = size[order[i]]
        keys[i] = (np.uint64(0xFFFFFFFF - word[0]) << np.uint64(32)) | np.uint64(order[i])
    for digit in range(3):
        shift = np.uint64(32 + digit * DIGIT)
        begins = np.zeros(1 << DIGIT, np.int64)
        for i in range(n):
            begins[np.int64((keys[i] >> shift) & mask)] += 1
        total = 0
        for j in range(begins.size):
            held = begins[j]
            begins[j] = total
            total += held
        for i in range(n):
            place = np.int64((keys[i] >> shift) & mask)
            spare[begins[place]] = keys[i]
            begins[place] += 1
        keys, spare = spare, keys
    for i in range(n):
        order[i] = np.uint32(keys[i] & np.uint64(0xFFFFFFFF))
    begin = 0
    while begin < n:
        end = begin + 1
        leading = keys[begin] >> np.uint64(32)
        while end < n and keys[end] >> np.uint64(32) == leading:
            end += 1
        gap = 1
        while 3 * gap < end - begin:
            gap = 3 * gap + 1
        while gap > 0:  # Shell's sort: one pass of insertion where the run is short
            for i in range(begin + gap, end):
                moved = order[i]
                j = i
                while j >= begin + gap and size[order[j - gap]] < size[moved]:
                    order[j] = order[j - gap]
                    j -= gap
                order[j] = moved
            gap //= 3
        begin = end
