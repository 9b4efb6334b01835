"""Exponentials, logarithms, roots, and their stable relatives."""

from __future__ import annotations

import numpy as np

from symgrad.core.domain import NONNEGATIVE, POSITIVE, Interval
from symgrad.core.expr import Apply, Expr, Partials
from symgrad.core.numeric import Instruction, Libm
from symgrad.core.pitfalls import MINUS_ONE, NEGATIVE, ZERO, Pitfall
from symgrad.core.traits import InverseOf, Kink, Odd
from symgrad.ops.define import elementwise
from symgrad.ops.infer import POSITIVE_RESULT, SAME_SIGN, of_root
from symgrad.ops.piecewise import absolute, maximum, where


def exp_partial(y: Expr, _x: Expr) -> Expr:
    return y


def expm1_partial(_y: Expr, x: Expr) -> Expr:
    return exp(x)


def log_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / x


def log1p_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / (1 + x)


def exp2_partial(y: Expr, _x: Expr) -> Expr:
    return log(2) * y


def exp10_partial(y: Expr, _x: Expr) -> Expr:
    return log(10) * y


def log2_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / (log(2) * x)


def log10_partial(_y: Expr, x: Expr) -> Expr:
    return 1 / (log(10) * x)


def cbrt_partial(y: Expr, _x: Expr) -> Expr:
    return 1 / (3 * y**2)


def sqrt_partial(y: Expr, _x: Expr) -> Expr:
    return 1 / (2 * y)


def sigmoid_partial(y: Expr, _x: Expr) -> Expr:
    return y * (1 - y)


def softplus_partial(_y: Expr, x: Expr) -> Expr:
    return sigmoid(x)


def expand_sigmoid(node: Apply) -> Expr:
    """exp(-|x|) never overflows, and 1/(1 + z) and z/(1 + z) keep their digits in both tails."""
    (x,) = node.operands
    z = exp(-absolute(x))
    return where(x >= 0, 1, z) / (1 + z)


def expand_softplus(node: Apply) -> Expr:
    (x,) = node.operands
    return maximum(x, 0) + log1p(exp(-absolute(x)))


def softplus_reference(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.logaddexp(0.0, x))


def exp10_reference(x: np.ndarray) -> np.ndarray:
    return np.asarray(np.power(10.0, x))


def exp2_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return mpmath.power(2, x)


def exp10_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return mpmath.power(10, x)


def log2_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return mpmath.log(x, 2)


def cbrt_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return mpmath.sign(x) * mpmath.cbrt(abs(x))


def sigmoid_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return 1 / (1 + mpmath.exp(-x))


def softplus_mp(x):  # type: ignore[no-untyped-def]  # an mpf
    import mpmath

    return mpmath.log1p(mpmath.exp(x)) if x < 0 else x + mpmath.log1p(mpmath.exp(-x))


_OVERFLOW = (
    "take the largest exponent out first (logsumexp, softmax), write log(1 + exp(x)) as softplus(x), or bound x by clip"
)
_GUARD = "add a small number, use log1p if the argument is 1 + x, or guard it: log(where(x > 0, x, 1))"


def _of_exponential(name: str) -> tuple[Pitfall, ...]:
    return (Pitfall((POSITIVE,), f"{name}({{0}}) overflows {{dtype}}", _OVERFLOW),)


def _of_logarithm(name: str) -> tuple[Pitfall, ...]:
    return (
        Pitfall((ZERO,), f"{name} of 0", _GUARD),
        Pitfall((NEGATIVE,), f"{name} of {{0}}, a negative number", "assume or clip the argument to be positive"),
    )


exp = elementwise(
    "exp",
    doc="The exponential.",
    properties=POSITIVE_RESULT,
    latex="e^{{{0}}}",
    derivative=Partials((exp_partial,)),
    numeric=Libm("exp"),
    reference="numpy:exp",
    mp="mpmath:exp",
    traits=frozenset({InverseOf("log")}),
    sympy="exp",
    pitfalls=_of_exponential("exp"),
)
expm1 = elementwise(
    "expm1",
    doc="exp(x) - 1, exact for small x.",
    properties=SAME_SIGN,
    latex=r"\operatorname{expm1}",
    derivative=Partials((expm1_partial,)),
    numeric=Libm("expm1"),
    reference="numpy:expm1",
    mp="mpmath:expm1",
    traits=frozenset({InverseOf("log1p")}),
    sympy="symgrad.ops.sympy_forms:expm1",
    pitfalls=_of_exponential("expm1"),
)
log = elementwise(
    "log",
    doc="The natural logarithm.",
    latex=r"\log",
    derivative=Partials((log_partial,)),
    numeric=Libm("log"),
    reference="numpy:log",
    mp="mpmath:log",
    domain=(POSITIVE,),
    traits=frozenset({InverseOf("exp")}),
    sympy="log",
    pitfalls=_of_logarithm("log"),
)
log1p = elementwise(
    "log1p",
    doc="log(1 + x), exact for small x.",
    properties=SAME_SIGN,
    latex=r"\operatorname{log1p}",
    derivative=Partials((log1p_partial,)),
    numeric=Libm("log1p"),
    reference="numpy:log1p",
    mp="mpmath:log1p",
    domain=(Interval(low=-1.0),),
    traits=frozenset({InverseOf("expm1")}),
    sympy="symgrad.ops.sympy_forms:log1p",
    pitfalls=(
        Pitfall(
            (MINUS_ONE,),
            "log1p of -1, which is log of 0",
            "guard the argument: where(x > -1, x, 0)",
        ),
        Pitfall((Interval(high=-1.0),), "log1p of {0}, which is below -1", "keep x above -1, by clip or an assumption"),
    ),
)
sqrt = elementwise(
    "sqrt",
    doc="The square root.",
    properties=of_root,
    latex=r"\sqrt{{{0}}}",
    derivative=Partials((sqrt_partial,)),
    numeric=Instruction.SQRT,
    reference="numpy:sqrt",
    mp="mpmath:sqrt",
    domain=(NONNEGATIVE,),
    kinks=(Kink("x = 0", "infinity, the one-sided slope"),),
    sympy="sqrt",
    pitfalls=(
        Pitfall((NEGATIVE,), "sqrt of {0}", "bound the argument below by maximum(x, 0), or assume it nonnegative"),
        Pitfall(
            (ZERO,),
            "the slope of sqrt at 0 is infinite",
            "write abs(x) for sqrt(x**2), add a small number under the root, or guard it: sqrt(where(x > 0, x, 1))",
            slope=True,
        ),
    ),
)
cbrt = elementwise(
    "cbrt",
    doc="The real cube root, negative for a negative x.",
    properties=SAME_SIGN,
    derivative=Partials((cbrt_partial,)),
    numeric=Libm("cbrt"),
    reference="numpy:cbrt",
    mp=cbrt_mp,
    kinks=(Kink("x = 0", "infinity, the slope"),),
    traits=frozenset({Odd()}),
    sympy="symgrad.ops.sympy_forms:cbrt",
    pitfalls=(
        Pitfall((ZERO,), "the slope of cbrt at 0 is infinite", "guard the argument: where(x == 0, 1, x)", slope=True),
    ),
)
exp2 = elementwise(
    "exp2",
    doc="2 to the power x.",
    properties=POSITIVE_RESULT,
    latex=r"\exp_2",
    derivative=Partials((exp2_partial,)),
    numeric=Libm("exp2"),
    reference="numpy:exp2",
    mp=exp2_mp,
    traits=frozenset({InverseOf("log2")}),
    sympy="symgrad.ops.sympy_forms:exp2",
    pitfalls=_of_exponential("exp2"),
)
exp10 = elementwise(
    "exp10",
    doc="10 to the power x.",
    properties=POSITIVE_RESULT,
    latex=r"\exp_{10}",
    derivative=Partials((exp10_partial,)),
    numeric=Libm("exp10"),
    reference=exp10_reference,
    mp=exp10_mp,
    traits=frozenset({InverseOf("log10")}),
    sympy="symgrad.ops.sympy_forms:exp10",
    pitfalls=_of_exponential("exp10"),
)
log2 = elementwise(
    "log2",
    doc="The logarithm to base 2.",
    latex=r"\log_2",
    derivative=Partials((log2_partial,)),
    numeric=Libm("log2"),
    reference="numpy:log2",
    mp=log2_mp,
    domain=(POSITIVE,),
    traits=frozenset({InverseOf("exp2")}),
    sympy="symgrad.ops.sympy_forms:log2",
    pitfalls=_of_logarithm("log2"),
)
log10 = elementwise(
    "log10",
    doc="The logarithm to base 10.",
    latex=r"\log_{10}",
    derivative=Partials((log10_partial,)),
    numeric=Libm("log10"),
    reference="numpy:log10",
    mp="mpmath:log10",
    domain=(POSITIVE,),
    traits=frozenset({InverseOf("exp10")}),
    sympy="symgrad.ops.sympy_forms:log10",
    pitfalls=_of_logarithm("log10"),
)
sigmoid = elementwise(
    "sigmoid",
    doc="The logistic function 1/(1 + exp(-x)).",
    properties=POSITIVE_RESULT,
    aliases=("expit", "logistic"),
    latex=r"\sigma",
    derivative=Partials((sigmoid_partial,)),
    expand=expand_sigmoid,
    reference="scipy.special:expit",
    mp=sigmoid_mp,
    sympy="symgrad.ops.sympy_forms:sigmoid",
)
softplus = elementwise(
    "softplus",
    doc="log(1 + exp(x)), without overflow.",
    properties=POSITIVE_RESULT,
    latex=r"\operatorname{softplus}",
    derivative=Partials((softplus_partial,)),
    expand=expand_softplus,
    reference=softplus_reference,
    mp=softplus_mp,
    sympy="symgrad.ops.sympy_forms:softplus",
)
