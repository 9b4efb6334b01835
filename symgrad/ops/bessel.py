"""Bessel and Airy functions. The derivative is in x; the order is held fixed."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from symgrad.core.domain import NONNEGATIVE, POSITIVE, REALS, Domain
from symgrad.core.expr import Apply, Literal
from symgrad.ops.bridge import bridged


def bessel_domain(node: Apply) -> tuple[Domain, ...]:
    """J and I of a whole order are defined everywhere, of any other for x > 0."""
    order = node.operands[0]
    whole = isinstance(order, Literal) and order.value == int(order.value)
    return (REALS if isinstance(order, Literal) else NONNEGATIVE, REALS if whole else POSITIVE)


def besseli_mp(order: Any, x: Any) -> Any:
    """For a negative whole order mpmath gives complex numbers; https://dlmf.nist.gov/10.27.E1 avoids it."""
    import mpmath

    return mpmath.besseli(abs(order) if order == int(order) else order, x)


besselj = bridged(
    "besselj",
    doc="The Bessel function of the first kind J.",
    operands=("order", "x"),
    aliases=("jv",),
    latex=r"J_{{{0}}}\left({1}\right)",
    special="jv",
    reference="scipy.special:jv",
    mp="mpmath:besselj",
    domain=bessel_domain,
    sympy="besselj",
    references=("https://dlmf.nist.gov/10.2.E2",),
)
bessely = bridged(
    "bessely",
    doc="The Bessel function of the second kind Y.",
    operands=("order", "x"),
    aliases=("yv",),
    latex=r"Y_{{{0}}}\left({1}\right)",
    special="yv",
    reference="scipy.special:yv",
    mp="mpmath:bessely",
    domain=(NONNEGATIVE, POSITIVE),
    sympy="bessely",
    references=("https://dlmf.nist.gov/10.2.E3",),
)
besseli = bridged(
    "besseli",
    doc="The modified Bessel function of the first kind I.",
    operands=("order", "x"),
    aliases=("iv",),
    latex=r"I_{{{0}}}\left({1}\right)",
    special="iv",
    reference="scipy.special:iv",
    mp=besseli_mp,
    domain=bessel_domain,
    sympy="besseli",
    references=("https://dlmf.nist.gov/10.25.E2",),
)
besselk = bridged(
    "besselk",
    doc="The modified Bessel function of the second kind K.",
    operands=("order", "x"),
    aliases=("kv",),
    latex=r"K_{{{0}}}\left({1}\right)",
    special="kv",
    reference="scipy.special:kv",
    mp="mpmath:besselk",
    domain=(NONNEGATIVE, POSITIVE),
    sympy="besselk",
    references=("https://dlmf.nist.gov/10.25.E3",),
)


def airy_reference(position: int, x: np.ndarray) -> np.ndarray:
    from scipy.special import airy

    return np.asarray(airy(x)[position])


def airyaiprime_mp(x: Any) -> Any:
    import mpmath

    return mpmath.airyai(x, derivative=1)


def airybiprime_mp(x: Any) -> Any:
    import mpmath

    return mpmath.airybi(x, derivative=1)


airyai = bridged(
    "airyai",
    doc="The Airy function Ai.",
    latex=r"\operatorname{Ai}",
    reference=partial(airy_reference, 0),
    mp="mpmath:airyai",
    sympy="airyai",
    references=("https://dlmf.nist.gov/9.2",),
)
airyaiprime = bridged(
    "airyaiprime",
    doc="The derivative of the Airy function Ai.",
    latex=r"\operatorname{Ai}'",
    reference=partial(airy_reference, 1),
    mp=airyaiprime_mp,
    sympy="airyaiprime",
    references=("https://dlmf.nist.gov/9.2",),
)
airybi = bridged(
    "airybi",
    doc="The Airy function Bi.",
    latex=r"\operatorname{Bi}",
    reference=partial(airy_reference, 2),
    mp="mpmath:airybi",
    sympy="airybi",
    references=("https://dlmf.nist.gov/9.2",),
)
airybiprime = bridged(
    "airybiprime",
    doc="The derivative of the Airy function Bi.",
    latex=r"\operatorname{Bi}'",
    reference=partial(airy_reference, 3),
    mp=airybiprime_mp,
    sympy="airybiprime",
    references=("https://dlmf.nist.gov/9.2",),
)
