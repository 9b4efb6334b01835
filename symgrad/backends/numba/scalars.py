"""Scalar codes as LLVM instructions. Strict floating point: no reordering, no contraction, NaN and infinity kept."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scope import Scope
from symgrad.backends.numba.symbols import Library, Symbol, register
from symgrad.backends.numba.vector_math import math_call
from symgrad.core.numeric import Instruction, IntegerPower, Libm, Scalar, Special

I32 = ir.IntType(32)
_COMPARISONS = {
    Instruction.LESS: "<",
    Instruction.LESS_EQUAL: "<=",
    Instruction.GREATER: ">",
    Instruction.GREATER_EQUAL: ">=",
    Instruction.EQUAL: "==",
    Instruction.NOT_EQUAL: "!=",
}
_INTRINSICS = {
    Instruction.ABS: "llvm.fabs",
    Instruction.SQRT: "llvm.sqrt",
    Instruction.MAXIMUM: "llvm.maximum",
    Instruction.MINIMUM: "llvm.minimum",
}


def emit_scalar(scope: Scope, code: Scalar, operands: Sequence[ir.Value], use: Callable[[Symbol], None]) -> ir.Value:
    """Emit one scalar code; `use` is told of every C function that is called."""
    match code:
        case Instruction():
            return _instruction(scope, code, operands)
        case IntegerPower(exponent):
            return _integer_power(scope, operands[0], exponent)
        case Libm(name):
            value, symbol = math_call(scope.builder, name, operands, vector=not scope.reproducible)
            use(symbol)
            return value
        case Special(name):
            return _special(scope, name, operands, use)


def intrinsic(scope: Scope, name: str, operands: Sequence[ir.Value], flags: Sequence[str] = ()) -> ir.Value:
    """Call one of LLVM's overloaded floating-point intrinsics."""
    function = scope.builder.module.declare_intrinsic(
        name, [scope.real], ir.FunctionType(scope.real, [scope.real] * len(operands))
    )
    return scope.builder.call(function, operands, fastmath=flags)


def _instruction(scope: Scope, code: Instruction, operands: Sequence[ir.Value]) -> ir.Value:
    b = scope.builder
    match code:
        case Instruction.ADD:
            return b.fadd(*operands)
        case Instruction.SUB:
            return b.fsub(*operands)
        case Instruction.MUL:
            return b.fmul(*operands)
        case Instruction.DIV:
            return b.fdiv(*operands)
        case Instruction.NEG:
            return b.fneg(*operands)
        case Instruction.SIGN:
            return _sign(scope, operands[0])
        case Instruction.SELECT:
            condition, chosen, other = operands
            return b.select(b.fcmp_unordered("!=", condition, scope.number(0.0)), chosen, other)
        case Instruction.ABS | Instruction.SQRT | Instruction.MAXIMUM | Instruction.MINIMUM:
            return intrinsic(scope, _INTRINSICS[code], operands)
        case _:
            compare = b.fcmp_unordered if code is Instruction.NOT_EQUAL else b.fcmp_ordered
            return b.uitofp(compare(_COMPARISONS[code], *operands), scope.real)


def _sign(scope: Scope, x: ir.Value) -> ir.Value:
    b, zero = scope.builder, scope.number(0.0)
    below = b.select(b.fcmp_ordered("<", x, zero), scope.number(-1.0), b.fadd(x, zero))  # -0.0 + 0.0 is 0.0
    return b.select(b.fcmp_ordered(">", x, zero), scope.number(1.0), below)


def _integer_power(scope: Scope, base: ir.Value, exponent: int) -> ir.Value:
    b = scope.builder
    power: ir.Value | None = None
    square, left = base, abs(exponent)
    while left:
        if left & 1:
            power = square if power is None else b.fmul(power, square)
        left >>= 1
        if left:
            square = b.fmul(square, square)
    one = scope.number(1.0)
    if power is None:
        return one
    return power if exponent > 0 else b.fdiv(one, power)


def _special(scope: Scope, name: str, operands: Sequence[ir.Value], use: Callable[[Symbol], None]) -> ir.Value:
    b, double = scope.builder, ir.DoubleType()
    symbol = Symbol(Library.SPECIAL.value, name, len(operands))
    use(symbol)
    kind = ir.FunctionType(double, [double] * len(operands) + [I32])  # Cython adds "skip_dispatch"
    function = cgutils.get_or_insert_function(b.module, kind, register(symbol))
    if scope.real == double:
        return b.call(function, [*operands, ir.Constant(I32, 0)])
    wide = [b.fpext(x, double) for x in operands]
    return b.fptrunc(b.call(function, [*wide, ir.Constant(I32, 0)]), scope.real)
