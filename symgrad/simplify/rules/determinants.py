"""Determinants, inverses and solutions of products: what is known of the factors is not computed of the product."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce
from operator import matmul as product

from symgrad.core.expr import Apply, Expr
from symgrad.core.properties import Property
from symgrad.ops.arithmetic import ONE, div, mul, neg
from symgrad.ops.constants import eye, size
from symgrad.ops.contraction import matmul
from symgrad.ops.exponential import log
from symgrad.ops.linalg.determinant import det, logdet
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.matrixpower import Exponent, matrix_power
from symgrad.ops.linalg.products import kron
from symgrad.ops.piecewise import absolute
from symgrad.ops.shaping import swap, transpose
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, build_product, factorise
from symgrad.simplify.shapes import is_op

MOST_FACTORS = 8  # of a chain of products that is searched


def is_square(x: Expr) -> bool:
    """Is x a square matrix?"""
    return x.ndim == 2 and x.shape[0] == x.shape[1]


@rule(det, logdet)
def determinant_of_form(node: Apply) -> Expr | None:
    """det(A @ B) is det(A)*det(B) for square factors, det(A.T) is det(A), det(inv(A)) is 1/det(A)."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.ndim != 2:
        return None
    op, logarithmic = node.op, node.op is logdet
    if x.op is transpose:
        return op(x.operands[0])
    if x.op is matmul and all(map(is_square, x.operands)):
        a, b = map(op, x.operands)
        return a + b if logarithmic else a * b
    if x.op is inv:
        return -op(x.operands[0]) if logarithmic else 1 / op(x.operands[0])
    if x.op is matrix_power:
        k = x.parameters(Exponent).k
        return k * op(x.operands[0]) if logarithmic else op(x.operands[0]) ** k
    return None


@rule(logdet)
def logdet_of_kron(node: Apply) -> Expr | None:
    """logdet(kron(A, B)) is n*logdet(A) + m*logdet(B) for A of size m and B of size n."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not kron or not all(map(is_square, x.operands)):
        return None
    a, b = x.operands
    return size(b.shape[0]) * logdet(a) + size(a.shape[0]) * logdet(b)


@rule(log)
def log_of_determinant(node: Apply) -> Expr | None:
    """log(abs(det(A))) is logdet(A), where the determinant may overflow; so is log(det(A)) where it is positive."""
    (x,) = node.operands
    inner = x.operands[0] if is_op(x, absolute) else x if Property.POSITIVE in x.properties else None
    return logdet(inner.operands[0]) if inner is not None and is_op(inner, det) else None


@rule(inv, solve)
def inverse_of_scaled(node: Apply) -> Expr | None:
    """inv(s*A) is inv(A)/s, and solve(s*A, b) is solve(A, b)/s."""
    a = node.operands[0]
    if not is_op(a, mul, neg, div):
        return None
    parts = factorise(a)
    numbers = Product(parts.coefficient, {x: e for x, e in parts.powers.items() if not x.ndim})
    number = build_product(numbers, ())
    if number is ONE or parts.coefficient == 0:
        return None
    bare = build_product(Product(1, {x: e for x, e in parts.powers.items() if x.ndim}), a.shape)
    return node.op.make((bare, *node.operands[1:]), node.params) / number


@rule(matmul)
def inverse_meets_factor(node: Apply) -> Expr | None:
    """A @ inv(B @ A) is inv(B) for square A and B: a factor of an inverse cancels."""
    if node.ndim != 2 or not all(x.ndim == 2 for x in node.operands):
        return None
    factors = chain(node)
    for position, factor in enumerate(factors):
        if not isinstance(factor, Apply) or factor.op is not inv:
            continue
        inside = chain(factor.operands[0])
        before, after = factors[:position], factors[position + 1 :]
        count = _shared(before[::-1], inside[::-1], 0)
        if count:
            return _joined([*before[:-count], *_inverse_of(inside[:-count]), *after], node)
        count = _shared(after, inside, 1)
        if count:
            return _joined([*before, *_inverse_of(inside[count:]), *after[count:]], node)
    return None


def _shared(beside: Sequence[Expr], inside: Sequence[Expr], far: int) -> int:
    """Return how many factors from the start are the same and have a square product; `far` is its other axis."""
    extent, square = inside[0].shape[1 - far], 0
    for count, (x, y) in enumerate(zip(beside, inside, strict=False), start=1):
        if x is not y:
            break
        square = count if x.shape[far] == extent else square
    return square


def _inverse_of(factors: Sequence[Expr]) -> list[Expr]:
    return [inv(reduce(product, factors))] if factors else []


def _joined(factors: Sequence[Expr], node: Apply) -> Expr:
    return reduce(product, factors) if factors else eye(node.shape[0])


def chain(x: Expr) -> list[Expr]:
    """Return the factors of a product of matrices; x alone where it is none, or one of too many factors."""
    factors, stack = [], [x]
    while stack:
        top = stack.pop()
        if isinstance(top, Apply) and top.op is matmul and all(y.ndim == 2 for y in top.operands):
            stack.extend(reversed(top.operands))
        else:
            factors.append(top)
        if len(factors) + len(stack) > MOST_FACTORS:
            return [x]
    return factors


@rule(matmul)
def transposed_solution(node: Apply) -> Expr | None:
    """solve(A, B).T @ C is B.T @ solve(A.T, C)."""
    left, right = node.operands
    inner = left.operands[0] if is_op(left, transpose) and left.ndim == 2 else None
    if inner is None or not is_op(inner, solve) or right.ndim != 2:
        return None
    a, b = inner.operands
    return swap(b) @ solve(swap(a), right) if b.ndim == 2 and right.shape[1] == b.shape[1] else None
