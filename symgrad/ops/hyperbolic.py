"""Hyperbolic functions and their inverses."""

from __future__ import annotations

from symgrad.core.domain import REALS, Interval
from symgrad.core.expr import Expr, Partials
from symgrad.core.numeric import Libm
from symgrad.core.pitfalls import ABOVE_ONE, BELOW_MINUS_ONE, MINUS_ONE, ONE, Pitfall
from symgrad.core.traits import Even, InverseOf, Kink, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.exponential import sqrt
from symgrad.ops.infer import NONNEGATIVE_RESULT, POSITIVE_RESULT, SAME_SIGN


def sinh_partial(_y: Expr, x: Expr) -> Expr:
    return cosh(x)


def cosh_partial(_y: Expr, x: Expr) -> Expr:
    return sinh(x)


def tanh_partial(y: Expr, _x: Expr) -> Expr:
    return 1 - y**2


def asinh_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / sqrt(1 + x**2)


def acosh_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / sqrt(x**2 - 1)


def atanh_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / (1 - x**2)


_STEEP = "scale x, or take the logarithm: logsumexp(stack((x, -x))) is that of 2*cosh(x)"
_INSIDE = "keep x between -1 and 1, by clip"

sinh = elementwise(
    "sinh",
    doc="The hyperbolic sine.",
    properties=SAME_SIGN,
    latex=r"\sinh",
    derivative=Partials((sinh_partial,)),
    numeric=Libm("sinh"),
    reference="numpy:sinh",
    mp="mpmath:sinh",
    traits=frozenset({Odd(), InverseOf("asinh")}),
    sympy="sinh",
    pitfalls=(Pitfall((REALS,), "sinh({0}) overflows {dtype}", _STEEP),),
)
cosh = elementwise(
    "cosh",
    doc="The hyperbolic cosine.",
    properties=POSITIVE_RESULT,
    latex=r"\cosh",
    derivative=Partials((cosh_partial,)),
    numeric=Libm("cosh"),
    reference="numpy:cosh",
    mp="mpmath:cosh",
    traits=frozenset({Even()}),
    sympy="cosh",
    pitfalls=(Pitfall((REALS,), "cosh({0}) overflows {dtype}", _STEEP),),
)
tanh = elementwise(
    "tanh",
    doc="The hyperbolic tangent.",
    properties=SAME_SIGN,
    latex=r"\tanh",
    derivative=Partials((tanh_partial,)),
    numeric=Libm("tanh"),
    reference="numpy:tanh",
    mp="mpmath:tanh",
    traits=frozenset({Odd(), InverseOf("atanh")}),
    sympy="tanh",
)
asinh = elementwise(
    "asinh",
    doc="The number whose hyperbolic sine is x.",
    properties=SAME_SIGN,
    aliases=("arcsinh",),
    latex=r"\operatorname{arsinh}",
    derivative=Partials((asinh_partial,)),
    numeric=Libm("asinh"),
    reference="numpy:arcsinh",
    mp="mpmath:asinh",
    traits=frozenset({Odd(), InverseOf("sinh")}),
    sympy="asinh",
)
acosh = elementwise(
    "acosh",
    doc="The number y >= 0 whose hyperbolic cosine is x.",
    properties=NONNEGATIVE_RESULT,
    aliases=("arccosh",),
    latex=r"\operatorname{arcosh}",
    derivative=Partials((acosh_partial,)),
    numeric=Libm("acosh"),
    reference="numpy:arccosh",
    mp="mpmath:acosh",
    domain=(Interval(low=1.0, closed_low=True),),
    kinks=(Kink("x = 1", "infinity, the one-sided slope"),),
    sympy="acosh",
    pitfalls=(
        Pitfall((ONE,), "the slope of acosh at 1 is infinite", "keep x above 1", slope=True),
        Pitfall((Interval(high=1.0),), "acosh of {0}, which is below 1", "bound the argument, as in maximum(x, 1)"),
    ),
)
atanh = elementwise(
    "atanh",
    doc="The number whose hyperbolic tangent is x.",
    properties=SAME_SIGN,
    aliases=("arctanh",),
    latex=r"\operatorname{artanh}",
    derivative=Partials((atanh_partial,)),
    numeric=Libm("atanh"),
    reference="numpy:arctanh",
    mp="mpmath:atanh",
    domain=(Interval(-1.0, 1.0),),
    traits=frozenset({Odd(), InverseOf("tanh")}),
    sympy="atanh",
    pitfalls=(
        *(Pitfall((x,), "atanh of {0}, which is infinite", _INSIDE) for x in (MINUS_ONE, ONE)),
        *(Pitfall((x,), "atanh of {0}, beyond 1 or -1", _INSIDE) for x in (BELOW_MINUS_ONE, ABOVE_ONE)),
    ),
)
