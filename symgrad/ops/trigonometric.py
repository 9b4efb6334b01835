"""Trigonometric functions and their inverses."""

from __future__ import annotations

from symgrad.core.domain import Interval
from symgrad.core.expr import Expr, Partials
from symgrad.core.numeric import Libm
from symgrad.core.pitfalls import ABOVE_ONE, BELOW_MINUS_ONE, MINUS_ONE, ONE, Pitfall
from symgrad.core.traits import Even, Kink, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.exponential import sqrt

UNIT = Interval(-1.0, 1.0, closed_low=True, closed_high=True)


def sin_partial(_y: Expr, x: Expr) -> Expr:
    return cos(x)


def cos_partial(_y: Expr, x: Expr) -> Expr:
    return -sin(x)


def tan_partial(y: Expr, _x: Expr) -> Expr:
    return 1 + y**2


def asin_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / sqrt(1 - x**2)


def acos_partial(_y: Expr, x: Expr) -> Expr:
    return -1 / sqrt(1 - x**2)


def atan_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / (1 + x**2)


def atan2_partial_y(_z: Expr, y: Expr, x: Expr) -> Expr:
    return x / (x**2 + y**2)


def atan2_partial_x(_z: Expr, y: Expr, x: Expr) -> Expr:
    return -y / (x**2 + y**2)


sin = elementwise(
    "sin",
    doc="The sine of an angle in radians.",
    latex=r"\sin",
    derivative=Partials((sin_partial,)),
    numeric=Libm("sin"),
    reference="numpy:sin",
    mp="mpmath:sin",
    traits=frozenset({Odd()}),
    sympy="sin",
)
cos = elementwise(
    "cos",
    doc="The cosine of an angle in radians.",
    latex=r"\cos",
    derivative=Partials((cos_partial,)),
    numeric=Libm("cos"),
    reference="numpy:cos",
    mp="mpmath:cos",
    traits=frozenset({Even()}),
    sympy="cos",
)
tan = elementwise(
    "tan",
    doc="The tangent of an angle in radians.",
    latex=r"\tan",
    derivative=Partials((tan_partial,)),
    numeric=Libm("tan"),
    reference="numpy:tan",
    mp="mpmath:tan",
    traits=frozenset({Odd()}),
    sympy="tan",
)


def _beyond_one(name: str) -> tuple[Pitfall, ...]:
    outside, edge = "bound the argument, as in clip(x, -1, 1)", "atan2(y, x) has a derivative at all angles"
    return (
        *(Pitfall((x,), f"{name} of {{0}}, beyond 1 or -1", outside) for x in (BELOW_MINUS_ONE, ABOVE_ONE)),
        *(Pitfall((x,), f"the slope of {name} at {{0}} is infinite", edge, slope=True) for x in (MINUS_ONE, ONE)),
    )


asin = elementwise(
    "asin",
    doc="The angle in radians whose sine is x.",
    aliases=("arcsin",),
    latex=r"\arcsin",
    derivative=Partials((asin_partial,)),
    numeric=Libm("asin"),
    reference="numpy:arcsin",
    mp="mpmath:asin",
    domain=(UNIT,),
    kinks=(Kink("x = -1 or x = 1", "infinity, the one-sided slope"),),
    traits=frozenset({Odd()}),
    sympy="asin",
    pitfalls=_beyond_one("asin"),
)
acos = elementwise(
    "acos",
    doc="The angle in radians whose cosine is x.",
    aliases=("arccos",),
    latex=r"\arccos",
    derivative=Partials((acos_partial,)),
    numeric=Libm("acos"),
    reference="numpy:arccos",
    mp="mpmath:acos",
    domain=(UNIT,),
    kinks=(Kink("x = -1 or x = 1", "-infinity, the one-sided slope"),),
    sympy="acos",
    pitfalls=_beyond_one("acos"),
)
atan = elementwise(
    "atan",
    doc="The angle in radians whose tangent is x.",
    aliases=("arctan",),
    latex=r"\arctan",
    derivative=Partials((atan_partial,)),
    numeric=Libm("atan"),
    reference="numpy:arctan",
    mp="mpmath:atan",
    traits=frozenset({Odd()}),
    sympy="atan",
)
atan2 = elementwise(
    "atan2",
    doc="The angle in radians of the point (x, y).",
    operands=("y", "x"),
    aliases=("arctan2",),
    latex=r"\operatorname{atan2}",
    derivative=Partials((atan2_partial_y, atan2_partial_x)),
    numeric=Libm("atan2"),
    reference="numpy:arctan2",
    mp="mpmath:atan2",
    kinks=(Kink("y = 0, x < 0", "the smooth continuation: the value jumps there"),),
    sympy="atan2",
)
