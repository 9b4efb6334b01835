"""The four operations and the sign."""

from __future__ import annotations

from symgrad.core.expr import Expr, Literal, Partials
from symgrad.core.notation import ADDITIVE, MULTIPLICATIVE, SIGN, Infix, Prefix
from symgrad.core.numeric import Instruction
from symgrad.core.pitfalls import REALS, ZERO, Pitfall
from symgrad.core.traits import Commutative, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.infer import of_difference, of_negative, of_product, of_quotient, of_sum

ONE, MINUS_ONE = Literal(1), Literal(-1)


def one(_result: Expr, *_operands: Expr) -> Expr:
    return ONE


def minus_one(_result: Expr, *_operands: Expr) -> Expr:
    return MINUS_ONE


def mul_partial_x(_z: Expr, _x: Expr, y: Expr) -> Expr:
    return y


def mul_partial_y(_z: Expr, x: Expr, _y: Expr) -> Expr:
    return x


def div_partial_x(_z: Expr, _x: Expr, y: Expr) -> Expr:
    return 1 / y


def div_partial_y(z: Expr, _x: Expr, y: Expr) -> Expr:
    return -z / y


def negated_literal(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    """-2 is the number, so that what is printed reads back as the same node."""
    (x,) = operands
    return Literal(-x.value) if isinstance(x, Literal) else None


_GUARD = "guard the divisor, x/where(y == 0, 1, y), or add a small number to it"

add = elementwise(
    "add",
    doc="The sum of two arrays.",
    properties=of_sum,
    operands=("x", "y"),
    notation=Infix("+", ADDITIVE),
    derivative=Partials((one, one)),
    numeric=Instruction.ADD,
    reference="numpy:add",
    mp="operator:add",
    traits=frozenset({Commutative()}),
    sympy="Add",
    pitfalls=(Pitfall((REALS, REALS), "{0} + {1} overflows {dtype}", "scale the numbers"),),
)
sub = elementwise(
    "subtract",
    doc="The difference of two arrays.",
    properties=of_difference,
    operands=("x", "y"),
    notation=Infix("-", ADDITIVE),
    derivative=Partials((one, minus_one)),
    numeric=Instruction.SUB,
    reference="numpy:subtract",
    mp="operator:sub",
    sympy="operator:sub",
    pitfalls=(Pitfall((REALS, REALS), "{0} - {1} overflows {dtype}", "scale the numbers"),),
)
mul = elementwise(
    "multiply",
    doc="The product of two arrays, entry by entry.",
    properties=of_product,
    operands=("x", "y"),
    notation=Infix("*", MULTIPLICATIVE),
    derivative=Partials((mul_partial_x, mul_partial_y)),
    numeric=Instruction.MUL,
    reference="numpy:multiply",
    mp="operator:mul",
    traits=frozenset({Commutative()}),
    sympy="Mul",
    pitfalls=(Pitfall((REALS, REALS), "{0}*{1} overflows {dtype}", "scale the factors, or add logarithms"),),
)
div = elementwise(
    "divide",
    doc="The quotient of two arrays, entry by entry.",
    properties=of_quotient,
    operands=("x", "y"),
    notation=Infix("/", MULTIPLICATIVE),
    derivative=Partials((div_partial_x, div_partial_y)),
    numeric=Instruction.DIV,
    reference="numpy:divide",
    mp="operator:truediv",
    sympy="operator:truediv",
    pitfalls=(
        Pitfall((ZERO, ZERO), "0/0", _GUARD),
        Pitfall((REALS, ZERO), "division by 0", _GUARD),
        Pitfall((REALS, REALS), "{0}/{1} overflows {dtype}", "scale the numbers, or subtract logarithms"),
    ),
)
neg = elementwise(
    "negative",
    doc="The array with its sign turned.",
    properties=of_negative,
    notation=Prefix("-", SIGN),
    canonical=negated_literal,
    derivative=Partials((minus_one,)),
    numeric=Instruction.NEG,
    reference="numpy:negative",
    mp="operator:neg",
    traits=frozenset({Odd()}),
    sympy="operator:neg",
)
