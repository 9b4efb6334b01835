"""Matrix products: BLAS, or loops where the order of the sums is promised.

Row-major matrices are BLAS's column-major ones transposed: flags, not copies.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.loops import emit_loop
from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.symbols import Library, Symbol, register
from symgrad.core.dims import Size, element_count
from symgrad.core.numeric import Instruction
from symgrad.lowering.kernel_ir import Access, Accumulate, Affine, Compute, Load, Loop, Matmul, Number, Store
from symgrad.lowering.looporder import arrange

I8, I32 = ir.IntType(8), ir.IntType(32)
Use = Callable[[Symbol], None]


def emit_matmul(scope: Scope, product: Matmul, use: Use) -> None:
    """Emit one product; empty sums are zeros."""
    count = scope.size(element_count((*product.batch, product.rows, product.columns)))
    for access in (product.a, product.b, product.c):
        for size in (access.at.offset, *access.at.strides, *product.batch):
            scope.size(size)
    sizes = [scope.size(size) for size in (product.rows, product.inner, product.columns)]
    if scope.reproducible:
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
    with b.if_then(b.icmp_signed("<", ir.Constant(I64, 0), work)), ExitStack() as loops:
        indices = [loops.enter_context(scope.loop(scope.size(extent))) for extent in product.batch]
        _emit_one(call, product, indices, *sizes)


def as_zeros(product: Matmul) -> Loop:
    """Return the loop that sets the result of a product to zero."""
    extents = (*product.batch, product.rows, product.columns)
    return arrange(Loop(extents, (Number(0.0),), (Store(product.c, 0),)))


def as_loop(product: Matmul) -> Loop:
    """Return the loop that adds a product to its result; each element is a sum in the order of the inner index."""
    a, b, c = product.a, product.b, product.c
    last = len(product.batch)
    body = (
        Load(Access(a.buffer, Affine(a.at.offset, (*a.at.strides, 0)))),
        Load(Access(b.buffer, Affine(b.at.offset, (*b.at.strides[:last], 0, *b.at.strides[last:])))),
        Compute(Instruction.MUL, (0, 1)),
    )
    target = Access(c.buffer, Affine(c.at.offset, (*c.at.strides[:-1], 0, c.at.strides[-1])))
    extents = (*product.batch, product.rows, product.inner, product.columns)
    return arrange(Loop(extents, body, (Accumulate(target, Instruction.ADD, 2),)))


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
    else:
        call.gemm((a, a_row, a_column), (b, b_row, b_column), (c, c_row), (rows, inner, columns))


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
