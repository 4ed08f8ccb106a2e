"""Sixteen float64 at a time: what the loops of `t_maps_cpu` are made of.

LLVM does not vectorise these loops from Python (it cannot prove that the rows do not overlap), and
they are where sign-flip inference spends its time.  The functions address flat C-contiguous float64
arrays by the index of the first of 16 entries, given as uint64, and check no bounds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from .jit import operation

LANES = 16
"""Entries of a row."""

_ROW = ir.VectorType(ir.DoubleType(), LANES)


def _row(context: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [first]), _ROW.as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, first: Any) -> Any:
    value = builder.load(_row(context, builder, kind, array, first))
    value.align = 8
    return value


def _store(context: Any, builder: Any, kind: Any, array: Any, first: Any, value: Any) -> None:
    builder.store(value, _row(context, builder, kind, array, first)).align = 8


def _add_four(typing: Any, out: Any, k: Any, table: Any, a: Any, b: Any, c: Any, d: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        a, b, c, d = (_load(context, builder, kinds[2], arguments[2], arguments[i]) for i in (3, 4, 5, 6))
        four = builder.fadd(builder.fadd(a, b), builder.fadd(c, d))
        held = _load(context, builder, kinds[0], arguments[0], arguments[1])
        _store(context, builder, kinds[0], arguments[0], arguments[1], builder.fadd(held, four))
        return context.get_dummy_value()

    index = types.uint64
    return types.void(out, index, table, index, index, index, index), generate


def _add_row(typing: Any, out: Any, k: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        left = _load(context, builder, kinds[2], arguments[2], arguments[3])
        right = _load(context, builder, kinds[4], arguments[4], arguments[5])
        _store(context, builder, kinds[0], arguments[0], arguments[1], builder.fadd(left, right))
        return context.get_dummy_value()

    index = types.uint64
    return types.void(out, index, a, index, b, index), generate


def _copy_row(typing: Any, out: Any, k: Any, a: Any, i: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        value = _load(context, builder, kinds[2], arguments[2], arguments[3])
        _store(context, builder, kinds[0], arguments[0], arguments[1], value)
        return context.get_dummy_value()

    return types.void(out, types.uint64, a, types.uint64), generate


def _compare(operator: str) -> Callable[..., Any]:
    def typed(typing: Any, a: Any, i: Any, b: Any, j: Any) -> Any:
        def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            kinds = signature.args
            left = _load(context, builder, kinds[0], arguments[0], arguments[1])
            right = _load(context, builder, kinds[2], arguments[2], arguments[3])
            bits = builder.fcmp_ordered(operator, left, right)
            return builder.zext(builder.bitcast(bits, ir.IntType(LANES)), ir.IntType(64))

        return types.uint64(a, types.uint64, b, types.uint64), generate

    return typed


add_four = operation(_add_four)
"""``out[k] += (table[a] + table[b]) + (table[c] + table[d])`` for rows."""

add_row = operation(_add_row)
"""``out[k] = a[i] + b[j]`` for rows."""

copy_row = operation(_copy_row)
"""``out[k] = a[i]`` for rows."""

at_least = operation(_compare(">="))
"""Bit l of the result, in uint64: ``a[i + l] >= b[j + l]``."""

at_most = operation(_compare("<="))
"""Bit l of the result, in uint64: ``a[i + l] <= b[j + l]``."""
