"""Powers and the hypotenuse."""

from __future__ import annotations

from symgrad.core.domain import NONNEGATIVE, POSITIVE, REALS, Domain
from symgrad.core.expr import Apply, Expr, Literal, Partials
from symgrad.core.notation import POWER, Infix
from symgrad.core.numeric import IntegerPower, Libm, Scalar
from symgrad.core.pitfalls import NEGATIVE, ZERO, Pitfall
from symgrad.core.properties import NONE, Properties, Property
from symgrad.core.traits import Commutative, Kink
from symgrad.ops.define import elementwise
from symgrad.ops.exponential import log, sqrt
from symgrad.ops.infer import NONNEGATIVE_RESULT
from symgrad.ops.piecewise import where

LARGEST_UNROLLED_EXPONENT = 64
LARGEST_HALF = 4


def pow_partial_base(_z: Expr, x: Expr, p: Expr) -> Expr:
    if not isinstance(p, Literal):
        return p * x ** (p - 1)
    if p.value == 2:
        return p * x
    return p * x ** (p.value - 1)


def pow_partial_exponent(z: Expr, x: Expr, _p: Expr) -> Expr:
    return z * log(x)


def pow_numeric(node: Apply) -> Scalar | None:
    _, p = node.operands
    if not isinstance(p, Literal):
        return Libm("pow")
    if _is_half_integer(p):
        return None
    if p.value == int(p.value) and abs(p.value) <= LARGEST_UNROLLED_EXPONENT:
        return IntegerPower(int(p.value))
    return Libm("pow")


def _is_half_integer(p: Expr) -> bool:
    return isinstance(p, Literal) and abs(p.value) < LARGEST_HALF and p.value % 1 == 0.5


def pow_expand(node: Apply) -> Expr:
    """x**1.5 is x*sqrt(x), which costs a tenth of it, and has its root in common with a norm and the like."""
    x, p = node.operands
    if not (isinstance(p, Literal) and _is_half_integer(p)):
        return node
    whole = int(abs(p.value))
    root = sqrt(x) if whole == 0 else x * sqrt(x) if whole == 1 else x**whole * sqrt(x)
    return 1 / root if p.value < 0 else root


def pow_domain(node: Apply) -> tuple[Domain, ...]:
    _, p = node.operands
    if not isinstance(p, Literal) or p.value < 0:
        integer = isinstance(p, Literal) and p.value == int(p.value)
        return (REALS if integer else POSITIVE, REALS)
    return (REALS if p.value == int(p.value) else NONNEGATIVE, REALS)


def hypot_partial_x(z: Expr, x: Expr, _y: Expr) -> Expr:
    return where(z > 0, x / z, 0)


def hypot_partial_y(z: Expr, _x: Expr, y: Expr) -> Expr:
    return where(z > 0, y / z, 0)


def pow_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    x, p = operands
    found = x.properties & {Property.NONNEGATIVE, Property.POSITIVE}
    if isinstance(p, Literal) and p.value == int(p.value):
        found |= x.properties & {Property.NONZERO}
        found |= {Property.NONNEGATIVE} if p.value % 2 == 0 else NONE
    return found


power = elementwise(
    "power",
    doc="x to the power p. A negative x needs an integer number p.",
    properties=pow_properties,
    operands=("x", "p"),
    aliases=("pow",),
    notation=Infix("**", POWER, right_associative=True),
    latex="{0}^{{{1}}}",
    derivative=Partials((pow_partial_base, pow_partial_exponent)),
    expand=pow_expand,
    numeric=pow_numeric,
    reference="numpy:power",
    mp="operator:pow",
    domain=pow_domain,
    sympy="Pow",
    pitfalls=(
        Pitfall((ZERO, NEGATIVE), "0 to the power {1}, a division by 0", "guard the base: where(x == 0, 1, x)"),
        Pitfall(
            (NEGATIVE, REALS),
            "{0} to the power {1}",
            "a negative base needs an integer exponent, not too large; or take abs(x)**p",
        ),
        Pitfall((POSITIVE, REALS), "{0} to the power {1} overflows {dtype}", "work with p*log(x), and scale the base"),
        Pitfall(
            (ZERO, REALS),
            "the slope of x**p at x = 0 is infinite for p = {1}",
            "guard the base: where(x > 0, x, 1)",
            slope=True,
        ),
        Pitfall(
            (NEGATIVE, REALS),
            "x**p with x = {0} has no derivative by p",
            "differentiate by x alone",
            slope=True,
        ),
    ),
)
hypot = elementwise(
    "hypot",
    doc="sqrt(x**2 + y**2), without overflow.",
    properties=NONNEGATIVE_RESULT,
    operands=("x", "y"),
    latex=r"\operatorname{hypot}",
    derivative=Partials((hypot_partial_x, hypot_partial_y)),
    numeric=Libm("hypot"),
    reference="numpy:hypot",
    mp="mpmath:hypot",
    kinks=(Kink("x = y = 0", "0, the shortest subgradient"),),
    traits=frozenset({Commutative()}),
    sympy="symgrad.ops.sympy_forms:hypot",
)
