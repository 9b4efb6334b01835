"""What the emission of one function knows: the builder, the values of the sizes, the pointers of the buffers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import numpy as np
from llvmlite import ir

from symgrad.core.dims import Dim, FloorDiv, Size
from symgrad.lowering.kernel_ir import CACHE, FEWEST, NARROW, Access, Affine, Block

I32, I64 = ir.IntType(32), ir.IntType(64)


@dataclass(slots=True)
class Scope:
    """One LLVM function while it is built."""

    builder: ir.IRBuilder
    real: ir.Type
    dims: Mapping[str, ir.Value]
    pointers: Callable[[int], ir.Value]
    reproducible: bool = False
    sizes: dict[Size, ir.Value] = field(default_factory=dict)

    def number(self, value: float) -> ir.Constant:
        """Return a constant of the kernel's type."""
        return ir.Constant(self.real, value)

    def size(self, size: Size) -> ir.Value:
        """Return the value of a size. First used where it dominates all uses, or prepared there."""
        if isinstance(size, int):
            return ir.Constant(I64, size)
        if size not in self.sizes:
            self.sizes[size] = self._polynomial(size)
        return self.sizes[size]

    def _polynomial(self, size: Dim) -> ir.Value:
        total: ir.Value | None = None
        for monomial, coefficient in size.terms:
            term: ir.Value = ir.Constant(I64, coefficient)
            for atom in monomial:
                factor = self.dims[atom] if isinstance(atom, str) else self._floor_div(atom)
                term = factor if _is_one(term) else self.builder.mul(term, factor, flags=["nsw"])
            total = term if total is None else self.builder.add(total, term, flags=["nsw"])
        return total

    def _floor_div(self, atom: FloorDiv) -> ir.Value:
        b, divisor = self.builder, ir.Constant(I64, atom.denominator)
        numerator = self.size(atom.numerator)
        below = b.icmp_signed("<", numerator, ir.Constant(I64, 0))
        shifted = b.sub(numerator, ir.Constant(I64, atom.denominator - 1))
        return b.sdiv(b.select(below, shifted, numerator), divisor)

    def address(self, at: Affine, indices: Sequence[ir.Value]) -> ir.Value:
        """Return the value of an affine function of the indices."""
        b = self.builder
        total: ir.Value | None = None if at.offset == 0 else self.size(at.offset)
        for stride, index in zip(at.strides, indices, strict=True):
            if stride == 0:
                continue
            step = index if stride == 1 else b.mul(index, self.size(stride), flags=["nsw"])
            total = step if total is None else b.add(total, step, flags=["nsw"])
        return ir.Constant(I64, 0) if total is None else total

    def element(self, buffer: int, at: Affine, indices: Sequence[ir.Value]) -> ir.Value:
        """Return the pointer to an element."""
        return self.builder.gep(self.pointers(buffer), [self.address(at, indices)], inbounds=True)

    def accessed(self, access: Access, indices: Sequence[ir.Value]) -> ir.Value:
        """Return the pointer to an element, also one that is reached through a table."""
        if access.through is None:
            return self.element(access.buffer, access.at, indices)
        b = self.builder
        table = b.bitcast(self.pointers(access.through), I32.as_pointer())
        position = b.load(b.gep(table, [self.address(access.at, indices)], inbounds=True))
        return b.gep(self.pointers(access.buffer), [b.sext(position, I64)], inbounds=True)

    @contextmanager
    def loop(self, extent: ir.Value) -> Iterator[ir.Value]:
        """Emit a loop; the builder stands in its body, then after it."""
        b = self.builder
        before = b.block
        body, after = b.append_basic_block("loop"), b.append_basic_block("after")
        b.cbranch(b.icmp_signed("<", ir.Constant(I64, 0), extent), body, after)
        b.position_at_end(body)
        index = b.phi(I64)
        index.add_incoming(ir.Constant(I64, 0), before)
        yield index
        following = b.add(index, ir.Constant(I64, 1), flags=["nsw"])
        index.add_incoming(following, b.block)
        b.cbranch(b.icmp_signed("<", following, extent), body, after)
        b.position_at_end(after)


def emit_block(scope: Scope, block: Block) -> ir.Value:
    """Emit the number of rows of a strip, as `Block.rows` computes it."""
    b = scope.builder
    total, one = scope.dims[block.name], ir.Constant(I64, 1)
    rows = b.sdiv(ir.Constant(I64, CACHE), _larger(b, scope.size(block.row), one))
    rows = _smaller(b, total, _larger(b, rows, ir.Constant(I64, FEWEST)))
    for sizes in block.products:
        least = _smaller(b, scope.size(sizes[0]), scope.size(sizes[1]))
        rows = b.select(b.icmp_signed(">=", least, ir.Constant(I64, NARROW)), total, rows)
    return _larger(b, rows, one)


def _larger(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed(">", x, y), x, y)


def _smaller(b: ir.IRBuilder, x: ir.Value, y: ir.Value) -> ir.Value:
    return b.select(b.icmp_signed("<", x, y), x, y)


def _is_one(value: ir.Value) -> bool:
    return isinstance(value, ir.Constant) and value.constant == 1


def constant_array(module: ir.Module, name: str, values: np.ndarray) -> ir.GlobalVariable:
    """Return a constant array of a module; as a string, which LLVM reads much faster than numbers."""
    content = bytearray(values.tobytes())
    kind = ir.ArrayType(ir.IntType(8), len(content))
    place = ir.GlobalVariable(module, kind, name)
    place.linkage, place.global_constant, place.align = "internal", True, 64
    place.initializer = ir.Constant(kind, content)
    return place
