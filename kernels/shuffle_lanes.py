"""The two steps of a shuffle as instructions that run side by side: random indices, and exchanges.

The indices are Philox4x32-10 (philox_cpu) on eight counters at a time, a chain of vector
multiplications; the exchanges are loads and stores, and their results are written eight together, for
it is stores that bound them.  Neither waits for the other's units: woven together, 32 of both take
little longer than 32 of either.  LLVM does none of this from Python.  The functions address flat
C-contiguous arrays and check no bounds.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types

from .jit import operation
from .philox_cpu import INCREMENTS, MULTIPLIERS, ORDERS

COUNTERS = 8
"""Counters side by side."""

GROUP = 4 * COUNTERS
"""Indices made at a time."""

TOGETHER = 8
"""Exchanges whose results are written together."""

BETWEEN = 4
"""Exchanges after a round of Philox."""

_INT, _LONG = ir.IntType(32), ir.IntType(64)
_LANES = ir.VectorType(_LONG, COUNTERS)


def _long(value: Any) -> Any:
    return ir.Constant(_LONG, int(value))


def _lanes(*values: int) -> Any:
    """A constant vector; one value fills it."""
    return ir.Constant(_LANES, [_long(value) for value in (values if len(values) > 1 else values * COUNTERS)])


LOW, HIGH, HALF = _lanes(0xFFFFFFFF), _lanes(0xFFFFFFFF00000000), _lanes(32)


def _spread(builder: Any, value: Any) -> Any:
    """A vector of one value."""
    nothing = ir.Constant(_LANES, ir.Undefined)
    first = builder.insert_element(nothing, value, ir.Constant(_INT, 0))
    return builder.shuffle_vector(first, nothing, ir.Constant(ir.VectorType(_INT, COUNTERS), [0] * COUNTERS))


def _product(builder: Any, a: Any, b: Any) -> Any:
    """Products of the low halves: one instruction, as LLVM knows."""
    return builder.mul(builder.and_(a, LOW), builder.and_(b, LOW))


def _words(builder: Any, block: Any, k: Any, seed: Any, between: Iterator[None]) -> list[Any]:
    """The four words of the counters block, block + 1, ...; their upper halves are left unclean."""
    first = builder.add(_spread(builder, block), _lanes(*range(COUNTERS)))
    second, third, fourth = (
        _spread(builder, part) for part in (_long(ORDERS), k, builder.lshr(k, _long(32)))
    )
    keys = [seed, builder.lshr(seed, _long(32))]
    for _ in range(10):
        even = _product(builder, first, _lanes(int(MULTIPLIERS[0])))
        odd = _product(builder, third, _lanes(int(MULTIPLIERS[1])))
        own, other = (_spread(builder, key) for key in keys)
        first = builder.xor(builder.xor(builder.lshr(odd, HALF), own), second)
        third = builder.xor(builder.xor(builder.lshr(even, HALF), other), fourth)
        second, fourth = odd, even
        keys = [builder.add(key, _long(step)) for key, step in zip(keys, INCREMENTS, strict=True)]
        for _ in range(BETWEEN):
            next(between, None)
    return [first, second, third, fourth]


def _scale(
    builder: Any, data: Any, at: Any, block: Any, k: Any, seed: Any, size: Any, *, between: Iterator[None]
) -> Any:
    """Write the indices, and make what `scale_words` returns."""
    sizes = _spread(builder, size)
    products = []
    for i, word in enumerate(_words(builder, block, k, seed, between)):
        products.append(_product(builder, word, builder.sub(sizes, _lanes(*range(i, GROUP, 4)))))
    # indices are the upper halves: those of two words share a lane, and two such vectors interleave
    pairs = [
        builder.or_(builder.lshr(products[i], HALF), builder.and_(products[i + 1], HIGH)) for i in (0, 2)
    ]
    turns = [lane for i in range(COUNTERS) for lane in (i, COUNTERS + i)]
    mixed = builder.shuffle_vector(*pairs, ir.Constant(ir.VectorType(_INT, len(turns)), turns))
    builder.store(mixed, builder.bitcast(builder.gep(data, [at]), mixed.type.as_pointer())).align = 4
    doubts = [
        builder.icmp_unsigned("<", builder.and_(product, LOW), builder.and_(sizes, LOW))
        for product in products
    ]
    bits = builder.or_(builder.or_(doubts[0], doubts[1]), builder.or_(doubts[2], doubts[3]))
    return builder.zext(builder.bitcast(bits, ir.IntType(COUNTERS)), _LONG)


def _exchanges(
    builder: Any, size: int, items: Any, chosen: Any, at: Any, last: Any, *, n: int
) -> Iterator[None]:
    """Make n exchanges of items of `size` bytes, each when the next is asked for."""
    # as integers: moves through general registers leave the vector units to the random words
    word = ir.IntType(8 * size)
    items = builder.bitcast(items, word.as_pointer())
    row = ir.VectorType(word, TOGETHER)
    taken = ir.Constant(row, ir.Undefined)
    for i in range(n):
        j = builder.zext(builder.load(builder.gep(chosen, [builder.add(at, _long(i))])), _LONG)
        place, end = builder.gep(items, [j]), builder.gep(items, [builder.sub(last, _long(i))])
        held = builder.load(place)
        builder.store(builder.load(end), place)
        lane = TOGETHER - 1 - i % TOGETHER
        taken = builder.insert_element(taken, held, ir.Constant(_INT, lane))
        if lane == 0:  # no exchange reads what lies behind its own end
            builder.store(taken, builder.bitcast(end, row.as_pointer())).align = size
        yield


def _data(context: Any, builder: Any, kind: Any, array: Any) -> Any:
    return context.make_array(kind)(context, builder, array).data


def _scale_words(typing: Any, chosen: Any, at: Any, block: Any, k: Any, seed: Any, size: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = _data(context, builder, signature.args[0], arguments[0])
        return _scale(builder, data, *arguments[1:], between=iter(()))

    index = types.uint64
    return index(chosen, index, index, index, index, index), generate


def _exchange_some(typing: Any, items: Any, chosen: Any, at: Any, last: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        data = [_data(context, builder, kinds[i], arguments[i]) for i in range(2)]
        size = context.get_abi_sizeof(data[0].type.pointee)
        for _ in _exchanges(builder, size, *data, *arguments[2:], n=TOGETHER):
            pass
        return context.get_dummy_value()

    return types.void(items, chosen, types.uint64, types.uint64), generate


def _scale_and_exchange(
    typing: Any, drawn: Any, at: Any, block: Any, k: Any, seed: Any, size: Any,
    items: Any, chosen: Any, begin: Any, last: Any,
) -> Any:  # fmt: skip
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        target, *data = (_data(context, builder, kinds[i], arguments[i]) for i in (0, 6, 7))
        size = context.get_abi_sizeof(data[0].type.pointee)
        exchanges = _exchanges(builder, size, *data, *arguments[8:], n=GROUP)
        doubt = _scale(builder, target, *arguments[1:6], between=exchanges)
        for _ in exchanges:
            pass
        return doubt

    index = types.uint64
    return index(drawn, index, index, index, index, index, items, chosen, index, index), generate


scale_words = operation(_scale_words)
"""Scale the words of eight blocks from `block` on, of draw k under the key `seed`, to indices below
`size`, `size` - 1, ..., and write them to ``chosen[at:at + 32]``; not 0 if one of them may have to be
passed over."""

exchange_some = operation(_exchange_some)
"""Exchange ``items[last - i]`` with ``items[chosen[at + i]]`` for i = 0, ..., 7, in this order."""

scale_and_exchange = operation(_scale_and_exchange)
"""`scale_words` into an array, and 32 exchanges by the indices of another, at the same time."""
