"""The last pass, for people: broadcasting and scaled rows in matrix notation, more axes in index notation."""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from symgrad.core.expr import Apply, Expr, postorder
from symgrad.core.shapes import broadcast
from symgrad.core.traversal import expand
from symgrad.ops.arithmetic import add, div, mul, neg, sub
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.constants import ones
from symgrad.ops.contraction import as_column, matmul, outer
from symgrad.ops.linalg.inverse import inv
from symgrad.ops.linalg.matrixpower import Exponent, matrix_power
from symgrad.ops.shaping import diag, swap, transpose
from symgrad.simplify.collecting import collected_sum
from symgrad.simplify.engine import LARGEST_WHOLE
from symgrad.simplify.indices import index_notation
from symgrad.simplify.normal import Product, Term, build_product, build_sum, collect, factorise
from symgrad.simplify.rules.determinants import chain
from symgrad.simplify.shapes import column_vector, is_op
from symgrad.simplify.transposes import trace_of_sum, transposed_outside


def textbook(roots: Sequence[Expr]) -> list[Expr]:
    """Return equal expressions in matrix notation: diag(v) @ X for v[:, None]*X, outer(u, v) for u[:, None]*v.

    Products with more than two axes are written in index notation, see symgrad.simplify.indices.

    `simplify` turns these back into the cheaper forms before a kernel is made.
    """
    if len(postorder(*roots)) > LARGEST_WHOLE:
        return list(roots)  # nobody reads it, and products of many matrices would take quadratic time
    return expand(roots, matrix_notation)


def matrix_notation(node: Apply) -> Expr | None:
    for form in _FORMS:
        result = form(node)
        if result is not None and result is not node:
            return result
    return None


def _in_matrices(node: Apply) -> Expr | None:
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
    if node.op is transpose and node.ndim == 2:
        number, bare = _peel(node.operands[0])
        return None if number is None else number * swap(bare)
    if node.op is outer:
        return _expanded_outer(node)
    if node.op is neg:
        return _negated_difference(node.operands[0])
    if node.op is div and is_op(node.operands[0], div):
        return build_product(factorise(node), node.shape)
    return None


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


def _expanded_outer(node: Apply) -> Expr | None:
    """outer(a + s*x, x) is outer(a, x) + s*outer(x, x), and so behind."""
    for position, (u, v) in enumerate((node.operands, node.operands[::-1])):
        scale = factorise(u)
        bases = [base for base in scale.powers if base.ndim]
        if len(bases) != 1 or scale.powers[bases[0]] != 1 or not is_op(bases[0], add, sub):
            continue
        terms = list(collect(bases[0]).values())
        if not any(term.powers.get(v) == 1 and _array_of(term) is v for term in terms):
            continue
        arrays = [_array_of(term) for term in terms]
        if any(x.ndim != 1 for x in arrays):
            continue
        parts = [outer(v, x) if position else outer(x, v) for x in arrays]
        numbers = {base: e for base, e in scale.powers.items() if not base.ndim}
        return build_product(Product(scale.coefficient, numbers), ()) * build_sum(
            [
                Term(term.coefficient, {**{b: e for b, e in term.powers.items() if not b.ndim}, part: 1})
                for term, part in zip(terms, parts, strict=True)
            ],
            node.shape,
        )
    return None


def _array_of(term: Term) -> Expr:
    """Return what is left of the term without its numbers."""
    arrays = {base: e for base, e in term.powers.items() if base.ndim}
    return build_product(Product(1, arrays), broadcast((), *(base.shape for base in arrays)))


def _scaled_factor(node: Apply) -> Expr | None:
    """(X*v) @ Y is X @ diag(v) @ Y; A @ (B @ C) is A @ B @ C, as the order of products is the kernel's business."""
    left, right = node.operands
    number, bare = _peel(right)
    if number is not None:
        return number * matmul(left, bare)
    if is_op(right, matmul) and left.ndim == 2 and right.operands[0].ndim == 2:
        return matmul(matmul(left, right.operands[0]), right.operands[1])
    if left.ndim == right.ndim == 2 and isinstance(left, Apply) and left.op is mul:
        return _scaled_columns(left, right)
    return _power(node) if node.ndim == 2 else None


def _scaled_columns(left: Apply, right: Expr) -> Expr | None:
    """(X*v) @ Y is X @ diag(v) @ Y, and ((X - (X @ p)[:, None])*p) @ Y is X @ (diag(p) - outer(p, p)) @ Y."""
    for x, v in (left.operands, left.operands[::-1]):
        if v.shape != left.shape[1:] or x.shape != left.shape:
            continue
        if is_op(x, sub) and _is_mean(x.operands[1], x.operands[0], v):
            return x.operands[0] @ (diag(v) - outer(v, v)) @ right
        return x @ diag(v) @ right
    return None


def _is_mean(column: Expr, x: Expr, p: Expr) -> bool:
    """Is the column (x @ p)[:, None]?"""
    v = column_vector(column)
    return v is not None and v is matmul(x, p)


def _power(node: Apply) -> Expr:
    """A @ A @ A is matrix_power(A, 3)."""
    runs: list[tuple[Expr, int]] = []
    for factor in chain(node):
        base, exponent = _as_power(factor)
        if runs and runs[-1][0] is base:
            exponent += runs.pop()[1]
        runs.append((base, exponent))
    return reduce(matmul, [part for base, exponent in runs for part in _raised(base, exponent)])


def _as_power(x: Expr) -> tuple[Expr, int]:
    """Return (A, k) for matrix_power(A, k), and (A.T, k) for its transpose."""
    inner = x.operands[0] if is_op(x, transpose) else x
    if not isinstance(inner, Apply) or inner.op is not matrix_power or inner.ndim != 2:
        return x, 1
    base = inner.operands[0]
    return (swap(base) if inner is not x else base), inner.parameters(Exponent).k


def _raised(x: Expr, exponent: int) -> list[Expr]:
    if exponent < 3:
        return [x] * exponent
    return [swap(matrix_power(x.operands[0], exponent)) if is_op(x, transpose) else matrix_power(x, exponent)]


def _negated_difference(x: Expr) -> Expr | None:
    """-(a - b) is b - a, and -(s*(a - b)) is s*(b - a) for a number s."""
    number, array = _peel(x)
    return _times(number, array.operands[1] - array.operands[0]) if is_op(array, sub) else None


_FORMS = (_in_matrices, trace_of_sum, collected_sum, transposed_outside, index_notation)
