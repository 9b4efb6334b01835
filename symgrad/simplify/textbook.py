"""The last pass, for people: broadcasting and scaled rows in matrix notation, more axes in index notation."""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.core.expr import Apply, Expr, postorder
from symgrad.core.traversal import expand
from symgrad.ops.arithmetic import mul
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.constants import ones
from symgrad.ops.contraction import as_column, matmul, outer
from symgrad.ops.linalg.inverse import inv
from symgrad.ops.shaping import diag, swap, transpose
from symgrad.simplify.engine import LARGEST_WHOLE
from symgrad.simplify.indices import index_notation
from symgrad.simplify.shapes import column_vector


def textbook(roots: Sequence[Expr]) -> list[Expr]:
    """Return equal expressions in matrix notation: diag(v) @ X for v[:, None]*X, outer(u, v) for u[:, None]*v.

    Products with more than two axes are written in index notation, see symgrad.simplify.indices.

    `simplify` turns these back into the cheaper forms before a kernel is made.
    """
    if len(postorder(*roots)) > LARGEST_WHOLE:
        return list(roots)  # nobody reads it, and products of many matrices would take quadratic time
    return expand(roots, matrix_notation)


def matrix_notation(node: Apply) -> Expr | None:
    if node.op is broadcast_to and node.ndim == 2:
        return _repeated_vector(node)
    if node.op is matmul and node.ndim == 0:
        return _quadratic_form(node)
    if node.op is matmul and (scaled := _scaled_factor(node)) is not None:
        return scaled
    if node.op is inv and node.ndim == 2:
        return _transposed_inverse(node)
    if node.op is mul and node.ndim == 2:
        return _scaled_rows(node)
    return index_notation(node)


def _quadratic_form(node: Apply) -> Expr | None:
    """(A.T @ x) @ y and y @ (A.T @ x) are x @ A @ y."""
    for product, y in (node.operands, node.operands[::-1]):
        if not isinstance(product, Apply) or product.op is not matmul or product.operands[0].ndim != 2:
            continue
        a, x = product.operands
        if isinstance(a, Apply) and a.op is transpose:
            return matmul(matmul(x, a.operands[0]), y)
        return matmul(matmul(y, a), x)
    return None


def _transposed_inverse(node: Apply) -> Expr | None:
    """inv(A.T) is inv(A).T."""
    (x,) = node.operands
    return swap(inv(x.operands[0])) if isinstance(x, Apply) and x.op is transpose else None


def _repeated_vector(node: Apply) -> Expr | None:
    (x,) = node.operands
    if x.shape == node.shape[1:]:
        return x[None] if node.shape[0] == 1 else outer(ones(node.shape[0]), x)
    column = column_vector(x)
    return outer(column, ones(node.shape[1])) if column is not None and column.shape == node.shape[:1] else None


def _scaled_rows(node: Apply) -> Expr | None:
    """v[:, None]*X is diag(v) @ X; v[:, None]*w is outer(v, w); u[:, None]*v[:, None] is (u*v)[:, None]."""
    columns = [column_vector(x) for x in node.operands]
    if columns[0] is not None and columns[1] is not None:
        return as_column(columns[0] * columns[1])
    for x, y in (node.operands, node.operands[::-1]):
        number, array = _peel(x)
        column = column_vector(array)
        if column is None:
            continue
        factor, other = _peel(y)
        if column.shape + other.shape == node.shape:
            return _times(number, _times(factor, outer(column, other)))
        if other.shape == node.shape and column.shape == node.shape[:1]:
            return _times(number, _times(factor, diag(column) @ other))
    return None


def _peel(x: Expr) -> tuple[Expr | None, Expr]:
    """Return (s, v) when x is s*v for a number s, else (None, x)."""
    if isinstance(x, Apply) and x.op is mul and x.operands[0].ndim == 0:
        return x.operands[0], x.operands[1]
    return None, x


def _times(number: Expr | None, array: Expr) -> Expr:
    return array if number is None else number * array


def _scaled_factor(node: Apply) -> Expr | None:
    """(X*v) @ Y is X @ diag(v) @ Y; A @ (B @ C) is A @ B @ C, as the order of products is the kernel's business."""
    left, right = node.operands
    if isinstance(right, Apply) and right.op is matmul and left.ndim == 2 and right.operands[1].ndim == 2:
        return matmul(matmul(left, right.operands[0]), right.operands[1])
    if isinstance(left, Apply) and left.op is mul and left.ndim == 2 and right.ndim == 2:
        for x, v in (left.operands, left.operands[::-1]):
            if v.shape == left.shape[1:] and x.shape == left.shape:
                return x @ diag(v) @ right
    return None
