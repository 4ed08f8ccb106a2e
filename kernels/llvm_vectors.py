"""Vectors of integers, in LLVM's own words: what Numba gives no way to write.

Vectors wider than the machine's registers are cut by LLVM, so that this is right, if slower, anywhere.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba.core import cgutils
from numba.np import arrayobj

VECTOR = 64
"""Bytes of the vectors."""


class Vectors:
    """Writes instructions for vectors of integers of `bits` bits, 64 bytes of them."""

    def __init__(self, context: Any, builder: Any, bits: int) -> None:
        self.context, self.builder = context, builder
        self.lanes = 8 * VECTOR // bits
        self.row = ir.VectorType(ir.IntType(bits), self.lanes)
        self.pairs = ir.VectorType(ir.IntType(2 * bits), self.lanes // 2)

    def _pointer(self, kind: Any, array: Any, at: Any, vector: Any) -> Any:
        struct: Any = arrayobj.make_array  # Numba's own code is untyped
        data = struct(kind)(self.context, self.builder, array).data
        return self.builder.bitcast(self.builder.gep(data, [at]), vector.as_pointer())

    def load(self, kind: Any, array: Any, at: Any, vector: Any) -> Any:
        value = self.builder.load(self._pointer(kind, array, at, vector))
        value.align = kind.dtype.bitwidth // 8
        return value

    def store(self, kind: Any, array: Any, at: Any, value: Any) -> None:
        to = self._pointer(kind, array, at, value.type)
        self.builder.store(value, to).align = kind.dtype.bitwidth // 8

    def fetch(self, kind: Any, array: Any, at: Any) -> None:
        """Ask for the cache line of an element; nothing waits for it."""
        line = self._pointer(kind, array, at, ir.IntType(8))
        word = ir.IntType(32)
        hint: Any = self.declared("prefetch.p0", ir.VoidType(), [line.type, word, word, word])
        self.builder.call(hint, [line, word(0), word(2), word(1)])  # for reading, into the second level

    def declared(self, name: str, result: Any, arguments: Sequence[Any]) -> Any:
        declare: Any = cgutils.get_or_insert_function
        return declare(self.builder.module, ir.FunctionType(result, arguments), f"llvm.{name}")

    def all(self, value: int | float, vector: Any = None) -> Any:
        """A constant in every lane."""
        vector = vector or self.row
        return ir.Constant(vector, [value] * vector.count)

    def spread(self, value: Any) -> Any:
        """A number of the narrow type in every lane."""
        nothing, index = ir.Constant(self.row, ir.Undefined), ir.VectorType(ir.IntType(32), self.lanes)
        one = self.builder.insert_element(nothing, value, ir.IntType(32)(0))
        return self.builder.shuffle_vector(one, nothing, self.all(0, index))

    def larger(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed(">", a, b), a, b)

    def smaller(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_signed("<", a, b), a, b)

    def larger_bits(self, a: Any, b: Any) -> Any:
        return self.builder.select(self.builder.icmp_unsigned(">", a, b), a, b)

    def size(self, value: Any) -> Any:
        return self.larger(value, self.builder.sub(self.all(0), value))

    def whole(self, value: Any) -> Any:
        """A float32 in steps of 2^-24, rounded half-even: exact but for the rounding."""
        scaled = self.builder.fmul(value, self.all(float(1 << 24), value.type))
        rint = self.declared(f"rint.v{self.lanes}f32", value.type, [value.type])
        return self.builder.fptosi(self.builder.call(rint, [scaled]), self.row)

    def half_steps(self, half: Any) -> Any:
        """The bits of a float16 in [0, 1], in 32 bits each, as steps of 2^-24: all are multiples of it.

        Integers alone: neither rounding nor a thread's treatment of subnormal numbers comes in.
        """
        builder = self.builder
        exponent = builder.lshr(half, self.all(10))
        normal = builder.zext(builder.icmp_unsigned("!=", exponent, self.all(0)), self.row)
        fraction = builder.or_(builder.and_(half, self.all(1023)), builder.shl(normal, self.all(10)))
        places = builder.and_(builder.sub(exponent, normal), self.all(31))  # more only in refused values
        return builder.shl(fraction, places)

    def squares(self, step: Any) -> tuple[Any, Any]:
        """Squares of the even and of the odd lanes, twice as wide."""
        builder, half = self.builder, self.all(self.row.element.width, self.pairs)
        if self.row.element.width == 16:  # 255^2 fits 16 bits: half of the multiplications
            both = builder.bitcast(builder.mul(step, step), self.pairs)
            return builder.and_(both, self.all(0xFFFF, self.pairs)), builder.lshr(both, half)
        both = builder.bitcast(step, self.pairs)
        even, odd = builder.ashr(builder.shl(both, half), half), builder.ashr(both, half)
        return builder.mul(even, even), builder.mul(odd, odd)
