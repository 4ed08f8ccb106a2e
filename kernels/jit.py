"""The one door to Numba: typed decorators, and instructions that Python lacks.

Only the ``*_cpu`` modules import this file, and they are themselves imported by the first call, so
that ``import spatialstats.kernels`` stays cheap.  Compiled code is cached beside the source; where
that place is read-only (a system-wide install) Numba itself falls back to the user's cache directory.

Numba renews a cached function when its own file changes, not when a file it calls into does: after
an edit of `density_loops`, or of what one ``_cpu`` module takes from another, delete
``kernels/__pycache__``.

The functions hold the GIL while they run: several Python threads may call them, and take turns, so
that no threading layer of Numba ever sees two parallel regions at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np import arrayobj

P = ParamSpec("P")
R = TypeVar("R")

prange: type[range] = numba.prange
"""``range`` whose iterations are shared out over the threads, inside a `parallel` function."""


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a hot loop, or a step that runs inside one thread."""
    compiled: Callable[P, R] = numba.njit(cache=True)(function)
    return compiled


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile an entry point whose `prange` loops run on all threads."""
    compiled: Callable[P, R] = numba.njit(parallel=True, cache=True)(function)
    return compiled


def n_threads() -> int:
    """Return how many threads a `parallel` function may use now."""
    threads: int = numba.get_num_threads()
    return threads


def _population(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.uint64(types.uint64), generate


def _trailing(typing_context: Any, word: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], context.get_constant(types.boolean, False))

    return types.uint64(types.uint64), generate


def _bits(typing_context: Any, value: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.bitcast(arguments[0], context.get_value_type(types.uint32))

    return types.uint32(types.float32), generate


def _prefetch(typing_context: Any, array: Any, at: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        struct: Any = arrayobj.make_array  # Numba's own code is untyped
        view = struct(signature.args[0])(context, builder, arguments[0])
        line = builder.bitcast(builder.gep(view.data, [arguments[1]]), ir.IntType(8).as_pointer())
        word = ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [line.type, word, word, word])
        declared: Any = cgutils.get_or_insert_function
        hint = declared(builder.module, kind, "llvm.prefetch.p0")
        # for reading, of little reuse, as data
        builder.call(hint, [line, word(0), word(1), word(1)])
        return context.get_dummy_value()

    return types.void(array, types.intp), generate


def _shift_left(typing_context: Any, word: Any, places: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        return builder.shl(*arguments)

    return types.uint32(types.uint32, types.uint32), generate


def _operation(function: Callable[..., Any]) -> Callable[..., Any]:
    built: Any = intrinsic(function)
    typed: Callable[..., Any] = built
    return typed


population = _operation(_population)
"""Number of set bits of a uint64, as uint64."""

trailing = _operation(_trailing)
"""Number of zero bits below the lowest set bit of a uint64, as uint64."""

bits = _operation(_bits)
"""The bits of a float32, as uint32."""

prefetch = _operation(_prefetch)
"""Ask for the cache line that holds element `at` of a contiguous array; nothing waits for it."""

shift_left = _operation(_shift_left)
"""A uint32 shifted by fewer than 32 places, as uint32: Numba's own ``<<`` widens to 64 bits."""
