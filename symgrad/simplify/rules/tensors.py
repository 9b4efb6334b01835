"""Rules for results with more than two axes: identities are used up, sums of tensors are taken apart first."""

from __future__ import annotations

import builtins

from symgrad.core.expr import Apply, Expr, postorder
from symgrad.ops.arithmetic import add, div, mul, neg, sub
from symgrad.ops.broadcasting import broadcast_to, sum
from symgrad.ops.constants import eye
from symgrad.ops.contraction import matmul, trace
from symgrad.ops.einsum import einsum
from symgrad.ops.shaping import diag, diag_embed, diagonal, index, reshape, transpose
from symgrad.simplify.contraction import read, without_identities, write
from symgrad.simplify.engine import rule
from symgrad.simplify.shapes import fit

_PRODUCTS = (mul, matmul, einsum, transpose, index, reshape, sum, diagonal, trace, diag_embed, broadcast_to)
MOST_STEPS = 64  # when looking for an identity inside of a product


@rule(*_PRODUCTS)
def identity_in_tensor(node: Apply) -> Expr | None:
    """sum(eye(n)[:, :, None]*A, axis=1) is A: an identity with a summed axis renames the axis."""
    if max(node.ndim, *(x.ndim for x in node.operands)) < 3 or not _holds_identity(node):
        return None
    return without_identities(node)


@rule(einsum)
def einsum_in_matrices(node: Apply) -> Expr | None:
    """einsum("ij,jk->ik", A, B) is A @ B: products of matrices, where they do with no more axes than the result has."""
    contraction = read(node)
    if contraction is None or any(factor.tensor.ndim > 2 for factor in contraction.factors):
        return None
    result = without_identities(node)
    if result is None:
        result = write(contraction, node.shape)
    most = max(2, node.ndim)
    return result if all(x.ndim <= most for x in postorder(result, stop=node.operands)) else None


@rule(transpose, index, sum, matmul)
def map_of_outer_product(node: Apply) -> Expr | None:
    """A transpose, sum or matrix product of an outer product of matrices is one of its factors' axes."""
    if not any(x.ndim > 2 and isinstance(x, Apply) and x.op in (mul, neg, div, broadcast_to) for x in node.operands):
        return None
    contraction = read(node)
    if contraction is None or any(factor.tensor.ndim > 2 for factor in contraction.factors):
        return None
    if not {label for pair in contraction.deltas for label in pair} <= set(contraction.output):
        return None  # identities that are summed over are for the rule above
    result = write(contraction, node.shape)
    return result if _bulk(result) < _bulk(node) else None  # sums that no order makes smaller would go round in circles


@rule(*_PRODUCTS)
def product_of_tensor_sum(node: Apply) -> Expr | None:
    """(S + T) @ A is S @ A + T @ A where S and T hold identities, which then meet A."""
    for position, x in enumerate(node.operands):
        if not isinstance(x, Apply) or x.ndim < 3 or x.op not in (add, sub) or not _holds_identity(x):
            continue
        left, right = (
            node.op.make((*node.operands[:position], fit(term, x.shape), *node.operands[position + 1 :]), node.params)
            for term in x.operands
        )
        return x.op(left, right)
    return None


def _bulk(node: Expr) -> int:
    """The axes of all tensors that are formed on the way."""
    return builtins.sum(x.ndim for x in postorder(node) if x.ndim > 2)


def _holds_identity(node: Expr) -> bool:
    """Is there an identity among the factors, or in a term of a sum among them?"""
    stack = [node]
    for _ in range(MOST_STEPS):
        if not stack:
            return False
        x = stack.pop()
        if not isinstance(x, Apply):
            continue
        if x.op in (eye, diag):
            return True
        if x.op in _PRODUCTS or x.op in (add, sub, neg, div):
            stack.extend(x.operands)
    return False
