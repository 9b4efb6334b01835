"""Hyperbolic functions."""

from __future__ import annotations

from symgrad.core.expr import Expr, Partials
from symgrad.core.numeric import Libm
from symgrad.core.traits import Even, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.infer import POSITIVE_RESULT, SAME_SIGN


def sinh_partial(_y: Expr, x: Expr) -> Expr:
    return cosh(x)


def cosh_partial(_y: Expr, x: Expr) -> Expr:
    return sinh(x)


def tanh_partial(y: Expr, _x: Expr) -> Expr:
    return 1 - y**2


sinh = elementwise(
    "sinh",
    doc="The hyperbolic sine.",
    properties=SAME_SIGN,
    latex=r"\sinh",
    derivative=Partials((sinh_partial,)),
    numeric=Libm("sinh"),
    reference="numpy:sinh",
    mp="mpmath:sinh",
    traits=frozenset({Odd()}),
    sympy="sinh",
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
    traits=frozenset({Odd()}),
    sympy="tanh",
)
