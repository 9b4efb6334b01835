"""Rules about vec and the commutation matrix: Magnus & Neudecker, Matrix Differential Calculus (2019), chapter 3.7."""

from __future__ import annotations

from symgrad.core.expr import Apply, Expr
from symgrad.ops.constants import eye
from symgrad.ops.contraction import matmul
from symgrad.ops.linalg.vectorisation import Extents, commutation, vec
from symgrad.ops.shaping import Permutation, reshape, swap, transpose
from symgrad.simplify.engine import rule


@rule(transpose)
def transpose_of_commutation(node: Apply) -> Expr | None:
    """commutation(m, n).T is commutation(n, m)."""
    extents = _extents(node.operands[0])
    return commutation(extents.n, extents.m) if extents is not None else None


@rule(matmul)
def product_with_commutation(node: Apply) -> Expr | None:
    """commutation(m, n) @ vec(A) is vec(A.T), and its inverse is commutation(n, m)."""
    left, right = node.operands
    extents, others = _extents(left), _extents(right)
    if extents is None:
        return None
    if others is not None and (extents.m, extents.n) == (others.n, others.m):
        return eye(node.shape[0])
    if isinstance(right, Apply) and right.op is vec and right.operands[0].shape == (extents.m, extents.n):
        return vec(swap(right.operands[0]))
    return None


@rule(vec)
def vec_of_unstacked(node: Apply) -> Expr | None:
    """vec(reshape(v, (n, m)).T) is v."""
    (x,) = node.operands
    reversed_axes = isinstance(x, Apply) and x.op is transpose and x.parameters(Permutation) == Permutation()
    inner = x.operands[0] if reversed_axes else None
    return reshape(inner.operands[0], node.shape) if isinstance(inner, Apply) and inner.op is reshape else None


def _extents(x: Expr) -> Extents | None:
    return x.parameters(Extents) if isinstance(x, Apply) and x.op is commutation else None
