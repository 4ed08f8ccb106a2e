"""GPU side of `permute`: one block of threads a draw."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from . import device
from .checks import Array
from .device import Function

THREADS = 256
TILES = 2 * 4 * 4 * (THREADS - 32)
"""Bytes of shared memory for two tiles of random words (`permute` in philox.cuh)."""

GRID = 1024
"""Blocks at most, where each needs memory of its own: a few times what the largest card runs at once."""


@dataclass(frozen=True)
class Orders:
    """Where blocks keep the permutation of n items that they work on.

    Attributes
    ----------
    in_shared : bool
        16-bit indices in shared memory; else 32-bit ones in global memory.
    bytes : int
        Of shared memory.
    blocks : int
    """

    in_shared: bool
    bytes: int
    blocks: int

    @classmethod
    def of(cls, n: int, count: int, reserve: int = 0) -> Orders:
        """Choose for `count` permutations; `reserve` bytes of shared memory are the kernel's own."""
        indices = TILES + 2 * n
        in_shared = n <= 1 << 16 and indices + reserve <= device.shared_memory()
        return cls(in_shared, indices if in_shared else TILES, min(count, GRID))

    def kernel(self, file: str, stem: str) -> Function:
        """The kernel's variant for this place."""
        function = device.load(file).get_function(stem + ("_shared" if self.in_shared else "_global"))
        if self.bytes > 32 << 10:  # above 48 KB with what the kernel has itself, it must be asked for
            function.max_dynamic_shared_size_bytes = self.bytes
        return function

    def scratch(self, n: int) -> list[Array]:
        """The last argument of a ``_global`` kernel, and none of a ``_shared`` one."""
        return [] if self.in_shared else [device.namespace().empty((self.blocks, n), np.uint32)]


def permutations(n: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.permutations`."""
    out: Array = device.namespace().empty((count, n), np.int32)
    if out.size:
        orders = Orders.of(n, count, reserve=64)
        orders.kernel("permute", "permutations")(
            (orders.blocks,),
            (THREADS,),
            (np.uint32(n), np.uint64(seed), np.uint64(first), np.int32(count), out),
            shared_mem=orders.bytes,
        )
    return out


def sign_flips(n: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.sign_flips`."""
    out: Array = device.namespace().empty((count, n), np.int8)
    if out.size:
        threads = count * -(-n // 128)
        device.load("permute").get_function("sign_flips")(
            (-(-threads // THREADS),),
            (THREADS,),
            (np.int32(n), np.uint64(seed), np.uint64(first), np.int32(count), out),
        )
    return out


def shifts(height: int, width: int, seed: int, first: int, count: int) -> Array:
    """Draws of `permute.shifts`."""
    out: Array = device.namespace().empty((count, 2), np.int32)
    if count:
        device.load("permute").get_function("shifts")(
            (-(-count // THREADS),),
            (THREADS,),
            (np.uint32(height), np.uint32(width), np.uint64(seed), np.uint64(first), np.int32(count), out),
        )
    return out


def swaps(a: Array, b: Array, weights_a: Array, weights_b: Array, seed: int, n: int) -> Array:
    """Draws of `swap_null`."""
    out: Array = device.namespace().empty(n, np.float64)
    if n:
        masks, words = a.shape
        orders = Orders.of(masks, n, reserve=2048 + 64)
        orders.kernel("permute", "swap")(
            (orders.blocks,),
            (THREADS,),
            (
                *(a, b, weights_a, weights_b),
                *(np.int32(masks), np.int32(words), np.uint64(seed), np.int32(n), out),
                *orders.scratch(masks),
            ),
            shared_mem=orders.bytes,
        )
    return out
