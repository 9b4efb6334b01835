"""Where a transpose stands: outside of a sum, a product or an inverse, if fewer are written so."""

from __future__ import annotations

from symgrad.core.expr import Apply, Expr, postorder
from symgrad.ops.arithmetic import add, div, mul, neg, sub
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.constants import eye
from symgrad.ops.contraction import matmul, outer, trace
from symgrad.ops.linalg.inverse import inv
from symgrad.ops.linalg.matrixpower import matrix_power
from symgrad.ops.shaping import diag, diagonal, swap, transpose
from symgrad.simplify.normal import Product, build_product, common_number
from symgrad.simplify.shapes import is_op


def flipped(x: Expr) -> Expr | None:
    """Return y with y.T equal to the matrix x and fewer transposes in it than in x; None when there is none."""
    if x.ndim != 2 or not isinstance(x, Apply):
        return None
    known: dict[Expr, Expr] = {}
    order = postorder(x)
    for node in order:
        if node.ndim == 2:
            form = _flip(node, known) if isinstance(node, Apply) else None
            known[node] = swap(node) if form is None else form
    y = known.get(x)
    return y if y is not None and transposes(y) < transposes(x) else None


def transposes(x: Expr) -> int:
    """Return how many transposes are written in x, each use of a shared one counted."""
    counts: dict[Expr, int] = {}
    for node in postorder(x):
        counts[node] = is_op(node, transpose)
        for operand in node.operands:
            counts[node] += counts[operand]
    return counts[x]


def _flip(node: Apply, known: dict[Expr, Expr]) -> Expr | None:
    """Return the transpose of a node, if those of its operands are known."""
    if node.op is transpose:
        return node.operands[0]
    if node.op in (eye, diag):
        return node
    if node.op is outer:
        return outer(node.operands[1], node.operands[0])
    if node.op not in (add, sub, neg, mul, div, matmul, inv, matrix_power):
        return None
    operands = []
    for x in node.operands:
        if x.ndim and (x not in known or (x.shape != node.shape and node.op is not matmul)):
            return None
        operands.append(known[x] if x.ndim else x)
    return node.op.make(tuple(operands[::-1] if node.op is matmul else operands), node.params)


def transposed_outside(node: Apply) -> Expr | None:
    """A.T + B.T is (A + B).T, inv(A.T + B.T) is inv(A + B).T; products of matrices are left as they are."""
    if node.op not in (add, sub, mul, inv) or any(x.shape != node.shape for x in node.operands):
        return None
    inner = flipped(node)
    if inner is None or (transposes(node) - transposes(inner) < 2 and node.op is not inv):
        return None
    number, bare = common_number(inner) if is_op(inner, add, sub) else (1, inner)
    return build_product(Product(number, {swap(bare): 1}), node.shape)


def trace_of_sum(node: Apply) -> Expr | None:
    """sum(A*B.T) is trace(A @ B), sum(A*B.T, axis=1) is diagonal(A @ B), sum(diagonal(A)) is trace(A)."""
    if node.op is trace:
        inner = flipped(node.operands[0])
        return None if inner is None else trace(inner)
    if node.op is not sum or node.parameters(Axes).keepdims:
        return None
    (x,) = node.operands
    if is_op(x, diagonal) and not node.ndim and x.ndim == 1:
        inner = flipped(x.operands[0])
        return trace(x.operands[0] if inner is None else inner)
    pair = _factors(x)
    if pair is None:
        return None
    if not node.ndim:
        return _trace_of_product(*pair)
    rows = node.parameters(Axes).reduced(2) == (1,)
    forms = [p @ z if rows else z @ p for p, q in (pair, pair[::-1]) if (z := flipped(q)) is not None]
    return diagonal(min(forms, key=transposes)) if forms else None


def _factors(x: Expr) -> tuple[Expr, Expr] | None:
    """Return (A, B) for the matrix A*B, and (A.T, B.T) for (A*B).T."""
    inner = x.operands[0] if is_op(x, transpose) else x
    if not is_op(inner, mul) or inner.ndim != 2 or any(y.shape != inner.shape for y in inner.operands):
        return None
    a, b = inner.operands
    return (a, b) if inner is x else (swap(a), swap(b))


def _trace_of_product(a: Expr, b: Expr) -> Expr | None:
    """Return trace(a @ b.T), the larger factor first, so that trace(A @ B) and trace(B @ A) are one."""
    for x, y in ((a, b), (b, a)):
        z = flipped(y)
        if z is not None:
            return trace(x @ z) if len(postorder(x)) >= len(postorder(z)) else trace(z @ x)
    return None
