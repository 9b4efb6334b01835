"""Rules about matrix products and inverses."""

from __future__ import annotations

from functools import reduce
from operator import add as plus
from operator import mul as times

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, Input, Literal
from symgrad.ops.arithmetic import ONE, add, div, mul, neg, sub
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.constants import eye, ones
from symgrad.ops.contraction import as_column, matmul, outer, trace
from symgrad.ops.linalg.cholesky import cholesky_solve
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.matrixexp import expm, expm_frechet
from symgrad.ops.linalg.products import kron
from symgrad.ops.linalg.triangular import solve_triangular
from symgrad.ops.shaping import diag, diagonal, swap, transpose
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, Term, build_product, build_sum, collect, common_number, factorise, negated
from symgrad.simplify.shapes import column_vector, fit, is_op, is_zero

_SECOND = (solve, solve_triangular, cholesky_solve, expm_frechet)  # linear in their second operand alone


@rule(matmul, outer, *_SECOND)
def product_with_zero(node: Apply) -> Expr | None:
    """A product with zeros gives zeros."""
    relevant = node.operands[1:] if node.op in _SECOND else node.operands
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


@rule(matmul, outer, *_SECOND)
def scalars_first(node: Apply) -> Expr | None:
    """(s*A) @ (t*B) is s*t*(A @ B): numbers are multiplied once."""
    a, b = node.operands
    left, right = (Product(1, {a: 1}) if node.op in _SECOND else _scaled(a)), _scaled(b)
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
    if is_op(x, add, sub):
        number, bare = common_number(x)
        return Product(number, {bare: 1})
    return factorise(x) if is_op(x, mul, neg, div) else Product(1, {x: 1})


@rule(matmul)
def structured_sum_times(node: Apply) -> Expr | None:
    """(diag(p) - outer(p, p)) @ v is p*v - p*(p @ v): sums of such matrices are not formed."""
    left, right = node.operands
    if max(left.ndim, right.ndim) > 2:
        return None
    for x in node.operands:
        if x.ndim != 2 or not is_op(x, add, sub):
            continue
        parts = [_structured(term, x.shape) for term in collect(x).values()]
        found = [part for part in parts if part is not None]
        if len(found) == len(parts):
            return reduce(plus, [s * (m @ right if x is left else left @ m) for s, m in found])
    return None


@rule(matmul)
def rank_one_times(node: Apply) -> Expr | None:
    """(u[:, None]*v) @ X is outer(u, X.T @ v), and X @ (u[:, None]*v) is outer(X @ u, v)."""
    left, right = node.operands
    if max(left.ndim, right.ndim) > 2:
        return None
    for x in node.operands:
        if x.ndim != 2 or not is_op(x, mul):
            continue
        ((term),) = collect(x).values() or (None,)
        part = None if term is None else _structured(term, x.shape)
        if part is not None:
            return part[0] * (part[1] @ right if x is left else left @ part[1])
    return None


def _structured(term: Term, shape: Shape) -> tuple[Expr, Expr] | None:
    """Return (s, M) where the term is s*M for an identity, a diagonal matrix or an outer product M."""
    scalars = build_product(Product(term.coefficient, {b: e for b, e in term.powers.items() if not b.ndim}), ())
    arrays = {base: e for base, e in term.powers.items() if base.ndim}
    if len(arrays) == 1:
        ((base, exponent),) = arrays.items()
        known = exponent == 1 and base.shape == shape and is_op(base, eye, diag, outer)
        return (scalars, base) if known else None
    columns = {v: e for base, e in arrays.items() if (v := column_vector(base)) is not None and v.shape == shape[:1]}
    rows = {base: e for base, e in arrays.items() if base.shape == shape[1:]}
    if not rows or not columns or len(columns) + len(rows) < len(arrays):
        return None
    u, v = (build_product(Product(1, powers), (n,)) for powers, n in ((columns, shape[0]), (rows, shape[1])))
    return scalars, outer(u, v)


@rule(outer)
def outer_with_ones(node: Apply) -> Expr | None:
    """outer(u, ones(n)) repeats the column u, outer(ones(m), v) the row v."""
    u, v = node.operands
    if is_op(v, ones):
        return fit(as_column(u), node.shape)
    return fit(v, node.shape) if is_op(u, ones) else None


@rule(outer)
def outer_of_opposites(node: Apply) -> Expr | None:
    """outer(a - b, b - a) is -outer(a - b, a - b)."""
    a, b = node.operands
    return -outer(b, b) if is_op(a, add, sub) and is_op(b, add, sub) and negated(a) is b else None


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
    if right.ndim == 1 and is_op(left, matmul) and all(x.ndim == 2 for x in left.operands):
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


@rule(expm_frechet)
def derivative_along_identity(node: Apply) -> Expr | None:
    """expm_frechet(A, eye(n)) is expm(A)."""
    a, e = node.operands
    return expm(a) if is_op(e, eye) and a.ndim == 2 else None


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


@rule(diagonal)
def diagonal_of_rank_one(node: Apply) -> Expr | None:
    """diagonal(u[:, None]*v) is u*v."""
    (x,) = node.operands
    if not is_op(x, mul) or x.ndim != 2:
        return None
    terms = list(collect(x).values())
    part = _structured(terms[0], x.shape) if len(terms) == 1 else None
    return part[0] * diagonal(part[1]) if part is not None else None


@rule(sum)
def trace_of_structured_sum(node: Apply) -> Expr | None:
    """The trace of outer(u, v) - A is u @ v - trace(A), without the matrix outer(u, v)."""
    (x,) = node.operands
    if node.ndim or not is_op(x, diagonal) or x.ndim != 1 or not is_op(x.operands[0], add, sub):
        return None
    matrix = x.operands[0]
    terms = list(collect(matrix).values())
    if all(_structured(term, matrix.shape) is None for term in terms):
        return None
    return reduce(plus, [sum(diagonal(fit(build_sum([term], matrix.shape), matrix.shape))) for term in terms])


@rule(diagonal)
def diagonal_of_product(node: Apply) -> Expr | None:
    """diagonal(A @ B) is sum(A*B.T, axis=1), without the product of the matrices."""
    (x,) = node.operands
    if not is_op(x, matmul) or not all(y.ndim == 2 for y in x.operands):
        return None
    left, right = x.operands
    return sum(left * swap(right), axis=1)


@rule(sum)
def sum_of_kron(node: Apply) -> Expr | None:
    """sum(kron(A, B)) is sum(A)*sum(B)."""
    (x,) = node.operands
    return sum(x.operands[0]) * sum(x.operands[1]) if is_op(x, kron) and not node.ndim else None


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
    """sum(x*y) is x @ y for vectors; sum(A*v, axis=1) is A @ v; sum(A*v, axis=0) is sum(A, axis=0)*v."""
    (x,) = node.operands
    axes = node.parameters(Axes)
    if not isinstance(x, Apply) or x.op is not mul or x.ndim > 2:
        return None
    left, right = x.operands
    if axes.keepdims:
        return _column_of_products(left, right) if x.ndim == 2 and axes.axis == 1 else None
    if x.ndim == 1:
        return left @ right if left.shape == right.shape and left is not right else None
    for a, constant in ((left, right), (right, left)):
        if axes.axis == 0 and a.shape == x.shape and constant.shape == x.shape[1:]:
            return sum(a, axis=0) * constant
        u = column_vector(constant) if axes.axis == 1 else None
        if a.shape == x.shape and u is not None and u.shape == x.shape[:1]:
            return sum(a, axis=1) * u
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


def _column_of_products(left: Expr, right: Expr) -> Expr | None:
    """Return (A @ v)[:, None] for sum(A*v, axis=1, keepdims=True)."""
    for a, v in ((left, right), (right, left)):
        if a.ndim == 2 and v.shape == a.shape[1:] and a.shape[0] != 1:
            return as_column(a @ v)
    return None
