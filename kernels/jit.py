"""The one door to Numba: typed decorators, and instructions that Python lacks.

Only the ``*_cpu`` modules import this file, and they are themselves imported by the first call, so
that ``import spatialstats.kernels`` stays cheap.  Compiled code is cached beside the source; where
that place is read-only (a system-wide install) Numba itself falls back to the user's cache directory,
and where there is none to be written to either, each process compiles anew.

Numba renews a cached function when its own file changes, not when a file it calls into does: after
an edit of `density_lanes` or `llvm_vectors`, or of what one ``_cpu`` module takes from another, delete
``kernels/__pycache__``.

The functions hold the GIL while they run: several Python threads may call them, and take turns, so
that no threading layer of Numba ever sees two parallel regions at once.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import numba
from numba import types
from numba.extending import intrinsic

P = ParamSpec("P")
R = TypeVar("R")

prange: type[range] = numba.prange
"""``range`` whose iterations are shared out over the threads, inside a `parallel` function."""


def inner(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a hot loop, or a step that runs inside one thread."""
    return _compiled(function)


def inlined(function: Callable[P, R]) -> Callable[P, R]:
    """Compile a step that becomes part of every loop it is called in, for LLVM to vectorise the loop."""
    return _compiled(function, forceinline=True)


def parallel(function: Callable[P, R]) -> Callable[P, R]:
    """Compile an entry point whose `prange` loops run on all threads."""
    return _compiled(function, parallel=True)


def _compiled(
    function: Callable[P, R], *, parallel: bool = False, forceinline: bool = False
) -> Callable[P, R]:
    try:
        compiled: Callable[P, R] = numba.njit(cache=True, parallel=parallel, forceinline=forceinline)(
            function
        )
    except RuntimeError as error:
        if "cannot cache" not in str(error):
            raise
        compiled = numba.njit(parallel=parallel, forceinline=forceinline)(function)
    return compiled


def operation(function: Callable[..., Any]) -> Callable[..., Any]:
    """Make an operation of compiled code out of what types it and writes its instructions."""
    built: Any = intrinsic(function)
    typed: Callable[..., Any] = built
    return typed


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


population = operation(_population)
"""Number of set bits of a uint64, as uint64."""

trailing = operation(_trailing)
"""Number of zero bits below the lowest set bit of a uint64, as uint64."""
