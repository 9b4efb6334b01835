"""Sums and products as data: coefficients and terms, coefficients and powers.

Products of sums are never multiplied out, so nothing here can make an expression grow.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from math import gcd, isfinite
from operator import mul as times
from typing import TypeAlias

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, Input, Literal
from symgrad.core.shapes import broadcast
from symgrad.ops.arithmetic import ONE, add, div, mul, neg, sub
from symgrad.ops.constants import ones
from symgrad.ops.exponential import sqrt
from symgrad.ops.piecewise import ZERO, absolute
from symgrad.ops.power import power
from symgrad.simplify.decimals import Number, plus, times_power
from symgrad.simplify.shapes import fit, strip

Powers: TypeAlias = dict[Expr, Number]

# A longer sum or product is split in runs of this length: without a bound, a chain of n operations costs n**2.
LONGEST_RUN = 64
LARGEST_INTEGER = 10**15


@dataclass(frozen=True, slots=True)
class Product:
    """coefficient * base**exponent * ..., bases in order of first use."""

    coefficient: Number
    powers: Powers

    def key(self) -> frozenset[tuple[Expr, Number]]:
        """Return what two products share when they differ by their coefficient and order only."""
        return frozenset(self.powers.items())


def factorise(node: Expr) -> Product:
    """Read a product: through `*`, `/`, sign, roots and fixed powers, down to factors that are none of these."""
    coefficient: Number = 1
    powers: Powers = {}
    stack: list[tuple[Expr, Number]] = [(node, 1)]
    budget = LONGEST_RUN
    while stack:
        x, exponent = stack.pop()
        x = strip(x)
        if isinstance(x, Literal) and (value := _times_power(coefficient, x.value, exponent)) is not None:
            coefficient = value
            continue
        parts = _factors(x, exponent, node.shape) if budget > 0 else None
        if parts is None:
            powers[x] = powers.get(x, 0) + exponent
        else:
            stack.extend(reversed(parts))
            budget -= 1
    for base in [base for base in powers if isinstance(base, Literal)]:
        coefficient, powers[base] = _absorb(coefficient, base, powers[base])
    return Product(tidy(coefficient), {base: e for base, e in powers.items() if e})


def _absorb(coefficient: Number, root: Literal, exponent: Number) -> tuple[Number, Number]:
    """sqrt(2)/2 is 1/sqrt(2): take whole powers of the number under a root out of the coefficient."""
    value = root.value
    if not isinstance(value, int) or value < 2 or isinstance(coefficient, float) or exponent == int(exponent):
        return coefficient, exponent
    exact = Fraction(coefficient)
    while exponent > 0 and exact.denominator % value == 0:
        exact, exponent = exact * value, exponent - 1
    while exponent < 0 and exact.numerator and exact.numerator % value == 0:
        exact, exponent = exact / value, exponent + 1
    return tidy(exact), exponent


def _factors(x: Expr, exponent: Number, shape: Shape) -> list[tuple[Expr, Number]] | None:
    """Return the factors of x**exponent one level down; None when x is a factor itself."""
    if not isinstance(x, Apply):
        return None
    whole = exponent == int(exponent)
    if x.op is neg and whole:
        return [(Literal(-1), exponent), (x.operands[0], exponent)]
    if x.shape not in ((), shape) and not _is_scaled(x):
        return _without_number(x) if exponent == 1 and _leads_with_number(x) else None
    if x.op is mul and exponent in (1, -1):
        return [(x.operands[0], exponent), (x.operands[1], exponent)]
    if x.op is div and exponent in (1, -1):
        return [(x.operands[0], exponent), (x.operands[1], -exponent)]
    if exponent != int(exponent) and x.op in (mul, div) and _is_positive_constant(x):
        return [(x.operands[0], exponent), (x.operands[1], exponent if x.op is mul else -exponent)]
    if x.op is absolute and whole and exponent % 2 == 0:
        return [(x.operands[0], exponent)]
    if x.op is sqrt and whole:
        return [(x.operands[0], Fraction(1, 2) * int(exponent))]
    if x.op is power and whole:
        fixed = x.operands[1]
        if isinstance(fixed, Literal) and _is_dyadic(fixed.value) and x.operands[0].shape == x.shape:
            return [(x.operands[0], tidy(Fraction(fixed.value) * int(exponent)))]
    return None


def _is_positive_constant(x: Expr) -> bool:
    """Is x made of positive numbers, pi and e by products? Roots of such products may be taken factor by factor."""
    parts = [x]
    while parts:
        part = parts.pop()
        if isinstance(part, Apply) and part.op in (mul, div) and len(parts) < LONGEST_RUN:
            parts.extend(part.operands)
        elif not (_is_constant(part) and (not isinstance(part, Literal) or part.value > 0)):
            return False
    return True


def _is_constant(x: Expr) -> bool:
    """Is x a number, or a name of one?"""
    return x.ndim == 0 and not x.operands and not isinstance(x, Input)


def _is_scaled(x: Apply) -> bool:
    """Is x a number times an array, or an array over a number? Taking that apart multiplies no arrays anew."""
    return (x.op is mul and x.operands[0].ndim == 0) or (x.op is div and x.operands[1].ndim == 0)


def _leads_with_number(x: Apply) -> bool:
    """Does the product begin with a number or a sign, as in -y*z and -2/v?"""
    head: Expr = x
    while isinstance(head, Apply) and head.op in (mul, div):
        head = head.operands[0]
    return head is not x and (
        (isinstance(head, Literal) and head is not ONE) or (isinstance(head, Apply) and head.op is neg)
    )


def _without_number(x: Apply) -> list[tuple[Expr, Number]] | None:
    """Return the number and the rest of a product of smaller shape: the arrays stay together."""
    product = factorise(x)
    number = build_product(Product(product.coefficient, {}), ())
    if number is ONE:
        return None
    return [(number, 1), (build_product(Product(1, product.powers), x.shape), 1)]


def _is_dyadic(value: float) -> bool:
    """Is the exponent a small multiple of 1/4, so that arithmetic with it is exact?"""
    return abs(value) < 1024 and value * 4 == int(value * 4)


def _times_power(factor: Number, value: int | float, exponent: Number) -> Number | None:
    """Return factor * value**exponent where that is a number worth writing, else None."""
    if exponent != int(exponent) or not -64 <= exponent <= 64 or (value == 0 and exponent < 0):
        return None
    whole = int(exponent)
    if whole == 1 and isinstance(factor, int) and isinstance(value, int):
        plain = factor * value
        return plain if abs(plain) <= LARGEST_INTEGER else None
    if isinstance(factor, float) or isinstance(value, float):
        try:
            product = times_power(factor, value, whole)
        except OverflowError:
            return None
        return product if isfinite(product) and (product != 0 or value == 0) else None
    exact = Fraction(factor) * Fraction(value) ** whole
    return tidy(exact) if max(abs(exact.numerator), exact.denominator) <= LARGEST_INTEGER else None


def tidy(value: Number) -> Number:
    """Return a whole Fraction as an int."""
    if isinstance(value, Fraction) and value.denominator == 1:
        return value.numerator
    return value


def build_product(product: Product, shape: Shape) -> Expr:
    """Write a product: number, scalars, arrays, over the denominator."""
    coefficient = product.coefficient
    if coefficient == 0:
        return fit(ZERO, shape)
    powers = _join_roots(product.powers)
    numerator = _in_order(_raise(base, e) for base, e in powers.items() if e > 0)
    denominator = _in_order(_raise(base, -e) for base, e in powers.items() if e < 0)
    if isinstance(coefficient, Fraction):
        denominator.insert(0, Literal(coefficient.denominator))
        coefficient = coefficient.numerator
    if coefficient == -1 and numerator:
        numerator[0] = -numerator[0]
    elif coefficient != 1 or not numerator:
        numerator.insert(0, ONE if coefficient == 1 else Literal(coefficient))
    if shape and not any(base.ndim for base in powers):
        numerator = [*(x for x in numerator if x is not ONE), ones(shape)]
    result = _multiply(numerator)
    if denominator:
        result = result / _multiply(denominator)
    return fit(result, shape)


def _join_roots(powers: Powers) -> Powers:
    """sqrt(2)*sqrt(pi) is sqrt(2*pi)."""
    roots: dict[Number, list[Expr]] = {}
    for base, exponent in powers.items():
        if exponent != int(exponent) and _is_constant(base):
            roots.setdefault(exponent, []).append(base)
    joined = {reduce(times, bases): exponent for exponent, bases in roots.items()}
    return joined | {b: e for b, e in powers.items() if b not in roots.get(e, ())} if joined else powers


def _in_order(factors: Iterable[Expr]) -> list[Expr]:
    """Scalars first, since `2*lam*w` costs one product an entry; among them constants, names, then the rest."""
    listed = list(factors)
    return sorted(listed, key=_rank) if len(listed) > 1 else listed


def _rank(x: Expr) -> tuple[bool, bool, bool, str]:
    fixed = isinstance(x, Apply) and (x.op is sqrt or (x.op is power and isinstance(x.operands[1], Literal)))
    base = x.operands[0] if fixed else x
    name = base.name if isinstance(base, Input) else ""
    return x.ndim > 0, not (_is_constant(base) or _is_positive_constant(base)), bool(base.operands), name


def _multiply(factors: list[Expr]) -> Expr:
    """Multiply, arrays of one shape among themselves first: X*(u*v) costs less than X*u*v when u and v are vectors."""
    groups: dict[Shape, list[Expr]] = {}
    for factor in factors:
        groups.setdefault(factor.shape, []).append(factor)
    if len(groups.keys() - {()}) <= 1:
        return reduce(times, factors)
    return reduce(times, [*groups.pop((), []), *(reduce(times, group) for group in groups.values())])


def _raise(base: Expr, exponent: Number) -> Expr:
    if exponent == 1:
        return base
    if exponent == Fraction(1, 2):
        return sqrt(base)
    return base ** (exponent if isinstance(exponent, int) else float(exponent))


@dataclass(slots=True)
class Term:
    """coefficient * product of a sum."""

    coefficient: Number
    powers: Powers


def collect(node: Expr) -> dict[frozenset[tuple[Expr, Number]], Term]:
    """Read a sum: through `+`, `-` and sign; equal terms are added up. The key of a plain number is empty."""
    terms: dict[frozenset[tuple[Expr, Number]], Term] = {}
    stack: list[tuple[Expr, int]] = [(node, 1)]
    budget = LONGEST_RUN
    while stack:
        x, sign = stack.pop()
        x = strip(x)
        parts = _summands(x, sign, node.shape) if budget > 0 else None
        if parts is not None:
            stack.extend(reversed(parts))
            budget -= 1
            continue
        product = factorise(x)
        key = product.key()
        term = terms.setdefault(key, Term(0, product.powers))
        term.coefficient = tidy(plus(term.coefficient, sign * product.coefficient))
    return {key: term for key, term in terms.items() if term.coefficient != 0}


def _summands(x: Expr, sign: int, shape: Shape) -> list[tuple[Expr, int]] | None:
    if not isinstance(x, Apply) or x.shape not in ((), shape):
        return None
    if x.op is add:
        return [(x.operands[0], sign), (x.operands[1], sign)]
    if x.op is sub:
        return [(x.operands[0], sign), (x.operands[1], -sign)]
    if x.op is neg:
        return [(x.operands[0], -sign)]
    return None


def build_sum(terms: Iterable[Term], shape: Shape) -> Expr:
    """Write a sum, beginning with a term that has no sign where there is one."""
    ordered = list(terms)
    if not ordered:
        return fit(ZERO, shape)
    first = next((k for k, term in enumerate(ordered) if term.coefficient > 0), 0)
    head, rest = ordered[first], ordered[:first] + ordered[first + 1 :]
    result = _write(head, head.coefficient)
    for term in rest:
        negative = term.coefficient < 0
        written = _write(term, -term.coefficient if negative else term.coefficient)
        result = result - written if negative else result + written
    return fit(result, shape)


def _write(term: Term, coefficient: Number) -> Expr:
    product = Product(coefficient, term.powers)
    return build_product(product, broadcast((), *(base.shape for base in term.powers)))


def common_number(x: Expr) -> tuple[Number, Expr]:
    """Return (c, y) with x = c*y for a sum x: what the coefficients have in common, with their sign if all share it.

    2*a - 4*b is 2*(a - 2*b), and -a - b is -(a + b).
    """
    terms = list(collect(x).values())
    sizes = [max(term.coefficient, -term.coefficient) for term in terms]
    if not terms:
        return 1, x
    common = sizes[0]
    if any(size != common for size in sizes):
        whole = [size for size in sizes if isinstance(size, int)]
        common = gcd(*whole) if len(whole) == len(sizes) else 1
    if all(term.coefficient < 0 for term in terms):
        common = -common
    if common == 1:
        return 1, x
    rest = [Term(_divided(term.coefficient, common), term.powers) for term in terms]
    return common, build_sum(rest, x.shape)


def _divided(number: Number, by: Number) -> Number:
    if by in (1, -1):
        return number * by
    if isinstance(number, float) or isinstance(by, float):
        return 1 if number == by else -1  # they have the same size
    return tidy(Fraction(number) / by)


def negated(x: Expr) -> Expr:
    """Return -x for a sum, as a sum."""
    return build_sum([Term(-term.coefficient, term.powers) for term in collect(x).values()], x.shape)
