"""Products with a small matrix as tiles of registers: a call of BLAS for each one of a batch costs more than the work.

The elements of a row of the right matrix and of the result are neighbours. A tile of the result is a few rows of a few
vectors; they stay in registers while the products of all rows of the right matrix are added.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scope import I64, Scope

LARGEST = 256  # elements of the small matrix
_FEWEST_COLUMNS = 8
_BYTES = 32  # of a vector
_HEIGHTS, _VECTORS = (4, 1), (2, 1, 0)  # of a tile; no vectors: a single column
_FUSED = ("contract",)
I32 = ir.IntType(32)


@dataclass(frozen=True, slots=True)
class SmallProduct:
    """c = a @ b, or c += a @ b, for an `a` of rows x inner and a `b` of inner x columns, which has contiguous rows."""

    rows: ir.Value
    inner: ir.Value
    columns: ir.Value
    a_strides: tuple[ir.Value, ir.Value]
    b_row: ir.Value
    c_row: ir.Value
    accumulate: bool

    def is_worthwhile(self, builder: ir.IRBuilder) -> ir.Value:
        """Say whether `a` is small, and there is a row of vectors."""
        small = builder.icmp_signed("<=", builder.mul(self.rows, self.inner), ir.Constant(I64, LARGEST))
        return builder.and_(small, builder.icmp_signed(">=", self.columns, ir.Constant(I64, _FEWEST_COLUMNS)))

    def emit(self, builder: ir.IRBuilder, a: ir.Value, b: ir.Value, c: ir.Value) -> None:
        """Emit the product of the matrices at these addresses, by the function that all of them share."""
        name = "tiles_added" if self.accumulate else "tiles"
        function = builder.module.globals.get(name) or _function(builder.module, name, a.type, self.accumulate)
        numbers = (self.rows, self.inner, self.columns, *self.a_strides, self.b_row, self.c_row)
        builder.call(function, [*numbers, a, b, c])


def _function(module: ir.Module, name: str, pointer: ir.Type, accumulate: bool) -> ir.Function:
    """Return the function of (rows, inner, columns, strides of a, of b's rows, of c's rows, a, b, c)."""
    function = ir.Function(module, ir.FunctionType(ir.VoidType(), [I64] * 7 + [pointer] * 3), name)
    function.linkage = "internal"
    function.attributes.add("noinline")
    function.attributes.add("optsize")  # the loops are written as they should be
    for argument in function.args[7:]:
        argument.add_attribute("noalias")
    rows, inner, columns, a_row, a_column, b_row, c_row, *matrices = function.args
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    scope = Scope(builder, pointer.pointee, {}, matrices.__getitem__)
    _emit_tiles(scope, SmallProduct(rows, inner, columns, (a_row, a_column), b_row, c_row, accumulate), *matrices)
    builder.ret_void()
    return function


def _emit_tiles(scope: Scope, product: SmallProduct, a: ir.Value, b: ir.Value, c: ir.Value) -> None:
    width = _BYTES // (8 if isinstance(scope.real, ir.DoubleType) else 4)
    column: ir.Value = ir.Constant(I64, 0)
    for vectors in _VECTORS:
        with _steps(scope, column, product.columns, max(vectors * width, 1)) as (at, column):
            row: ir.Value = ir.Constant(I64, 0)
            for height in _HEIGHTS:
                with _steps(scope, row, product.rows, height) as (first, row):
                    corner = scope.builder.mul(first, product.a_strides[0])
                    place = scope.builder.add(scope.builder.mul(first, product.c_row), at)
                    tile = _Tile(scope, height, max(vectors, 1), width if vectors else 1)
                    tile.emit(product, tile.at(a, corner), tile.at(b, at), tile.at(c, place))


@contextmanager
def _steps(scope: Scope, start: ir.Value, end: ir.Value, step: int) -> Iterator[tuple[ir.Value, ir.Value]]:
    """Emit a loop of whole steps; yields where a step begins, and where the first that is not whole does."""
    b = scope.builder
    count = b.sdiv(b.sub(end, start), ir.Constant(I64, step))
    rest = b.add(start, b.mul(count, ir.Constant(I64, step)))
    with scope.loop(count) as index:
        yield b.add(start, b.mul(index, ir.Constant(I64, step))), rest


@dataclass(frozen=True, slots=True)
class _Tile:
    """`height` rows of `vectors` vectors of `width` elements."""

    scope: Scope
    height: int
    vectors: int
    width: int

    def emit(self, product: SmallProduct, a: ir.Value, b: ir.Value, c: ir.Value) -> None:
        """Emit the tile whose corner is at `c`, from the rows of the left matrix at `a` and the columns at `b`."""
        builder = self.scope.builder
        totals = [[cgutils.alloca_once(builder, self._kind) for _ in range(self.vectors)] for _ in range(self.height)]
        places = [[self._vector(c, builder.mul(product.c_row, _number(i)), v) for v in range(self.vectors)]
                  for i in range(self.height)]  # fmt: skip
        for total in (total for row in totals for total in row):
            builder.store(ir.Constant(self._kind, None), total)
        with self.scope.loop(product.inner) as k:
            below = builder.mul(k, product.b_row)
            right = [self._load(self._vector(b, below, v)) for v in range(self.vectors)]
            for i, row in enumerate(totals):
                along = builder.add(builder.mul(product.a_strides[0], _number(i)), builder.mul(product.a_strides[1], k))
                left = self._spread(builder.load(self.at(a, along)))
                for total, vector in zip(row, right, strict=True):
                    term = builder.fmul(left, vector, flags=_FUSED)
                    builder.store(builder.fadd(builder.load(total), term, flags=_FUSED), total)
        for total, place in ((t, p) for row, line in zip(totals, places, strict=True)
                             for t, p in zip(row, line, strict=True)):  # fmt: skip
            value = builder.load(total)
            if product.accumulate:
                value = builder.fadd(self._load(place), value)
            builder.store(value, place).align = self._alignment

    def at(self, pointer: ir.Value, offset: ir.Value) -> ir.Value:
        """Return the address so many elements behind the pointer."""
        return self.scope.builder.gep(pointer, [offset], inbounds=True)

    @property
    def _kind(self) -> ir.Type:
        return self.scope.real if self.width == 1 else ir.VectorType(self.scope.real, self.width)

    @property
    def _alignment(self) -> int:
        return 8 if isinstance(self.scope.real, ir.DoubleType) else 4

    def _vector(self, pointer: ir.Value, offset: ir.Value, position: int) -> ir.Value:
        shifted = self.scope.builder.add(offset, _number(position * self.width))
        return self.scope.builder.bitcast(self.at(pointer, shifted), self._kind.as_pointer())

    def _load(self, place: ir.Value) -> ir.Value:
        value = self.scope.builder.load(place)
        value.align = self._alignment
        return value

    def _spread(self, value: ir.Value) -> ir.Value:
        if self.width == 1:
            return value
        builder, undefined = self.scope.builder, ir.Constant(self._kind, ir.Undefined)
        first = builder.insert_element(undefined, value, ir.Constant(I32, 0))
        return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(I32, self.width), None))


def _number(value: int) -> ir.Constant:
    return ir.Constant(I64, value)
