"""Sums as a person writes them: what terms have in common stands once, in front or behind."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import matmul as product
from typing import TypeAlias

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr
from symgrad.core.shapes import broadcast
from symgrad.ops.arithmetic import ONE, add, sub
from symgrad.ops.constants import eye, ones
from symgrad.ops.contraction import matmul, outer
from symgrad.ops.shaping import diag, transpose
from symgrad.simplify.decimals import Number
from symgrad.simplify.normal import Powers, Product, Term, build_product, build_sum, collect, factorise
from symgrad.simplify.shapes import column_vector, is_op

MOST_FACTORS = 8
Scalars: TypeAlias = tuple[tuple[Expr, Number], ...]  # in order of first use


@dataclass(frozen=True, slots=True)
class Scaled:
    """number * scalars * array, where the number may be negative."""

    number: Number
    scalars: Scalars
    array: Expr

    @property
    def size(self) -> tuple[Number, frozenset[tuple[Expr, Number]]]:
        """What the array is multiplied by, without the sign and in no order."""
        return max(self.number, -self.number), frozenset(self.scalars)


def collected_sum(node: Apply) -> Expr | None:
    """s*A @ x + s*B @ x is s*(A + B) @ x, and equal terms of numbers are added up."""
    if node.op not in (add, sub):
        return None
    if not node.ndim:
        return build_sum(collect(node).values(), ())
    terms = [part for term in collect(node).values() for part in _opened(_split(term))]
    if node.ndim == 2 and any(is_op(term.array, eye, diag) for term in terms):
        terms = [_filled(term, node.shape) for term in terms]
    for merge in (_merged, _bracketed):
        terms = _pairwise(terms, merge)
    return _with_common_scalars(terms, node.shape)


def _split(term: Term) -> Scaled:
    arrays = {base: e for base, e in term.powers.items() if base.ndim}
    scalars = tuple((base, e) for base, e in term.powers.items() if not base.ndim)
    shape = broadcast((), *(base.shape for base in arrays))
    return Scaled(term.coefficient, scalars, build_product(Product(1, arrays), shape))


def _opened(term: Scaled) -> list[Scaled]:
    """Return the terms of s*(outer(u, v) + A), since outer products are collected across brackets."""
    if not is_op(term.array, add, sub):
        return [term]
    inner = [_split(each) for each in collect(term.array).values()]
    if not any(is_op(each.array, outer) for each in inner):
        return [term]
    return [Scaled(term.number * each.number, _times(term.scalars, each.scalars), each.array) for each in inner]


def _times(a: Scalars, b: Scalars) -> Scalars:
    powers = dict(a)
    for base, exponent in b:
        powers[base] = powers.get(base, 0) + exponent
    return tuple((base, exponent) for base, exponent in powers.items() if exponent)


def _joined(term: Scaled) -> Term:
    if is_op(term.array, ones):
        return Term(term.number, {**dict(term.scalars), term.array: 1})
    parts = factorise(term.array)
    return Term(term.number * parts.coefficient, {**dict(term.scalars), **parts.powers})


def _filled(term: Scaled, shape: Shape) -> Scaled:
    """Write the repetition of a number or vector in a sum of matrices out: eye(n) - 1/n is eye(n) - ones((n, n))/n."""
    array = term.array
    column = column_vector(array)
    if array is ONE:
        array = ones(shape)
    elif array.shape == shape[1:]:
        array = outer(ones(shape[0]), array)
    elif column is not None and column.shape == shape[:1]:
        array = outer(column, ones(shape[1]))
    return Scaled(term.number, term.scalars, array)


def _pairwise(terms: Sequence[Scaled], merge: Callable[[Scaled, Scaled], Scaled | None]) -> list[Scaled]:
    """Merge terms with earlier ones where `merge` can."""
    kept: list[Scaled] = []
    for term in terms:
        for position, earlier in enumerate(kept):
            both = merge(earlier, term)
            if both is not None:
                kept[position] = both
                break
        else:
            kept.append(term)
    return kept


def _merged(a: Scaled, b: Scaled) -> Scaled | None:
    """Return s*(A + B) @ x for s*A @ x and s*B @ x, s*X @ (u + v), s*outer(u + v, x); None where nothing is shared."""
    if a.size != b.size or a.array.shape != b.array.shape:
        return None
    same = a.number == b.number
    if is_op(a.array, outer) and is_op(b.array, outer):
        (u, v), (x, y) = a.array.operands, b.array.operands
        if v is y:
            return Scaled(a.number, a.scalars, outer(_sum(u, x, same), v))
        return Scaled(a.number, a.scalars, outer(u, _sum(v, y, same))) if u is x else None
    left, right = _chain(a.array), _chain(b.array)
    if len(left) != len(right) or len(left) < 2:
        return None
    differing = [position for position, (u, v) in enumerate(zip(left, right, strict=True)) if u is not v]
    if len(differing) != 1:
        return None
    (position,) = differing
    u, v = left[position], right[position]
    if u.shape != v.shape:
        return None
    return Scaled(a.number, a.scalars, reduce(product, [*left[:position], _sum(u, v, same), *left[position + 1 :]]))


def _bracketed(a: Scaled, b: Scaled) -> Scaled | None:
    """Return s*(A + B) for s*A and s*B where s is more than a whole number."""
    if a.size != b.size or not (a.scalars or isinstance(a.number, Fraction)) or ONE in (a.array, b.array):
        return None
    total = _sum(a.array, b.array, a.number == b.number)
    return Scaled(a.number, a.scalars, total) if total.shape == a.array.shape else None


def _sum(a: Expr, b: Expr, same: bool) -> Expr:
    """Return a + b, or a - b where the signs are not the same."""
    if same and is_op(a, transpose) and not is_op(b, transpose):
        a, b = b, a
    total = a + b if same else a - b
    assert isinstance(total, Apply)
    collected = collected_sum(total) if total.op in (add, sub) else None
    return total if collected is None else collected


def _chain(x: Expr) -> list[Expr]:
    """Return the factors of a product of matrices, or of matrices and a vector behind."""
    factors: list[Expr] = []
    stack = [x]
    while stack and len(factors) + len(stack) <= MOST_FACTORS:
        top = stack.pop()
        if is_op(top, matmul) and top.operands[0].ndim == 2 and top.ndim <= 2:
            stack.extend(reversed(top.operands))
        else:
            factors.append(top)
    return [x] if stack else factors


def _with_common_scalars(terms: Sequence[Scaled], shape: Shape) -> Expr:
    """Write the sum, with what all terms are multiplied or divided by in front: (A @ x - s*x)/(x @ x)."""
    common: Powers = {}
    for base, exponent in terms[0].scalars if len(terms) > 1 else ():
        others = [dict(term.scalars).get(base, 0) for term in terms]
        if base.operands and (min(others) > 0 or max(others) < 0):
            common[base] = min(others) if exponent > 0 else max(others)
    if not common:
        return build_sum([_joined(term) for term in terms], shape)
    inner = [Scaled(t.number, _divided(t.scalars, common), t.array) for t in terms]
    return build_product(Product(1, {**common, build_sum([_joined(term) for term in inner], shape): 1}), shape)


def _divided(scalars: Scalars, common: Powers) -> Scalars:
    rest = {base: exponent - common.get(base, 0) for base, exponent in scalars}
    return tuple((base, exponent) for base, exponent in rest.items() if exponent)
