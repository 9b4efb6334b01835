"""Sums and products in normal form."""

from __future__ import annotations

from fractions import Fraction
from math import gcd, lcm

from symgrad.core.expr import Apply, Expr, Literal
from symgrad.core.shapes import broadcast
from symgrad.ops.arithmetic import ONE, add, div, mul, neg, sub
from symgrad.ops.exponential import sqrt
from symgrad.ops.piecewise import ZERO, where
from symgrad.ops.power import power
from symgrad.simplify.decimals import Number
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import (
    Product,
    Term,
    build_product,
    build_sum,
    collect,
    common_number,
    factorise,
    tidy,
)
from symgrad.simplify.rules.products import special_product
from symgrad.simplify.shapes import fit


@rule(add, sub)
def sum_normal_form(node: Apply) -> Expr | None:
    """x + x is 2*x, and x - x is 0: equal terms are collected, terms with the same condition merged."""
    terms = collect(node)
    merged = _merge_choices(list(terms.values()))
    return build_sum(merged, node.shape)


@rule(add, sub)
def common_array(node: Apply) -> Expr | None:
    """A*u + A*v is A*(u + v) for a matrix A and vectors u and v, which are cheaper to add."""
    groups: dict[frozenset[tuple[Expr, Number]], list[Term]] = {}
    terms = list(collect(node).values()) if node.ndim else []
    for term in terms:
        whole = frozenset((base, e) for base, e in term.powers.items() if base.shape == node.shape)
        groups.setdefault(whole, []).append(term)
    for whole, group in groups.items():
        rests = [{base: e for base, e in term.powers.items() if (base, e) not in whole} for term in group]
        shapes = {broadcast((), *(base.shape for base in rest)) for rest in rests}
        if not whole or len(group) == 1 or len(shapes) > 1 or () in shapes:
            continue
        (shape,) = shapes
        if len(shape) == node.ndim and 1 not in shape:
            continue
        total = build_sum([Term(t.coefficient, rest) for t, rest in zip(group, rests, strict=True)], shape)
        merged = Term(1, {total: 1, **{base: e for base, e in group[0].powers.items() if (base, e) in whole}})
        return build_sum([merged if term is group[0] else term for term in terms if term not in group[1:]], node.shape)
    return None


@rule(neg)
def negated_sum(node: Apply) -> Expr | None:
    """-(-a - b) is a + b. The sign of other sums stays outside, where it meets other signs."""
    (x,) = node.operands
    if isinstance(x, Apply) and x.op in (add, sub):
        number, bare = common_number(x)
        return build_product(Product(-number, {bare: 1}), node.shape) if number < 0 else None
    return product_normal_form(node)


@rule(mul, div)
def product_normal_form(node: Apply) -> Expr | None:
    """x*2*x is 2*x**2, and a*b/b is a: numbers and equal factors are collected."""
    product = divide_scalars(divide_content(factorise(node)))
    special = special_product(product, node.shape)
    return build_product(product, node.shape) if special is None else fit(special, node.shape)


def divide_content(product: Product) -> Product:
    """(2*x + 4*y)/2 is x + 2*y: what all terms of a factor have in common is cancelled against the number in front."""
    if product.coefficient in (1, -1) or isinstance(product.coefficient, float):
        return product
    for base, exponent in product.powers.items():
        if exponent != 1 or not isinstance(base, Apply) or base.op not in (add, sub):
            continue
        if factorise(base.operands[1]).coefficient in (1, -1):
            continue  # so have all terms together: told without reading a long sum
        terms = list(collect(base).values())
        if any(isinstance(term.coefficient, float) for term in terms):
            continue
        content = Fraction(
            gcd(*(Fraction(term.coefficient).numerator for term in terms)),
            lcm(*(Fraction(term.coefficient).denominator for term in terms)),
        )
        left = Fraction(product.coefficient) * content
        if not content or _height(left) >= _height(Fraction(product.coefficient)):
            continue
        rest = build_sum([Term(tidy(term.coefficient / content), term.powers) for term in terms], base.shape)
        powers = {rest if b is base else b: e for b, e in product.powers.items()}
        return Product(tidy(left), powers) if len(powers) == len(product.powers) else product
    return product


def divide_scalars(product: Product) -> Product:
    """s*(a/s**4 - b/s**2) is (a/s**2 - b)/s: powers of a number in all terms of a factor meet those in front."""
    for base, exponent in product.powers.items():
        if exponent != 1 or not isinstance(base, Apply) or base.op not in (add, sub):
            continue
        last = base.operands[1]
        scalars = [(x, e) for x, e in product.powers.items() if e > 0 and not x.ndim and x is not base]
        if not scalars or not isinstance(last, Apply) or last.op is not div:
            continue  # not all terms are quotients: told without reading a long sum
        terms = list(collect(base).values())
        for x, e in scalars:
            found = [term.powers.get(x, 0) for term in terms]
            if not all(f < 0 for f in found):
                continue
            common = max(found)
            rest = [Term(t.coefficient, {b: f - common if b is x else f for b, f in t.powers.items()}) for t in terms]
            inner = build_sum([Term(t.coefficient, {b: f for b, f in t.powers.items() if f}) for t in rest], base.shape)
            others = {b: f for b, f in product.powers.items() if b is not base and b is not x}
            powers = {**others, x: e + common, inner: others.get(inner, 0) + 1}
            return Product(product.coefficient, {b: f for b, f in powers.items() if f})
    return product


def _height(number: Fraction) -> int:
    return abs(number.numerator) * number.denominator


@rule(power, sqrt)
def power_normal_form(node: Apply) -> Expr | None:
    """x**1 is x, sqrt(x)**2 is x, and (-x)**2 is x**2."""
    if node.op is power and not isinstance(node.operands[1], Literal):
        return fit(ONE, node.shape) if node.operands[0] is ONE else None
    if node.op is power and node.operands[1].value == 0:  # type: ignore[attr-defined]  # a Literal, see above
        return fit(ONE, node.shape)
    return build_product(factorise(node), node.shape)


def _merge_choices(terms: list[Term]) -> list[Term]:
    """where(c, a, 0) + where(c, 0, b) is where(c, a, b)."""
    by_condition: dict[Expr, list[Term]] = {}
    for term in terms:
        choice = _choice(term)
        if choice is not None:
            by_condition.setdefault(choice.operands[0], []).append(term)
    for condition, group in by_condition.items():
        if len(group) == 1:
            continue
        branches = [_branch_sum(group, position) for position in (1, 2)]
        merged = Term(1, {where(condition, *branches): 1})
        position = terms.index(group[0])
        terms[position] = merged
        terms = [term for term in terms if term not in group[1:]]
    return terms


def _choice(term: Term) -> Apply | None:
    if len(term.powers) != 1:
        return None
    ((base, exponent),) = term.powers.items()
    return base if isinstance(base, Apply) and base.op is where and exponent == 1 else None


def _branch_sum(group: list[Term], position: int) -> Expr:
    total: Expr = ZERO
    for term in group:
        choice = _choice(term)
        assert choice is not None  # the group holds nothing else
        branch = build_product(
            Product(term.coefficient, {choice.operands[position]: 1}), choice.operands[position].shape
        )
        total = branch if total is ZERO else total + branch
    return total
