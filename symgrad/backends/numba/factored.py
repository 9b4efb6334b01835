"""The routines of ops/linalg/factored.py as LLVM code: loops around LAPACK, which Numba would take a second to compile.

Row-major memory is the transpose to LAPACK, which reads columns. LU is of A', so what LAPACK inverts comes out right,
and the right-hand sides, row by row, are those of X' A' = B'. The row below the factors has signs (0: a Cholesky
factor), the next one LAPACK's pivots, as the integers that they are. A singular matrix gives NaN; nothing raises.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scope import I64, Scope
from symgrad.backends.numba.symbols import Library, Symbol, register

I1, I8, I32 = ir.IntType(1), ir.IntType(8), ir.IntType(32)
ZERO, ONE = ir.Constant(I64, 0), ir.Constant(I64, 1)
FALSE, TRUE = ir.Constant(I1, 0), ir.Constant(I1, 1)
Use = Callable[[Symbol], None]


class Lapack:
    """What the code of a routine is made of. Arguments go to LAPACK by pointer, through slots in the entry block."""

    def __init__(self, builder: ir.IRBuilder, real: ir.Type, use: Use) -> None:
        self.b, self.real, self._use = builder, real, use
        self._scope = Scope(builder, real, {}, builder.function.args.__getitem__)
        self._letter = "d" if isinstance(real, ir.DoubleType) else "s"

    def loop(self, extent: ir.Value) -> AbstractContextManager[ir.Value]:
        """Emit a loop; yields the index."""
        return self._scope.loop(extent)

    def number(self, value: float) -> ir.Constant:
        """Return a constant of the precision of the kernel."""
        return ir.Constant(self.real, value)

    def at(self, pointer: ir.Value, *terms: ir.Value) -> ir.Value:
        """Return the address so many elements behind the pointer."""
        for term in terms:
            pointer = self.b.gep(pointer, [term], inbounds=True)
        return pointer

    def copy(self, target: ir.Value, source: ir.Value, count: ir.Value) -> None:
        """Emit target[:count] = source[:count]."""
        with self.loop(count) as i:
            self.b.store(self.b.load(self.at(source, i)), self.at(target, i))

    def fill(self, target: ir.Value, value: float, count: ir.Value) -> None:
        """Emit target[:count] = value."""
        with self.loop(count) as i:
            self.b.store(self.number(value), self.at(target, i))

    def integer(self, value: ir.Value) -> ir.Value:
        """Return the slot of a size."""
        return self._slot(self.b.trunc(value, I32))

    def one(self) -> ir.Value:
        """Return the slot of 1.0."""
        return self._slot(self.number(1.0))

    def choose(self, condition: ir.Value, yes: str, no: str) -> ir.Value:
        """Return the slot of the flag `yes` if the condition holds, else of `no`."""
        return self._slot(self.b.select(condition, ir.Constant(I8, ord(yes)), ir.Constant(I8, ord(no))))

    def succeeds(self, function: str, *arguments: ir.Value) -> ir.Value:
        """Emit a call of LAPACK and return whether it reports no failure."""
        info = self._slot(ir.Constant(I32, 0))
        self._call(Library.LAPACK, function, *arguments, info)
        return self.b.icmp_signed("==", self.b.load(info), ir.Constant(I32, 0))

    def blas(self, function: str, *arguments: ir.Value) -> None:
        """Emit a call of BLAS."""
        self._call(Library.BLAS, function, *arguments)

    def _call(self, library: Library, name: str, *arguments: ir.Value) -> None:
        symbol = Symbol(library.value, self._letter + name)
        self._use(symbol)
        kind = ir.FunctionType(ir.VoidType(), [argument.type for argument in arguments])
        self.b.call(cgutils.get_or_insert_function(self.b.module, kind, register(symbol)), arguments)

    def _slot(self, value: ir.Value) -> ir.Value:
        slot = cgutils.alloca_once(self.b, value.type)
        self.b.store(value, slot)
        return slot


def is_emitted(name: str) -> bool:
    """Say whether a routine is one of these."""
    return name in _EMITTERS


def routine_function(module: ir.Module, name: str, key: str, real: ir.Type, use: Use) -> ir.Function:
    """Return the function of a routine: (n, columns, operand pointers..., result pointer)."""
    emit, operands = _EMITTERS[name]
    kind = ir.FunctionType(ir.VoidType(), [I64, I64] + [real.as_pointer()] * (operands + 1))
    function = ir.Function(module, kind, f"routine_{key}_{name}")
    function.linkage = "internal"
    function.attributes.add("noinline")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    n, columns = function.args[:2]
    with builder.if_then(builder.icmp_signed("<=", builder.mul(n, columns), ZERO)):
        builder.ret_void()
    emit(Lapack(builder, real, use), *function.args)
    builder.ret_void()
    return function


def _pivots(x: Lapack, n: ir.Value, packed: ir.Value) -> ir.Value:
    return x.b.bitcast(x.at(packed, x.b.mul(n, n), n), I32.as_pointer())


# --- the factors -----------------------------------------------------------------------------------------------------


def _emit_factored(x: Lapack, n: ir.Value, _columns: ir.Value, a: ir.Value, packed: ir.Value) -> None:
    b, count, size = x.b, x.b.mul(n, n), x.integer(n)
    signs, pivots = x.at(packed, count), _pivots(x, n, packed)
    with b.if_then(_may_be_spd(x, n, a)):
        x.copy(packed, a, count)
        with b.if_then(x.succeeds("potrf", x.choose(TRUE, "U", "L"), size, packed, size)):
            x.fill(signs, 0.0, n)
            with x.loop(n) as i:
                b.store(b.trunc(b.add(i, ONE), I32), x.at(pivots, i))
            b.ret_void()
    x.copy(packed, a, count)
    x.succeeds("getrf", size, size, packed, size, pivots)  # if not, a zero on the diagonal says it too
    with x.loop(n) as i:
        stays = b.icmp_signed("==", b.load(x.at(pivots, i)), b.trunc(b.add(i, ONE), I32))
        b.store(b.select(stays, x.number(1.0), x.number(-1.0)), x.at(signs, i))


def _may_be_spd(x: Lapack, n: ir.Value, a: ir.Value) -> ir.Value:
    """Say whether the matrix is symmetric to the last digit and no minor of one or two rows is against it.

    A matrix with NaN is not symmetric.
    """
    b, real = x.b, x.real
    function = ir.Function(b.module, ir.FunctionType(I1, [I64, real.as_pointer()]), f"{b.function.name}_may_be_spd")
    function.linkage = "internal"
    inner = Lapack(ir.IRBuilder(function.append_basic_block("entry")), real, _uses_nothing)
    inside, (rows, matrix) = inner.b, function.args
    with inner.loop(rows) as i:
        row, column = inner.at(matrix, inside.mul(i, rows)), inner.at(matrix, i)
        entry = inside.load(inner.at(row, i))
        _return_false_unless(inside, inside.fcmp_ordered(">", entry, inner.number(0.0)))
        with inside.if_then(inside.icmp_signed(">", i, ZERO)):  # a minor: few that are not spd get past the first rows
            before = inside.sub(i, ONE)
            beside, above = inside.load(inner.at(row, before)), inside.sub(inside.mul(before, rows), ONE)
            least = inside.fmul(entry, inside.load(inner.at(column, above)))
            _return_false_unless(inside, inside.fcmp_ordered("<", inside.fmul(beside, beside), least))
        equal = cgutils.alloca_once_value(inside, TRUE)
        inside.store(TRUE, equal)
        with inner.loop(i) as j:
            mirrored = inside.load(inner.at(column, inside.mul(j, rows)))
            same = inside.fcmp_ordered("==", inside.load(inner.at(row, j)), mirrored)
            inside.store(inside.and_(inside.load(equal), same), equal)
        _return_false_unless(inside, inside.load(equal))
    inside.ret(TRUE)
    return b.call(function, [n, a])


def _return_false_unless(b: ir.IRBuilder, condition: ir.Value) -> None:
    with b.if_then(b.not_(condition), likely=False):
        b.ret(FALSE)


def _uses_nothing(symbol: Symbol) -> None:
    raise AssertionError(f"{symbol.name} is called where nothing should be")


# --- from the factors ------------------------------------------------------------------------------------------------


def _return_nan_if_singular(x: Lapack, n: ir.Value, packed: ir.Value, result: ir.Value, count: ir.Value) -> None:
    b = x.b
    with x.loop(n) as i:
        entry = b.load(x.at(packed, b.mul(i, n), i))
        with b.if_then(b.fcmp_ordered("==", entry, x.number(0.0)), likely=False):
            x.fill(result, float("nan"), count)
            b.ret_void()


def _is_cholesky(x: Lapack, n: ir.Value, packed: ir.Value) -> ir.Value:
    return x.b.fcmp_ordered("==", x.b.load(x.at(packed, x.b.mul(n, n))), x.number(0.0))


def _emit_inverse(x: Lapack, n: ir.Value, _columns: ir.Value, packed: ir.Value, result: ir.Value) -> None:
    """P L U has the inverse inv(U) inv(L) P', without the room to work in that LAPACK's getri asks for."""
    b, count, size = x.b, x.b.mul(n, n), x.integer(n)
    _return_nan_if_singular(x, n, packed, result, count)
    x.copy(result, packed, count)
    with b.if_then(_is_cholesky(x, n, packed)):
        x.succeeds("potri", x.choose(TRUE, "U", "L"), size, result, size)
        with x.loop(n) as i, x.loop(i) as j:
            b.store(b.load(x.at(result, b.mul(i, n), j)), x.at(result, b.mul(j, n), i))
        b.ret_void()
    x.succeeds("trtri", x.choose(TRUE, "U", "L"), x.choose(FALSE, "U", "N"), size, result, size)
    with x.loop(n) as i, x.loop(i) as j:
        b.store(x.number(0.0), x.at(result, b.mul(j, n), i))
    _divide(x, n, n, packed, result, upper=FALSE, transposed=FALSE, unit=TRUE)
    with x.loop(n) as i:
        _exchange_rows(x, n, n, packed, result, b.sub(b.sub(n, ONE), i))


def _emit_solve(x: Lapack, n: ir.Value, columns: ir.Value, packed: ir.Value, right: ir.Value, result: ir.Value) -> None:
    """X' A' = B' with A' = P L U, or U' U by Cholesky."""
    x.copy(result, right, x.b.mul(n, columns))
    _return_nan_if_singular(x, n, packed, result, x.b.mul(n, columns))
    cholesky = _is_cholesky(x, n, packed)
    other = x.b.not_(cholesky)
    _divide(x, n, columns, packed, result, upper=TRUE, transposed=FALSE, unit=FALSE)
    _divide(x, n, columns, packed, result, upper=cholesky, transposed=cholesky, unit=other)
    with x.loop(n) as i:
        _exchange_rows(x, n, columns, packed, result, x.b.sub(x.b.sub(n, ONE), i))


def _emit_solve_transposed(
    x: Lapack, n: ir.Value, columns: ir.Value, packed: ir.Value, right: ir.Value, result: ir.Value
) -> None:
    """X' A = B' with A = U' L' P', or U' U by Cholesky."""
    x.copy(result, right, x.b.mul(n, columns))
    _return_nan_if_singular(x, n, packed, result, x.b.mul(n, columns))
    with x.loop(n) as i:
        _exchange_rows(x, n, columns, packed, result, i)
    cholesky = _is_cholesky(x, n, packed)
    other = x.b.not_(cholesky)
    _divide(x, n, columns, packed, result, upper=cholesky, transposed=other, unit=other)
    _divide(x, n, columns, packed, result, upper=TRUE, transposed=TRUE, unit=FALSE)


def _divide(
    x: Lapack, n: ir.Value, columns: ir.Value, packed: ir.Value, result: ir.Value,
    *, upper: ir.Value, transposed: ir.Value, unit: ir.Value,
) -> None:  # fmt: skip
    """Emit X' = X' inv(op(T)) for a triangle T of the factors; one row X' is the column X of the transposed system."""
    b, size, count = x.b, x.integer(n), x.integer(columns)
    triangle, ones = x.choose(upper, "U", "L"), x.choose(unit, "U", "N")
    with b.if_else(b.icmp_signed("==", columns, ONE)) as (one_column, several):
        with one_column:
            x.blas("trsv", triangle, x.choose(transposed, "N", "T"), ones, size, packed, size, result, count)
        with several:
            side, turned = x.choose(TRUE, "R", "L"), x.choose(transposed, "T", "N")
            x.blas("trsm", side, triangle, turned, ones, count, size, x.one(), packed, size, result, count)


def _exchange_rows(
    x: Lapack, n: ir.Value, columns: ir.Value, packed: ir.Value, result: ir.Value, i: ir.Value
) -> None:  # fmt: skip
    """Emit the exchange of row i of X with its pivot."""
    b = x.b
    pivot = b.sub(b.sext(b.load(x.at(_pivots(x, n, packed), i)), I64), ONE)
    with b.if_then(b.icmp_signed("!=", pivot, i)):
        one, other = x.at(result, b.mul(i, columns)), x.at(result, b.mul(pivot, columns))
        with x.loop(columns) as j:
            kept = b.load(x.at(one, j))
            b.store(b.load(x.at(other, j)), x.at(one, j))
            b.store(kept, x.at(other, j))


_EMITTERS: dict[str, tuple[Callable[..., None], int]] = {
    "factored": (_emit_factored, 1),
    "factored_inverse": (_emit_inverse, 1),
    "factored_solve": (_emit_solve, 2),
    "factored_solve_transposed": (_emit_solve_transposed, 2),
}
"""What emits each routine, and its number of operands."""
