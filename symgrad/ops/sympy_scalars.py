"""How SymPy's scalar classes are read: numbers, sums, products, powers, conditions, and short formulas of our ops.

Each function makes the node of one SymPy part, `done` holding the nodes of the parts below it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import reduce
from operator import add, ge, gt, le, lt, mul
from typing import Any, TypeAlias

from symgrad.core.expr import Apply, Expr, Literal, lookup
from symgrad.errors import OperandError
from symgrad.ops import constants
from symgrad.ops.arithmetic import div
from symgrad.ops.exponential import exp, sqrt
from symgrad.ops.hyperbolic import cosh, sinh, tanh
from symgrad.ops.piecewise import equal, maximum, minimum, not_equal, sign, where
from symgrad.ops.trigonometric import cos, sin, tan

Done: TypeAlias = dict[Any, Expr]

# --- numbers -------------------------------------------------------------------------------------------------------


def integer(part: Any, _done: Done) -> Expr:
    return Literal(int(part))


def truth(part: Any, _done: Done) -> Expr:
    return Literal(int(bool(part)))


def rational(part: Any, _done: Done) -> Expr:
    return fraction(part)


def real(part: Any, _done: Done) -> Expr:
    return Literal(float(part))


def constant(part: Any, _done: Done) -> Expr:
    """Constants with a formula keep all their digits; Catalan's and the tribonacci constant get 17."""
    import sympy

    exact: dict[Any, Callable[[], Expr]] = {
        sympy.pi: constants.pi,
        sympy.E: constants.e,
        sympy.EulerGamma: euler_constant,
        sympy.GoldenRatio: golden_ratio,
    }
    return exact[part]() if part in exact else Literal(float(part))


def euler_constant() -> Expr:
    return -lookup("digamma")(1)


def golden_ratio() -> Expr:
    return (1 + sqrt(5)) / 2


def fraction(number: Any) -> Expr:
    """Return p/q as a quotient of integers."""
    p, q = int(number.p), int(number.q)
    return Literal(p) if q == 1 else Literal(p) / Literal(q)


# --- sums and products ---------------------------------------------------------------------------------------------


def total(part: Any, done: Done) -> Expr:
    """Positive terms come first and the rest is subtracted; a number comes last where something else can lead."""
    terms = sorted(part.args, key=_place_in_sum)
    first, *rest = terms
    result = done[first]
    for term in rest:
        result = result - negated(term, done) if leading_number(term) < 0 else result + done[term]
    return result


def _place_in_sum(term: Any) -> int:
    if leading_number(term) < 0:
        return 3 if term.is_Number else 2
    return 1 if term.is_Number else 0


def leading_number(term: Any) -> Any:
    """Return the number that a term begins with, 1 when there is none."""
    if term.is_Number:
        return term
    first = term.args[0] if term.is_Mul or term.is_MatMul else None
    return first if first is not None and first.is_Number else 1


def negated(term: Any, done: Done) -> Expr:
    """Return -term, for a term that begins with a negative number."""
    if term.is_Float:
        return Literal(-float(term))
    if term.is_Number:
        return fraction(-term)
    if term.is_MatMul:
        return scaled_chain(term, done, -1)
    return quotient(term.args, done, -1)


def product(part: Any, done: Done) -> Expr:
    return quotient(part.args, done)


def quotient(factors: Sequence[Any], done: Done, factor_sign: int = 1) -> Expr:
    """Return the product of the factors as one quotient, so that x*y**-1 reads x/y."""
    above: list[Expr] = []
    below: list[Expr] = []
    for factor in factors:
        if factor.is_Rational:
            p, q = int(factor.p), int(factor.q)
            factor_sign = -factor_sign if p < 0 else factor_sign
            above.extend([Literal(abs(p))] if abs(p) != 1 else [])
            below.extend([Literal(q)] if q != 1 else [])
            continue
        divisor = _divisor(factor, done[factor])
        if divisor is None:
            above.append(done[factor])
        else:
            below.append(divisor)
    if factor_sign < 0 and above:
        above[0] = -above[0]
    top = reduce(mul, above) if above else Literal(factor_sign)
    return top / reduce(mul, below) if below else top


def _divisor(factor: Any, node: Expr) -> Expr | None:
    """Return d when the factor is a power that was read as 1/d."""
    if not (factor.is_Pow and isinstance(node, Apply) and node.op is div):
        return None
    top, bottom = node.operands
    return bottom if top is Literal(1) else None


def scaled_chain(part: Any, done: Done, factor_sign: int = 1) -> Expr:
    """A matrix product: scalar factors in front, then the chain from left to right."""
    scalars = [factor for factor in part.args if not factor.is_Matrix]
    matrices = [done[factor] for factor in part.args if factor.is_Matrix]
    chain = matrices[0]
    for matrix in matrices[1:]:
        chain = chain @ matrix
    scale = quotient(scalars, done, factor_sign)
    if scale is Literal(1):
        return chain
    return -chain if scale is Literal(-1) else scale * chain


def power(part: Any, done: Done) -> Expr:
    import sympy

    if part.base is sympy.E:
        return exp(done[part.exp])
    return raised(done[part.base], part.exp, done)


def raised(base: Expr, exponent: Any, done: Done) -> Expr:
    """Return base**exponent, as a quotient or a root where it is one."""
    if not exponent.is_Rational:
        return base ** done[exponent]
    magnitude = abs(exponent)
    if magnitude == 1:
        result = base
    elif (magnitude.p, magnitude.q) == (1, 2):
        result = sqrt(base)
    else:
        dyadic = magnitude.q & (magnitude.q - 1) == 0 and magnitude.q > 1
        result = base ** (Literal(float(magnitude)) if dyadic else fraction(magnitude))
    return 1 / result if exponent < 0 else result


# --- conditions ----------------------------------------------------------------------------------------------------


def relation(part: Any, done: Done) -> Expr:
    import sympy

    compare: dict[Any, Callable[[Any, Any], Expr]] = {
        sympy.Lt: lt,
        sympy.Le: le,
        sympy.Gt: gt,
        sympy.Ge: ge,
        sympy.Eq: equal,
        sympy.Ne: not_equal,
    }
    return compare[type(part)](done[part.lhs], done[part.rhs])


def conjunction(part: Any, done: Done) -> Expr:
    return reduce(minimum, (done[condition] for condition in part.args))


def disjunction(part: Any, done: Done) -> Expr:
    return reduce(maximum, (done[condition] for condition in part.args))


def negation(part: Any, done: Done) -> Expr:
    return 1 - done[part.args[0]]


def choice(part: Any, done: Done) -> Expr:
    return where(*(done[argument] for argument in part.args))


def branch(part: Any, done: Done) -> Expr:
    return done[part.expr]


def branch_parts(part: Any) -> Sequence[Any]:
    """A Piecewise is read from its values and conditions, not from the pairs of them."""
    return [item for pair in part.args for item in (pair.expr, pair.cond)]


def piecewise(part: Any, done: Done) -> Expr:
    """The branches from the last to the first; without a default the function is not defined everywhere."""
    *branches, last = part.args
    if last.cond != True:  # noqa: E712  # SymPy's true
        raise OperandError(
            "a Piecewise needs a last branch with the condition True: symgrad has no value for 'undefined'"
        )
    result = done[last.expr]
    for pair in reversed(branches):
        if pair.expr == 1 and result is Literal(0):
            result = done[pair.cond]
            continue
        result = where(done[pair.cond], done[pair.expr], result)
    return result


# --- functions -----------------------------------------------------------------------------------------------------


def maximum_of(part: Any, done: Done) -> Expr:
    return reduce(maximum, (done[argument] for argument in part.args))


def minimum_of(part: Any, done: Done) -> Expr:
    return reduce(minimum, (done[argument] for argument in part.args))


def heaviside(part: Any, done: Done) -> Expr:
    x, at_zero = part.args
    if (at_zero.p, at_zero.q) == (1, 2) if at_zero.is_Rational else False:
        return (1 + sign(done[x])) / 2
    return where(equal(done[x], 0), done[at_zero], done[x] > 0)


def product_log(part: Any, done: Done) -> Expr:
    if len(part.args) == 2 and part.args[1] != 0:
        raise OperandError("symgrad has the principal branch of SymPy's LambertW only")
    return lookup("lambertw")(done[part.args[0]])


def factorial(part: Any, done: Done) -> Expr:
    return lookup("gamma")(add(done[part.args[0]], 1))


def lower_gamma(part: Any, done: Done) -> Expr:
    a, x = (done[argument] for argument in part.args)
    return lookup("gamma")(a) * lookup("gammainc")(a, x)


def upper_gamma(part: Any, done: Done) -> Expr:
    a, x = (done[argument] for argument in part.args)
    return lookup("gamma")(a) * lookup("gammaincc")(a, x)


def sinc(part: Any, done: Done) -> Expr:
    x = done[part.args[0]]
    return where(equal(x, 0), 1, sin(x) / x)


def sec(part: Any, done: Done) -> Expr:
    return 1 / cos(done[part.args[0]])


def csc(part: Any, done: Done) -> Expr:
    return 1 / sin(done[part.args[0]])


def cot(part: Any, done: Done) -> Expr:
    return 1 / tan(done[part.args[0]])


def sech(part: Any, done: Done) -> Expr:
    return 1 / cosh(done[part.args[0]])


def csch(part: Any, done: Done) -> Expr:
    return 1 / sinh(done[part.args[0]])


def coth(part: Any, done: Done) -> Expr:
    return 1 / tanh(done[part.args[0]])


def same(part: Any, done: Done) -> Expr:
    """Real and conjugate parts of what is real."""
    return done[part.args[0]]
