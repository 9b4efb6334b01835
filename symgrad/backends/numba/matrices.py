"""Matrix products: BLAS, or loops where they are faster or the order of the sums is promised.

Row-major matrices are BLAS's column-major ones transposed: flags, not copies.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.loops import emit_loop
from symgrad.backends.numba.scalars import intrinsic
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.symbols import Library, Symbol, register
from symgrad.backends.numba.tiles import SmallProduct
from symgrad.core.dims import Size, element_count
from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    Call,
    Compute,
    Load,
    Loop,
    Matmul,
    Number,
    Store,
)
from symgrad.lowering.looporder import arrange
from symgrad.ops.linalg.gram import ROOM

I8, I32 = ir.IntType(8), ir.IntType(32)
ZERO = ir.Constant(I64, 0)
Use = Callable[[Symbol], None]


def emit_matmul(scope: Scope, product: Matmul, use: Use) -> None:
    """Emit one product; empty sums are zeros."""
    count = scope.size(element_count((*product.batch, product.rows, product.columns)))
    for access in (product.a, product.b, product.c):
        for size in (access.at.offset, *access.at.strides, *product.batch):
            scope.size(size)
    sizes = [scope.size(size) for size in (product.rows, product.inner, product.columns)]
    if scope.reproducible or _of_vectors(product):
        if not product.accumulate:
            emit_loop(scope, as_zeros(product), use)
        emit_loop(scope, as_loop(product), use)
        return
    b = scope.builder
    if not product.accumulate:  # BLAS leaves the result of an empty sum as it is
        for size in as_zeros(product).extents:  # computed where they dominate all of their uses
            scope.size(size)
        with b.if_then(b.icmp_signed("<=", sizes[1], ir.Constant(I64, 0))):
            emit_loop(scope, as_zeros(product), use)
    work = b.mul(count, sizes[1])
    call = _Call(scope, use, product.accumulate)
    with b.if_then(b.icmp_signed("<", ir.Constant(I64, 0), work)):
        small = _as_small(scope, product, sizes) if product.batch else None
        if small is None:
            _emit_each(call, product, sizes)
            return
        with b.if_else(small[0].is_worthwhile(b)) as (in_tiles, by_blas):
            with in_tiles, _each(scope, product) as indices:
                small[0].emit(b, *(scope.element(x.buffer, x.at, [*indices, ZERO, ZERO]) for x in small[1]))
            with by_blas:
                _emit_each(call, product, sizes)


def _emit_each(call: _Call, product: Matmul, sizes: list[ir.Value]) -> None:
    with _each(call.scope, product) as indices:
        _emit_one(call, product, indices, *sizes)


@contextmanager
def _each(scope: Scope, product: Matmul) -> Iterator[list[ir.Value]]:
    """Emit the loops over a batch; yields the indices."""
    with ExitStack() as loops:
        yield [loops.enter_context(scope.loop(scope.size(extent))) for extent in product.batch]


def _as_small(
    scope: Scope, product: Matmul, sizes: list[ir.Value]
) -> tuple[SmallProduct, tuple[Access, Access, Access]] | None:
    """Return the product, or that of the transposes, with its operands where rows are contiguous as tiles need them."""
    (a, b, c), (rows, inner, columns) = (product.a, product.b, product.c), sizes
    (a_row, a_column), (b_row, b_column), (c_row, c_column) = (x.at.strides[-2:] for x in (a, b, c))
    if b_column == 1 and c_column == 1:
        strides, order = (a_row, a_column, b_row, c_row), (a, b, c)
    elif a_row == 1 and c_row == 1:
        strides, order = (b_column, b_row, a_column, c_column), (b, a, c)
        rows, columns = columns, rows
    else:
        return None
    left_row, left_column, right, result = map(scope.size, strides)
    small = SmallProduct(rows, inner, columns, (left_row, left_column), right, result, product.accumulate)
    return small, order


def _of_vectors(product: Matmul) -> bool:
    """Is it a batch of products with a vector? A loop is six times faster than a call for each 4 x 4 matrix, twice as
    fast for 16 x 16, and no slower for 300 x 300."""
    return bool(product.batch) and (product.columns == 1 or product.rows == 1)


def as_zeros(product: Matmul) -> Loop:
    """Return the loop that sets the result of a product to zero."""
    extents = (*product.batch, product.rows, product.columns)
    return arrange(Loop(extents, (Number(0.0),), (Store(product.c, 0),)))


def as_loop(product: Matmul) -> Loop:
    """Return the loop that adds a product to its result; each element is a sum in the order of the inner index."""
    extents = (*product.batch, product.rows, product.inner, product.columns)
    rank = len(extents)
    kept = [axis for axis, extent in enumerate(extents) if extent != 1]

    def over(access: Access, missing: int) -> Access:
        strides = [*access.at.strides[:missing], 0, *access.at.strides[missing:]]
        return Access(access.buffer, Affine(access.at.offset, tuple(strides[axis] for axis in kept)))

    a, b = Load(over(product.a, rank - 1)), Load(over(product.b, rank - 3))
    total = Accumulate(over(product.c, rank - 2), Instruction.ADD, 2)
    return arrange(Loop(tuple(extents[axis] for axis in kept), (a, b, Compute(Instruction.MUL, (0, 1))), (total,)))


def _emit_one(
    call: _Call, product: Matmul, indices: list[ir.Value], rows: ir.Value, inner: ir.Value, columns: ir.Value
) -> None:
    scope = call.scope
    zero = ir.Constant(I64, 0)
    a, b, c = (scope.element(x.buffer, x.at, [*indices, zero, zero]) for x in (product.a, product.b, product.c))
    a_row, a_column = product.a.at.strides[-2:]
    b_row, b_column = product.b.at.strides[-2:]
    c_row, c_column = product.c.at.strides[-2:]
    if product.rows == 1 and product.columns == 1:
        call.dot(inner, (a, a_column), (b, b_row), c)
    elif product.columns == 1:
        call.gemv((a, a_row, a_column), rows, inner, (b, b_row), (c, c_row))
    elif product.rows == 1:
        call.gemv((b, b_column, b_row), columns, inner, (a, a_column), (c, c_column))
    elif c_column == 1 and _is_gram(product):  # what it is added to in strips is a sum of such products
        call.syrk((a, a_row, a_column), rows, inner, 1.0, (c, c_row))
        _mirror(scope, (c, c_row), rows)
    elif c_column == 1:
        call.gemm((a, a_row, a_column), (b, b_row, b_column), (c, c_row), (rows, inner, columns))
    else:
        call.gemm((b, b_column, b_row), (a, a_column, a_row), (c, c_column), (columns, inner, rows))


def _is_gram(product: Matmul) -> bool:
    """Is it the product of a matrix and its own transpose?"""
    a, b = product.a, product.b
    turned = (*b.at.strides[:-2], b.at.strides[-1], b.at.strides[-2])
    return a.buffer == b.buffer and a.at.offset == b.at.offset and a.at.strides == turned


def emit_weighted_gram(scope: Scope, call: Call, use: Use) -> None:
    """Emit X' diag(v) X as the sum of Z' Z over strips of rows: Z is X scaled by the roots of the weights.

    Rows of positive weight are collected at the front of a strip, those of negative weight, to be subtracted, at its
    end. Scaled rows stay in the cache, in the room below the result.
    """
    assert not call.batch, "only single products are made so"
    n, rows = scope.size(call.size), scope.size(call.columns)
    x, weights, result = (scope.pointers(access.buffer) for access in (*call.operands, call.result))
    b = scope.builder
    square = b.mul(n, n)
    with scope.loop(square) as index:
        b.store(scope.number(0.0), b.gep(result, [index]))
    if scope.reproducible:
        emit_loop(scope, _gram_in_order(call), use)
        return
    blas, room = _Call(scope, use, accumulate=True), b.gep(result, [square])
    strips = b.sdiv(b.add(rows, ir.Constant(I64, ROOM - 1)), ir.Constant(I64, ROOM))
    with b.if_then(b.icmp_signed("<", ir.Constant(I64, 0), n)), scope.loop(strips) as strip:
        start = b.mul(strip, ir.Constant(I64, ROOM))
        left = b.sub(rows, start)
        count = b.select(b.icmp_signed("<", left, ir.Constant(I64, ROOM)), left, ir.Constant(I64, ROOM))
        front = _scale_rows(scope, b.gep(x, [b.mul(start, n)]), b.gep(weights, [start]), room, (n, count))
        for first, length, factor in ((ir.Constant(I64, 0), front, 1.0), (front, b.sub(count, front), -1.0)):
            with b.if_then(b.icmp_signed("<", ir.Constant(I64, 0), length)):
                blas.syrk((b.gep(room, [b.mul(first, n)]), 1, call.size), n, length, factor, (result, call.size))
    _mirror(scope, (result, call.size), n)


def _mirror(scope: Scope, c: Vector, n: ir.Value) -> None:
    """Copy what is above the diagonal of a row-major matrix to below it."""
    b, step = scope.builder, scope.size(c[1])
    with scope.loop(n) as row, scope.loop(row) as column:
        above = b.gep(c[0], [b.add(b.mul(column, step), row)])
        b.store(b.load(above), b.gep(c[0], [b.add(b.mul(row, step), column)]))


def _scale_rows(
    scope: Scope, x: ir.Value, weights: ir.Value, room: ir.Value, sizes: tuple[ir.Value, ir.Value]
) -> ir.Value:
    """Write the rows times the roots of their weights, negative ones from the end; return how many are at the front."""
    b, (n, count) = scope.builder, sizes
    front, back = cgutils.alloca_once(b, I64), cgutils.alloca_once(b, I64)
    b.store(ir.Constant(I64, 0), front)
    b.store(count, back)
    with scope.loop(count) as index:
        weight = b.load(b.gep(weights, [index]))
        negative = b.zext(b.fcmp_ordered("<", weight, scope.number(0.0)), I64)
        root = intrinsic(scope, "llvm.sqrt", [intrinsic(scope, "llvm.fabs", [weight])])
        at_front, at_back = b.load(front), b.sub(b.load(back), negative)
        row = b.mul(b.select(b.trunc(negative, ir.IntType(1)), at_back, at_front), n)
        b.store(b.sub(b.add(at_front, ir.Constant(I64, 1)), negative), front)
        b.store(at_back, back)
        source, target = b.gep(x, [b.mul(index, n)]), b.gep(room, [row])
        with scope.loop(n) as column:
            b.store(b.fmul(root, b.load(b.gep(source, [column]))), b.gep(target, [column]))
    return b.load(front)


def _gram_in_order(call: Call) -> Loop:
    """Return the loop that adds one row after the other."""
    x, weights = (access.buffer for access in call.operands)
    n = call.size
    left, right = (Load(Access(x, Affine(0, strides))) for strides in ((n, 1, 0), (n, 0, 1)))
    weight = Load(Access(weights, Affine(0, (1, 0, 0))))
    body = (weight, left, Compute(Instruction.MUL, (0, 1)), right, Compute(Instruction.MUL, (2, 3)))
    target = Accumulate(Access(call.result.buffer, Affine(0, (0, n, 1))), Instruction.ADD, 4)
    return Loop((call.columns, n, n), body, (target,))


Matrix = tuple[ir.Value, Size, Size]
Vector = tuple[ir.Value, Size]


class _Call:
    """Calls of BLAS in one function; arguments go by pointer, through slots in its entry block.

    With `accumulate` the product is added to the result.
    """

    def __init__(self, scope: Scope, use: Use, accumulate: bool) -> None:
        self.scope = scope
        self._use = use
        self._accumulate = accumulate
        self._letter = "d" if isinstance(scope.real, ir.DoubleType) else "s"

    def dot(self, inner: ir.Value, x: Vector, y: Vector, result: ir.Value) -> None:
        """Emit result = x . y."""
        arguments = [self._int(inner), x[0], self._step(x[1]), y[0], self._step(y[1])]
        b, total = self.scope.builder, self._call("dot", arguments, self.scope.real)
        b.store(b.fadd(b.load(result), total) if self._accumulate else total, result)

    def gemv(self, a: Matrix, rows: ir.Value, inner: ir.Value, x: Vector, y: Vector) -> None:
        """Emit y = a @ x."""
        pointer, row, column = a
        one, kept = self._real(1.0), self._real(1.0 if self._accumulate else 0.0)
        transposed = column == 1  # contiguous rows: BLAS sees the transpose
        m, n, leading = (inner, rows, row) if transposed else (rows, inner, column)
        shape = [self._int(m), self._int(n)]
        operands = [pointer, self._leading(leading, m), x[0], self._step(x[1])]
        self._call("gemv", [self._flag(transposed), *shape, one, *operands, kept, y[0], self._step(y[1])])

    def gemm(self, a: Matrix, b: Matrix, c: Vector, sizes: tuple[ir.Value, ir.Value, ir.Value]) -> None:
        """Emit c = a @ b as c' = b' a'."""
        rows, inner, columns = sizes
        b_flag, b_leading = self._operand(b, inner, columns)
        a_flag, a_leading = self._operand(a, rows, inner)
        shape = [self._int(columns), self._int(rows), self._int(inner)]
        one, kept = self._real(1.0), self._real(1.0 if self._accumulate else 0.0)
        operands = [b[0], b_leading, a[0], a_leading]
        self._call("gemm", [b_flag, a_flag, *shape, one, *operands, kept, c[0], self._leading(c[1], columns)])

    def syrk(self, a: Matrix, n: ir.Value, inner: ir.Value, factor: float, c: Vector) -> None:
        """Emit c = factor * a @ a.T for an `a` of n x inner; only c[i, j] with j >= i is touched.

        That is the lower triangle to BLAS, where a product of long columns is a quarter faster than in the upper one.
        """
        _, leading = self._operand(a, n, inner)
        transposed = self._flag(a[2] == 1)  # contiguous rows: BLAS sees the transpose
        kept = self._real(1.0 if self._accumulate else 0.0)
        shape = [self._slot(ir.Constant(I8, ord("L"))), transposed, self._int(n), self._int(inner)]
        self._call("syrk", [*shape, self._real(factor), a[0], leading, kept, c[0], self._leading(c[1], n)])

    def _operand(self, matrix: Matrix, rows: ir.Value, columns: ir.Value) -> tuple[ir.Value, ir.Value]:
        _, row, column = matrix
        if column == 1:
            return self._flag(False), self._leading(row, columns)
        return self._flag(True), self._leading(column, rows)

    def _leading(self, stride: Size, least: ir.Value) -> ir.Value:
        b, value = self.scope.builder, self.scope.size(stride)
        return self._int(b.select(b.icmp_signed("<", value, least), least, value))

    def _slot(self, value: ir.Value) -> ir.Value:
        slot = cgutils.alloca_once(self.scope.builder, value.type)
        self.scope.builder.store(value, slot)
        return slot

    def _int(self, value: ir.Value) -> ir.Value:
        return self._slot(self.scope.builder.trunc(value, I32))

    def _step(self, stride: Size) -> ir.Value:
        return self._int(self.scope.size(stride if stride != 0 else 1))

    def _real(self, value: float) -> ir.Value:
        return self._slot(self.scope.number(value))

    def _flag(self, transposed: bool) -> ir.Value:
        return self._slot(ir.Constant(I8, ord("T" if transposed else "N")))

    def _call(self, name: str, arguments: list[ir.Value], result: ir.Type | None = None) -> ir.Value:
        symbol = Symbol(Library.BLAS.value, self._letter + name)
        self._use(symbol)
        kind = ir.FunctionType(result or ir.VoidType(), [argument.type for argument in arguments])
        function = cgutils.get_or_insert_function(self.scope.builder.module, kind, register(symbol))
        return self.scope.builder.call(function, arguments)
