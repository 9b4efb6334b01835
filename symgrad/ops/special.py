"""Error functions, the gamma function and its family, the zeta function, Lambert's W."""

from __future__ import annotations

import math
import sys
from typing import Any

import numpy as np

from symgrad.core.domain import POSITIVE, REALS, Interval
from symgrad.core.expr import Apply, Expr, Literal, Partials
from symgrad.core.numeric import Libm
from symgrad.core.pitfalls import NONPOSITIVE, Pitfall
from symgrad.core.traits import Commutative, InverseOf, Kink, Odd
from symgrad.errors import OperandError
from symgrad.ops import constants
from symgrad.ops.bridge import NoKernel, NoPartial, bridged
from symgrad.ops.exponential import exp, log, log1p, sqrt
from symgrad.ops.piecewise import maximum, where
from symgrad.ops.trigonometric import tan

POLES = (Kink("x = 0, -1, -2, ...", "NaN or infinity: a pole"),)

# --- error functions -----------------------------------------------------------------------------------------------


def erf_partial(_y: Expr, x: Expr) -> Expr:
    return 2 * exp(-(x**2)) / sqrt(constants.pi())


def erfc_partial(_y: Expr, x: Expr) -> Expr:
    return -2 * exp(-(x**2)) / sqrt(constants.pi())


def erfcinv_mp(x: Any) -> Any:
    """mpmath inverts erf only; 1 - x loses as many digits as x is small, which the extra precision covers."""
    import mpmath

    if x > 0.5:
        return mpmath.erfinv(1 - x)
    with mpmath.extradps(int(-mpmath.log10(x)) + 5):
        return mpmath.erfinv(1 - x)


erf = bridged(
    "erf",
    doc="The error function.",
    latex=r"\operatorname{erf}",
    derivative=Partials((erf_partial,)),
    numeric=Libm("erf"),
    reference="scipy.special:erf",
    mp="mpmath:erf",
    traits=frozenset({Odd()}),
    sympy="erf",
    references=("https://dlmf.nist.gov/7.2.E1",),
)
erfc = bridged(
    "erfc",
    doc="The complement 1 - erf(x), exact where erf(x) is close to 1.",
    latex=r"\operatorname{erfc}",
    derivative=Partials((erfc_partial,)),
    numeric=Libm("erfc"),
    reference="scipy.special:erfc",
    mp="mpmath:erfc",
    sympy="erfc",
    references=("https://dlmf.nist.gov/7.2.E2",),
)
erfi = bridged(
    "erfi",
    doc="The imaginary error function, -i erf(ix).",
    latex=r"\operatorname{erfi}",
    special="erfi",
    reference="scipy.special:erfi",
    mp="mpmath:erfi",
    traits=frozenset({Odd()}),
    sympy="erfi",
    references=("https://dlmf.nist.gov/7.2",),
)
erfinv = bridged(
    "erfinv",
    doc="The inverse of the error function.",
    latex=r"\operatorname{erf}^{-1}",
    special="erfinv",
    reference="scipy.special:erfinv",
    mp="mpmath:erfinv",
    domain=(Interval(-1.0, 1.0),),
    traits=frozenset({Odd(), InverseOf("erf")}),
    sympy="erfinv",
    references=("https://dlmf.nist.gov/7.17",),
)
erfcinv = bridged(
    "erfcinv",
    doc="The inverse of the complementary error function.",
    latex=r"\operatorname{erfc}^{-1}",
    special="erfcinv",
    reference="scipy.special:erfcinv",
    mp=erfcinv_mp,
    domain=(Interval(0.0, 2.0),),
    traits=frozenset({InverseOf("erfc")}),
    sympy="erfcinv",
    references=("https://dlmf.nist.gov/7.17",),
)

# --- the gamma function and its family -----------------------------------------------------------------------------


def gamma_partial(y: Expr, x: Expr) -> Expr:
    return y * digamma(x)


def loggamma_partial(_y: Expr, x: Expr) -> Expr:
    return digamma(x)


def digamma_partial(_y: Expr, x: Expr) -> Expr:
    return polygamma(1, x)


def betaln_partial_a(_z: Expr, a: Expr, b: Expr) -> Expr:
    return digamma(a) - digamma(a + b)


def betaln_partial_b(_z: Expr, a: Expr, b: Expr) -> Expr:
    return digamma(b) - digamma(a + b)


def loggamma_mp(x: Any) -> Any:
    import mpmath

    return mpmath.loggamma(x).real


def betaln_mp(a: Any, b: Any) -> Any:
    import mpmath

    return mpmath.log(mpmath.beta(a, b))


def whole_order(operands: tuple[Expr, ...], what: str) -> int:
    """Return the order, the first operand; OperandError unless it is written as an integer >= 0."""
    order = operands[0]
    if isinstance(order, Literal) and order.value == int(order.value) and order.value >= 0:
        return int(order.value)
    raise OperandError(f"{what} needs an integer >= 0, written as a number, as its order")


def polygamma_of_zero(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    return digamma(operands[1]) if whole_order(operands, "polygamma") == 0 else None


def cotangent_derivative(n: int) -> list[int]:
    """Return the coefficients of Q, highest power first: the n-th derivative of cot(x) is Q(cot(x)).

    >>> cotangent_derivative(1)
    [-1, 0, -1]
    """
    coefficients = [1, 0]
    for _ in range(n):
        degree = len(coefficients) - 1
        slope = [c * (degree - k) for k, c in enumerate(coefficients[:-1])]
        coefficients = [-a - b for a, b in zip([*slope, 0, 0], [0, 0, *slope], strict=True)]
    return coefficients


def expand_polygamma(node: Apply) -> Expr:
    """https://dlmf.nist.gov/25.11.E12; for x < 0 reflected to 1 - x by https://dlmf.nist.gov/5.15.E6."""
    order, x = node.operands
    n = whole_order((order,), "polygamma")
    series = math.factorial(n) * hurwitz(n + 1, where(x > 0, x, 1 - x))
    cotangent = 1 / tan(math.pi * x)
    reflected: Expr = Literal(0)
    for coefficient in cotangent_derivative(n):
        reflected = reflected * cotangent + coefficient
    return where(x > 0, -series if n % 2 == 0 else series, -(math.pi ** (n + 1)) * reflected - series)


def polygamma_reference(order: np.ndarray, x: np.ndarray) -> np.ndarray:
    """SciPy's has no value for x < 0."""
    from scipy.special import polygamma as scipy_polygamma

    n = int(order)
    mirrored = scipy_polygamma(n, np.where(x > 0, x, 1 - x))
    cotangent = np.polyval(cotangent_derivative(n), 1 / np.tan(math.pi * x))
    return np.asarray(np.where(x > 0, mirrored, (-1) ** n * mirrored - math.pi ** (n + 1) * cotangent))


OFF_POLES = "keep x above 0, or off the integers"

gamma = bridged(
    "gamma",
    doc="The gamma function; gamma(n + 1) is n!.",
    aliases=("tgamma",),
    latex=r"\Gamma",
    derivative=Partials((gamma_partial,)),
    numeric=Libm("tgamma"),
    reference="scipy.special:gamma",
    mp="mpmath:gamma",
    kinks=POLES,
    sympy="gamma",
    references=("https://dlmf.nist.gov/5.2.E1",),
    pitfalls=(
        Pitfall((NONPOSITIVE,), "gamma of {0}, a pole", OFF_POLES),
        Pitfall((POSITIVE,), "gamma({0}) overflows {dtype}", "use loggamma"),
    ),
)
loggamma = bridged(
    "loggamma",
    doc="log|gamma(x)|, without overflow.",
    aliases=("lgamma", "gammaln"),
    latex=r"\log\Gamma",
    derivative=Partials((loggamma_partial,)),
    numeric=Libm("lgamma"),
    reference="scipy.special:gammaln",
    mp=loggamma_mp,
    domain=(POSITIVE,),
    kinks=POLES,
    sympy="loggamma",
    references=("https://dlmf.nist.gov/5.2",),
    pitfalls=(Pitfall((NONPOSITIVE,), "loggamma of {0}, a pole", OFF_POLES),),
)
digamma = bridged(
    "digamma",
    doc="The derivative of loggamma.",
    aliases=("psi",),
    latex=r"\psi",
    derivative=Partials((digamma_partial,)),
    special="psi",
    reference="scipy.special:psi",
    mp="mpmath:digamma",
    kinks=POLES,
    sympy="digamma",
    references=("https://dlmf.nist.gov/5.2.E2",),
    pitfalls=(Pitfall((NONPOSITIVE,), "digamma of {0}, a pole", OFF_POLES),),
)
polygamma = bridged(
    "polygamma",
    doc="The n-th derivative of digamma; n is an integer written as a number.",
    operands=("n", "x"),
    latex=r"\psi^{{({0})}}\left({1}\right)",
    canonical=polygamma_of_zero,
    expand=expand_polygamma,
    reference=polygamma_reference,
    mp="mpmath:polygamma",
    domain=(Interval(low=1.0, closed_low=True), REALS),
    kinks=POLES,
    sympy="polygamma",
    references=("https://dlmf.nist.gov/5.15",),
)
beta = bridged(
    "beta",
    doc="The beta function, gamma(a) gamma(b)/gamma(a + b).",
    operands=("a", "b"),
    latex=r"\operatorname{B}",
    special="beta",
    reference="scipy.special:beta",
    mp="mpmath:beta",
    domain=(POSITIVE, POSITIVE),
    traits=frozenset({Commutative()}),
    sympy="beta",
    references=("https://dlmf.nist.gov/5.12.E1",),
)
betaln = bridged(
    "betaln",
    doc="The logarithm of the beta function, without overflow.",
    operands=("a", "b"),
    aliases=("logbeta",),
    latex=r"\log\operatorname{B}",
    derivative=Partials((betaln_partial_a, betaln_partial_b)),
    special="betaln",
    reference="scipy.special:betaln",
    mp=betaln_mp,
    domain=(POSITIVE, POSITIVE),
    traits=frozenset({Commutative()}),
    sympy="symgrad.ops.sympy_forms:betaln",
    references=("https://dlmf.nist.gov/5.12",),
)

# --- zeta functions ------------------------------------------------------------------------------------------------

# Euler and Maclaurin's sum: this many terms as they are, then this many corrections. Below 1e-16 for all x > 0.
ZETA_TERMS, ZETA_CORRECTIONS = 10, 8


def zeta_reference(s: np.ndarray) -> np.ndarray:
    from scipy.special import zetac

    return 1 + np.asarray(zetac(s))


def expand_zeta(node: Apply) -> Expr:
    return 1 + zetac(node.operands[0])


def zetac_mp(s: Any) -> Any:
    import mpmath

    with mpmath.extradps(int(abs(s)) // 3 + 5):
        return mpmath.zeta(s) - 1


def hurwitz_partial_x(_y: Expr, s: Expr, x: Expr) -> Expr:
    raised = Literal(s.value + 1) if isinstance(s, Literal) else s + 1
    return -s * hurwitz(raised, x)


def expand_hurwitz(node: Apply) -> Expr:
    """https://dlmf.nist.gov/25.11.E5, and NaN for x < 0, where too few terms would be summed."""
    order, x = node.operands
    if not isinstance(order, Literal):
        return NoKernel("hurwitz with an exponent that is not a number")(node)
    s = order.value
    direct = sum((1 / (x + k) ** s for k in range(1, ZETA_TERMS)), 1 / x**s)
    far = x + ZETA_TERMS
    squared = 1 / far**2
    tail: Expr = Literal(0)
    for j in range(ZETA_CORRECTIONS, 0, -1):
        rising = math.prod(s + i for i in range(2 * j - 1))
        tail = squared * (BERNOULLI[j - 1] / math.factorial(2 * j) * rising + tail)
    rest = (1 / (s - 1) + 1 / (2 * far) + tail) / far ** (s - 1)
    return where(x >= 0, direct + rest, log(x))


# B_2, B_4, ..., B_16.
BERNOULLI = (1 / 6, -1 / 30, 1 / 42, -1 / 30, 5 / 66, -691 / 2730, 7 / 6, -3617 / 510)

zetac = bridged(
    "zetac",
    doc="zeta(s) - 1, exact for large s.",
    operands=("s",),
    latex=r"\operatorname{zetac}",
    derivative=Partials((NoPartial("zetac", "s"),)),
    special="zetac",
    reference="scipy.special:zetac",
    mp=zetac_mp,
    domain=(Interval(low=1.0),),
    sympy="symgrad.ops.sympy_forms:zetac",
    references=("https://dlmf.nist.gov/25.2",),
)
zeta = bridged(
    "zeta",
    doc="Riemann's zeta function.",
    operands=("s",),
    latex=r"\zeta",
    expand=expand_zeta,
    reference=zeta_reference,
    mp="mpmath:zeta",
    domain=(Interval(low=1.0),),
    kinks=(Kink("s = 1", "infinity: a pole"),),
    sympy="zeta",
    references=("https://dlmf.nist.gov/25.2.E1",),
)
hurwitz = bridged(
    "hurwitz",
    doc="The Hurwitz zeta function: the sum of 1/(x + k)**s over k = 0, 1, 2, ...",
    operands=("s", "x"),
    latex=r"\zeta",
    derivative=Partials((NoPartial("hurwitz", "s"), hurwitz_partial_x)),
    expand=expand_hurwitz,
    reference="scipy.special:zeta",
    mp="mpmath:zeta",
    domain=(Interval(low=1.0), POSITIVE),
    sympy="zeta",
    references=("https://dlmf.nist.gov/25.11.E1",),
)

# --- incomplete gamma functions ------------------------------------------------------------------------------------


def gammainc_mp(a: Any, x: Any) -> Any:
    import mpmath

    return mpmath.gammainc(a, 0, x, regularized=True)


def gammaincc_mp(a: Any, x: Any) -> Any:
    import mpmath

    return mpmath.gammainc(a, x, regularized=True)


def density(a: Expr, x: Expr) -> Expr:
    return exp((a - 1) * log(x) - x - loggamma(a))


def gammainc_partial_x(_y: Expr, a: Expr, x: Expr) -> Expr:
    return density(a, x)


def gammaincc_partial_x(_y: Expr, a: Expr, x: Expr) -> Expr:
    return -density(a, x)


gammainc = bridged(
    "gammainc",
    doc="The regularised lower incomplete gamma function P(a, x).",
    operands=("a", "x"),
    latex=r"P",
    derivative=Partials((NoPartial("gammainc", "a"), gammainc_partial_x)),
    special="gammainc",
    reference="scipy.special:gammainc",
    mp=gammainc_mp,
    domain=(POSITIVE, POSITIVE),
    sympy="symgrad.ops.sympy_forms:gammainc",
    references=("https://dlmf.nist.gov/8.2.E4",),
)
gammaincc = bridged(
    "gammaincc",
    doc="The regularised upper incomplete gamma function Q(a, x).",
    operands=("a", "x"),
    latex=r"Q",
    derivative=Partials((NoPartial("gammaincc", "a"), gammaincc_partial_x)),
    special="gammaincc",
    reference="scipy.special:gammaincc",
    mp=gammaincc_mp,
    domain=(POSITIVE, POSITIVE),
    sympy="symgrad.ops.sympy_forms:gammaincc",
    references=("https://dlmf.nist.gov/8.2.E4",),
)


# --- Lambert's W ---------------------------------------------------------------------------------------------------

# The branch point -1/e: the double next above it, and the one next below, which people get when they compute it.
BRANCH_POINT, BELOW_BRANCH_POINT = -0.3678794411714423, -0.36787944117144233


def lambertw_partial(y: Expr, _x: Expr) -> Expr:
    """Not W/(x (1 + W)), which is 0/0 at 0."""
    return exp(-y) / (1 + y)


def expand_lambertw(node: Apply) -> Expr:
    """A guess, good to two digits or better (Iacono and Boyd, 2017, eq. 20; near -1/e https://dlmf.nist.gov/4.13.E6),
    and Halley's steps for w - x exp(-w) = 0, each of which triples the number of digits."""
    (x,) = node.operands
    p = sqrt(2 * maximum(math.e * x + 1, 0))
    near = -1 + p * (1 + p * (-1 / 3 + p * (11 / 72 + p * (-43 / 540))))
    ell = log1p(maximum(x, -0.25))
    w = where(x < -0.2, near, ell * (1 - log1p(ell) / (2 + ell)))
    for _step in range(3):
        gap = w - x * exp(-w)
        w = w - gap / (w + 1 - (w + 2) * gap / (2 * (w + 1)))
    inside = where(p < 1e-3, near, where(x > sys.float_info.max, x, w))
    return where(x >= BELOW_BRANCH_POINT, inside, log(x))


def lambertw_reference(x: np.ndarray) -> np.ndarray:
    from scipy.special import lambertw as complex_lambertw

    value = np.asarray(complex_lambertw(x))
    return np.where(value.imag == 0, value.real, np.nan)


lambertw = bridged(
    "lambertw",
    doc="Lambert's W, the principal branch: the solution w >= -1 of w exp(w) = x.",
    latex=r"W",
    derivative=Partials((lambertw_partial,)),
    expand=expand_lambertw,
    reference=lambertw_reference,
    mp="mpmath:lambertw",
    domain=(Interval(BRANCH_POINT, math.inf, closed_low=True),),
    kinks=(Kink("x = -1/e", "infinity, the one-sided slope"),),
    sympy="LambertW",
    references=("https://dlmf.nist.gov/4.13", "doi:10.1007/s10444-017-9530-3"),
)
