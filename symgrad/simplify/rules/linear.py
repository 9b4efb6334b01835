"""Rules about matrix products and inverses."""

from __future__ import annotations

from functools import reduce
from operator import mul as times

from symgrad.core.expr import Apply, Expr, Input, Literal
from symgrad.ops.arithmetic import ONE, div, mul, neg
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.constants import eye
from symgrad.ops.contraction import as_column, matmul, outer, trace
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.products import kron
from symgrad.ops.shaping import diag, swap, transpose
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, build_product, factorise
from symgrad.simplify.shapes import column_vector, fit, is_op, is_zero


@rule(matmul, outer, solve)
def product_with_zero(node: Apply) -> Expr | None:
    """A product with zeros gives zeros."""
    relevant = node.operands[1:] if node.op is solve else node.operands
    return fit(Literal(0), node.shape) if any(map(is_zero, relevant)) else None


@rule(matmul)
def product_with_identity(node: Apply) -> Expr | None:
    """eye(n) @ x is x; diag(v) @ X scales the rows of X."""
    left, right = node.operands
    if is_op(left, eye) and right.shape == node.shape:
        return right
    if is_op(right, eye) and left.shape == node.shape:
        return left
    if is_op(left, diag) and right.ndim <= 2 and isinstance(left, Apply):
        v = left.operands[0]
        return v * right if right.ndim == 1 else as_column(v) * right
    if is_op(right, diag) and isinstance(right, Apply):
        return left * right.operands[0]
    return None


@rule(matmul, outer, solve)
def scalars_first(node: Apply) -> Expr | None:
    """(s*A) @ (t*B) is s*t*(A @ B): numbers are multiplied once."""
    a, b = node.operands
    left, right = (Product(1, {a: 1}) if node.op is solve else _scaled(a)), _scaled(b)
    front = [
        build_product(Product(p.coefficient, {x: e for x, e in p.powers.items() if not x.ndim}), ())
        for p in (left, right)
    ]
    numbers = [number for number in front if number is not ONE]
    if not numbers:
        return None
    bare = [
        build_product(Product(1, {x: e for x, e in p.powers.items() if x.ndim}), operand.shape)
        for p, operand in zip((left, right), (a, b), strict=True)
    ]
    return reduce(times, [*numbers, node.op.make(tuple(bare), node.params)])


def _scaled(x: Expr) -> Product:
    """Read x as a product if it is one, else as itself: the factors of `x[0]*y` are of no use to a matrix product."""
    return factorise(x) if is_op(x, mul, neg, div) else Product(1, {x: 1})


@rule(matmul)
def outer_times_vector(node: Apply) -> Expr | None:
    """outer(a, b) @ v is a*(b @ v)."""
    left, right = node.operands
    if isinstance(left, Apply) and left.op is outer and right.ndim == 1:
        a, b = left.operands
        return (b @ right) * a
    if isinstance(right, Apply) and right.op is outer and left.ndim == 1:
        a, b = right.operands
        return (left @ a) * b
    if isinstance(left, Apply) and left.op is outer and right.ndim == 2:
        a, b = left.operands
        return outer(a, swap(right) @ b)
    if isinstance(right, Apply) and right.op is outer and left.ndim == 2:
        a, b = right.operands
        return outer(left @ a, b)
    return None


@rule(matmul)
def inner_product_order(node: Apply) -> Expr | None:
    """y @ x is x @ y: one order, names first, so that equal inner products are one."""
    left, right = node.operands
    if left.ndim != 1 or right.ndim != 1 or not isinstance(right, Input):
        return None
    if isinstance(left, Input) and left.name <= right.name:
        return None
    return matmul(right, left)


@rule(matmul)
def vector_chain(node: Apply) -> Expr | None:
    """(A @ B) @ v is A @ (B @ v), two matrix-vector products; v @ A is A.T @ v."""
    left, right = node.operands
    if right.ndim == 1 and left.ndim == 2 and isinstance(left, Apply) and left.op is matmul:
        a, b = left.operands
        return a @ (b @ right) if a.ndim == b.ndim == 2 else None  # a stack of matrices by a vector is a matrix too
    if left.ndim == 1 and right.ndim == 2:
        return swap(right) @ left
    return None


@rule(matmul)
def inverse_times_vector(node: Apply) -> Expr | None:
    """inv(A) @ b is solve(A, b), without forming the inverse."""
    left, right = node.operands
    if right.ndim != 1 or left.ndim != 2 or not isinstance(left, Apply):
        return None
    return solve(left.operands[0], right) if left.op is inv else None


@rule(transpose)
def transpose_of_inverse(node: Apply) -> Expr | None:
    """inv(A).T is inv(A.T), so that the transpose meets A, which may be symmetric."""
    (x,) = node.operands
    return inv(swap(x.operands[0])) if isinstance(x, Apply) and x.op is inv and x.ndim == 2 else None


@rule(solve)
def solve_for_identity(node: Apply) -> Expr | None:
    """solve(A, eye(n)) is inv(A)."""
    a, b = node.operands
    return inv(a) if is_op(b, eye) and a.ndim == 2 else None


@rule(matmul)
def inverse_cancels(node: Apply) -> Expr | None:
    """inv(A) @ A is the identity."""
    left, right = node.operands
    if isinstance(left, Apply) and left.op is inv and left.operands[0] is right:
        return eye(node.shape[0]) if node.ndim == 2 else None
    if isinstance(right, Apply) and right.op is inv and right.operands[0] is left:
        return eye(node.shape[0]) if node.ndim == 2 else None
    return None


@rule(trace)
def trace_of_product(node: Apply) -> Expr | None:
    """trace(A @ B) is sum(A*B.T), without the product of the matrices."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not matmul:
        return None
    left, right = x.operands
    if not left.ndim == right.ndim == 2:
        return None
    return sum(swap(left) * right) if is_op(left, transpose) else sum(left * swap(right))


@rule(trace)
def trace_of_kron(node: Apply) -> Expr | None:
    """trace(kron(A, B)) is trace(A)*trace(B) for square A and B."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not kron:
        return None
    a, b = x.operands
    square = a.ndim == b.ndim == 2 and a.shape[0] == a.shape[1] and b.shape[0] == b.shape[1]
    return trace(a) * trace(b) if square else None


@rule(sum)
def sum_of_products(node: Apply) -> Expr | None:
    """sum(x*y) is x @ y for vectors; sum(A*v, axis=1) is A @ v."""
    (x,) = node.operands
    axes = node.parameters(Axes)
    if not isinstance(x, Apply) or x.op is not mul or axes.keepdims or x.ndim > 2:
        return None
    left, right = x.operands
    if x.ndim == 1:
        return left @ right if left.shape == right.shape and left is not right else None
    if axes.axis == 1:
        for a, v in ((left, right), (right, left)):
            if a.shape == x.shape and v.shape == x.shape[1:]:
                return a @ v
    if axes.axis == 0:
        for a, column in ((left, right), (right, left)):
            u = column_vector(column)
            if a.shape == x.shape and u is not None and u.shape == x.shape[:1]:
                return swap(a) @ u
    return None
