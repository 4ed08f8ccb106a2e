"""The innermost step of `density_cpu`: 64 bytes of sums of neighbouring pixels, in LLVM's vectors.

A few rows of images are read and added at once, in registers: what is loaded and stored for them is
the accumulators alone, once for all of the rows.  It is written in vectors since LLVM makes none of
these loops from Python: it would have to prove that a dozen rows do not overlap.

What it does to each pixel, in integers of its narrow type (int16 for bytes, int32 otherwise)::

    step = the difference, or a map's own value, in steps        size = abs(step)
    sums[0] += size    sums[1] += step    sums[2] = min(step)    sums[3] = max(step)
    squares += step * step    counts[level] += (step of a map, else largest size over channels) > level

Sums of squares lie in another order than the pixels, that of the halves of wider words: within each
vector those of the even pixels come first, then those of the odd ones.  No bounds are checked.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core import cgutils
from numba.np import arrayobj

from .jit import operation
from .llvm_vectors import Vectors

TILE = 4096
"""Pixels of a task, and the distance between one sum of a pixel and the next."""

SIZE, TOTAL, LEAST, MOST = range(4)

UNIT = 0x3F800000
"""Bits of 1.0: floats in [0, 1] have no larger ones, negative ones (-0.0 too) and NaN have."""

HALF_UNIT = 0x3C00
"""The same for float16."""

_WORD = ir.IntType(64)


def _steps(to: Vectors, kinds: Any, images: Any, at: Any) -> tuple[Any, Any, int]:
    """The steps of a row, bits that say whether its values are in range, and the largest fine ones."""
    builder, pixel = to.builder, kinds[0].dtype
    if pixel == types.float32:
        floats = ir.VectorType(ir.FloatType(), to.lanes)
        x = to.load(kinds[0], images[0], at, floats)
        if isinstance(kinds[1], types.NoneType):
            bits = builder.and_(builder.bitcast(x, to.row), to.all(0x7FFFFFFF))
            return to.whole(x), bits, UNIT
        y = to.load(kinds[1], images[1], at, floats)
        bits = to.larger_bits(builder.bitcast(x, to.row), builder.bitcast(y, to.row))
        return to.whole(builder.fsub(y, x)), bits, UNIT
    narrow = ir.VectorType(ir.IntType(pixel.bitwidth), to.lanes)
    x, y = (
        builder.zext(to.load(kind, image, at, narrow), to.row)
        for kind, image in zip(kinds, images, strict=True)
    )
    if pixel == types.uint8:
        return builder.sub(y, x), to.all(0), 255
    return builder.sub(to.half_steps(y), to.half_steps(x)), to.larger_bits(x, y), HALF_UNIT


def _add_rows(
    typing: Any, clean: Any, adversarial: Any, rows: Any, soon: Any, at: Any, sums: Any, squares: Any,
    counts: Any, levels: Any, peaks: Any, first: Any, last: Any, j: Any,
) -> Any:  # fmt: skip
    kinds = (clean, adversarial, rows, soon, at, sums, squares, counts, levels, peaks, first, last, j)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        clean, adversarial, rows, soon, at, sums, squares, counts, levels, peaks, first, last, j = arguments
        of = dict(zip(("sums", "squares", "counts", "levels", "peaks"), kinds[5:10], strict=True))
        to = Vectors(context, builder, of["sums"].dtype.bitwidth)
        images, maps = (clean, adversarial), isinstance(kinds[1], types.NoneType)

        for r in range(len(kinds[3])):
            for kind, image in zip(kinds[:1] if maps else kinds[:2], images, strict=False):
                to.fetch(kind, image, builder.add(builder.extract_value(soon, r), at))
        read = [
            _steps(to, kinds[:2], images, builder.add(builder.extract_value(rows, r), at))
            for r in range(len(kinds[2]))
        ]
        steps = [step for step, _, _ in read]
        sizes = [to.size(step) for step in steps]

        def add(k: int, values: list[Any], join: Callable[[Any, Any], Any]) -> None:
            place = builder.add(j, _WORD(k * TILE))
            held = to.load(of["sums"], sums, place, to.row)
            to.store(of["sums"], sums, place, join(held, reduce(join, values)))

        add(SIZE, sizes, builder.add)
        add(TOTAL, steps, builder.add)
        add(LEAST, steps, to.smaller)
        add(MOST, steps, to.larger)
        for part, place in zip(
            zip(*(to.squares(step) for step in steps), strict=True),
            (j, builder.add(j, _WORD(to.lanes // 2))),
            strict=True,
        ):
            held = to.load(of["squares"], squares, place, to.pairs)
            to.store(of["squares"], squares, place, builder.add(held, reduce(builder.add, part)))

        # the largest size over the channels met so far, one row a sample
        alloca: Any = cgutils.alloca_once_value
        largest = [alloca(builder, value) for value in (steps if maps else sizes)]
        places = [builder.add(j, _WORD(r * TILE)) for r in range(len(largest))]
        with builder.if_then(builder.not_(first)):
            for peak, place in zip(largest, places, strict=True):
                before = to.load(of["peaks"], peaks, place, to.row)
                builder.store(to.larger(builder.load(peak), before), peak)
        with builder.if_then(builder.not_(last)):
            for peak, place in zip(largest, places, strict=True):
                to.store(of["peaks"], peaks, place, builder.load(peak))
        struct: Any = arrayobj.make_array
        held_levels = struct(of["levels"])(context, builder, levels)
        number = builder.select(last, builder.extract_value(held_levels.shape, 0), _WORD(0))
        loop: Any = cgutils.for_range
        with loop(builder, number) as each:
            level = to.spread(builder.load(builder.gep(held_levels.data, [each.index])))
            place = builder.add(j, builder.mul(each.index, _WORD(TILE)))
            count = to.load(of["counts"], counts, place, to.row)
            for peak in largest:
                above = builder.icmp_signed(">", builder.load(peak), level)
                count = builder.sub(count, builder.sext(above, to.row))
            to.store(of["counts"], counts, place, count)

        worst = reduce(to.larger_bits, (bits for _, bits, _ in read))
        bad = builder.icmp_unsigned(">", worst, to.all(read[0][2]))
        return builder.zext(builder.bitcast(bad, ir.IntType(to.lanes)), _WORD)

    return types.uint64(*kinds), generate


def _in_order(typing: Any, squares: Any, j: Any, wide: Any) -> Any:
    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kind, _, wide_kind = signature.args
        to = Vectors(context, builder, kind.dtype.bitwidth // 2)
        half = to.lanes // 2
        even = to.load(kind, arguments[0], arguments[1], to.pairs)
        odd = to.load(kind, arguments[0], builder.add(arguments[1], _WORD(half)), to.pairs)
        places = [ir.IntType(32)(k // 2 + k % 2 * half) for k in range(to.lanes)]
        both = builder.shuffle_vector(even, odd, ir.Constant(ir.VectorType(ir.IntType(32), to.lanes), places))
        to.store(wide_kind, arguments[2], arguments[1], builder.zext(both, ir.VectorType(_WORD, to.lanes)))
        return context.get_dummy_value()

    return types.void(squares, j, wide), generate


in_order: Callable[..., None] = operation(_in_order)
"""``in_order(squares, j, wide)`` writes a vector's sums of squares, from pixel `j` on, as int64 in the
order of the pixels."""

add_rows: Callable[..., int] = operation(_add_rows)
"""Add rows to the sums of a vector of pixels, and return a word that is not 0 where a value is bad.

``add_rows(clean, adversarial, rows, soon, at, sums, squares, counts, levels, peaks, first, last, j)``

clean, adversarial : pixels of all images, flat: uint8, float16 as uint16, or float32
    `adversarial` is None for maps.
rows, soon : tuples of uint64
    Where the rows begin that are added, and those that come next.
at : uint64
    Pixel of the rows from which on they are read.
sums, squares, counts, levels, peaks : flat arrays
    Of ``4 TILE``, TILE, ``n_levels TILE``, n_levels and ``len(rows) TILE`` numbers.
first, last : bool
    Whether the rows are the first and the last channel of their samples.
j : uint64
    Pixel of the tile whose sums come first.
"""
