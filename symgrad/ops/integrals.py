"""Exponential, sine, cosine and Fresnel integrals, and the logarithmic integral."""

from __future__ import annotations

from functools import partial

import numpy as np

from symgrad.core.domain import POSITIVE, Interval
from symgrad.core.expr import Apply, Expr, Literal, Partials
from symgrad.core.pitfalls import ONE, ZERO, Pitfall
from symgrad.core.traits import Kink, Odd
from symgrad.ops.bridge import bridged
from symgrad.ops.exponential import exp, log
from symgrad.ops.hyperbolic import sinh
from symgrad.ops.piecewise import equal, where
from symgrad.ops.special import whole_order
from symgrad.ops.trigonometric import sin


def si_partial(_y: Expr, x: Expr) -> Expr:
    """SymPy's sin(x)/x, with its limit at 0."""
    return where(equal(x, 0), 1, sin(x) / x)


def shi_partial(_y: Expr, x: Expr) -> Expr:
    return where(equal(x, 0), 1, sinh(x) / x)


def li_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / log(x)


def expand_li(node: Apply) -> Expr:
    return expi(log(node.operands[0]))


def expint_of_zero(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    """The order is written out as a number: SciPy's function takes whole orders only."""
    order, x = operands
    if isinstance(order, Literal) and order.value == 0:
        return exp(-x) / x
    whole_order(operands, "expint")
    return None


def expint_partial_order(_y: Expr, _order: Expr, _x: Expr) -> Expr:
    return Literal(0)  # the order is a number


def expint_partial_x(_y: Expr, order: Expr, x: Expr) -> Expr:
    return -expint(whole_order((order,), "expint") - 1, x)


def li_reference(x: np.ndarray) -> np.ndarray:
    from scipy.special import expi as scipy_expi

    return np.asarray(scipy_expi(np.log(x)))


def sici_reference(position: int, x: np.ndarray) -> np.ndarray:
    from scipy.special import sici

    return np.asarray(sici(x)[position])


def shichi_reference(position: int, x: np.ndarray) -> np.ndarray:
    from scipy.special import shichi

    return np.asarray(shichi(x)[position])


def fresnel_reference(position: int, x: np.ndarray) -> np.ndarray:
    from scipy.special import fresnel

    return np.asarray(fresnel(x)[position])


expi = bridged(
    "expi",
    doc="The exponential integral Ei, a principal value for x > 0.",
    aliases=("Ei",),
    latex=r"\operatorname{Ei}",
    special="expi",
    reference="scipy.special:expi",
    mp="mpmath:ei",
    kinks=(Kink("x = 0", "-infinity: a pole"),),
    sympy="Ei",
    references=("https://dlmf.nist.gov/6.2.E5",),
    pitfalls=(Pitfall((ZERO,), "expi of 0, a pole", "keep x off 0"),),
)
expint = bridged(
    "expint",
    doc="The generalised exponential integral; its order is an integer >= 0 written as a number.",
    operands=("order", "x"),
    aliases=("expn",),
    latex=r"E_{{{0}}}\left({1}\right)",
    canonical=expint_of_zero,
    derivative=Partials((expint_partial_order, expint_partial_x)),
    special="expn",
    reference="scipy.special:expn",
    mp="mpmath:expint",
    domain=(Interval(low=1.0, closed_low=True), POSITIVE),
    sympy="expint",
    references=("https://dlmf.nist.gov/8.19.E1",),
)
li = bridged(
    "li",
    doc="The logarithmic integral, a principal value for x > 1.",
    latex=r"\operatorname{li}",
    derivative=Partials((li_partial,)),
    expand=expand_li,
    reference=li_reference,
    mp="mpmath:li",
    domain=(POSITIVE,),
    kinks=(Kink("x = 1", "-infinity: a pole"),),
    sympy="li",
    references=("https://dlmf.nist.gov/6.2.E8",),
    pitfalls=(Pitfall((ONE,), "li of 1, a pole", "keep x off 1"),),
)
sine_integral = bridged(
    "Si",
    doc="The sine integral, that of sin(t)/t from 0 to x.",
    latex=r"\operatorname{Si}",
    derivative=Partials((si_partial,)),
    reference=partial(sici_reference, 0),
    mp="mpmath:si",
    traits=frozenset({Odd()}),
    sympy="Si",
    references=("https://dlmf.nist.gov/6.2.E9",),
)
cosine_integral = bridged(
    "Ci",
    doc="The cosine integral, minus that of cos(t)/t from x to infinity.",
    latex=r"\operatorname{Ci}",
    reference=partial(sici_reference, 1),
    mp="mpmath:ci",
    domain=(POSITIVE,),
    sympy="Ci",
    references=("https://dlmf.nist.gov/6.2.E11",),
)
hyperbolic_sine_integral = bridged(
    "Shi",
    doc="The hyperbolic sine integral, that of sinh(t)/t from 0 to x.",
    latex=r"\operatorname{Shi}",
    derivative=Partials((shi_partial,)),
    reference=partial(shichi_reference, 0),
    mp="mpmath:shi",
    traits=frozenset({Odd()}),
    sympy="Shi",
    references=("https://dlmf.nist.gov/6.2.E15",),
)
hyperbolic_cosine_integral = bridged(
    "Chi",
    doc="The hyperbolic cosine integral.",
    latex=r"\operatorname{Chi}",
    reference=partial(shichi_reference, 1),
    mp="mpmath:chi",
    domain=(POSITIVE,),
    sympy="Chi",
    references=("https://dlmf.nist.gov/6.2.E16",),
)
fresnel_sine = bridged(
    "fresnels",
    doc="The Fresnel integral S, that of sin(pi t**2/2) from 0 to x.",
    latex=r"\operatorname{S}",
    reference=partial(fresnel_reference, 0),
    mp="mpmath:fresnels",
    traits=frozenset({Odd()}),
    sympy="fresnels",
    references=("https://dlmf.nist.gov/7.2.E8",),
)
fresnel_cosine = bridged(
    "fresnelc",
    doc="The Fresnel integral C, that of cos(pi t**2/2) from 0 to x.",
    latex=r"\operatorname{C}",
    reference=partial(fresnel_reference, 1),
    mp="mpmath:fresnelc",
    traits=frozenset({Odd()}),
    sympy="fresnelc",
    references=("https://dlmf.nist.gov/7.2.E7",),
)
