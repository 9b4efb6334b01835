"""Rules that read what is known of an operand: symmetric, orthogonal, diagonal, positive, ..."""

from __future__ import annotations

from symgrad.core.expr import Apply, Expr, Literal
from symgrad.core.properties import Property
from symgrad.ops.arithmetic import ONE, add, sub
from symgrad.ops.broadcasting import Axes, sum
from symgrad.ops.constants import eye, ones
from symgrad.ops.contraction import as_column, is_transpose, matmul, trace
from symgrad.ops.exponential import log, sqrt
from symgrad.ops.linalg.determinant import det, logdet
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.triangle import tril, triu
from symgrad.ops.piecewise import ZERO, absolute, maximum, relu, sign
from symgrad.ops.power import power
from symgrad.ops.reduction import norm, norm1, prod
from symgrad.ops.shaping import Permutation, diag, diagonal, swap, transpose
from symgrad.simplify.engine import rule
from symgrad.simplify.normal import Product, build_product, factorise
from symgrad.simplify.shapes import fit


def _is(x: Expr, found: Property) -> bool:
    return found in x.properties


def _swaps_last_axes(node: Apply) -> bool:
    rank = node.ndim
    return node.parameters(Permutation).order(rank) == (*range(rank - 2), rank - 1, rank - 2)


# --- entries ---------------------------------------------------------------------------------------------------------


@rule(absolute, relu)
def nonnegative_part(node: Apply) -> Expr | None:
    """abs(x) and relu(x) are x where x >= 0."""
    (x,) = node.operands
    return x if _is(x, Property.NONNEGATIVE) else None


@rule(maximum)
def maximum_with_zero(node: Apply) -> Expr | None:
    """maximum(x, 0) is x where x >= 0."""
    for x, other in (node.operands, node.operands[::-1]):
        if other is ZERO and _is(x, Property.NONNEGATIVE) and x.shape == node.shape:
            return x
    return None


@rule(sign)
def sign_of_positive(node: Apply) -> Expr | None:
    """sign(x) is 1 where x > 0."""
    return fit(ONE, node.shape) if _is(node.operands[0], Property.POSITIVE) else None


@rule(sqrt)
def root_of_square(node: Apply) -> Expr | None:
    """sqrt(x**2) is x where x >= 0."""
    (square,) = node.operands
    if not isinstance(square, Apply) or square.op is not power:
        return None
    x, exponent = square.operands
    two = isinstance(exponent, Literal) and exponent.value == 2
    return x if two and _is(x, Property.NONNEGATIVE) else None


@rule(log)
def log_of_power(node: Apply) -> Expr | None:
    """log(x**p) is p*log(x) where x > 0."""
    (inner,) = node.operands
    if not isinstance(inner, Apply) or inner.op is not power:
        return None
    x, p = inner.operands
    return p * log(x) if _is(x, Property.POSITIVE) and x.shape == inner.shape else None


@rule(norm1)
def norm1_of_nonnegative(node: Apply) -> Expr | None:
    """norm1(x) is sum(x) where x >= 0."""
    (x,) = node.operands
    return sum(x) if _is(x, Property.NONNEGATIVE) else None


# --- vectors ---------------------------------------------------------------------------------------------------------


@rule(sum)
def sum_of_shares(node: Apply) -> Expr | None:
    """The entries of a vector of shares sum to 1."""
    (x,) = node.operands
    params = node.parameters(Axes)
    if not _is(x, Property.SIMPLEX) or params.reduced(x.ndim) != (x.ndim - 1,):
        return None
    return fit(ONE, node.shape)


@rule(norm)
def length_of_unit(node: Apply) -> Expr | None:
    """norm(u) is 1 for a unit vector, and rotations keep lengths."""
    (x,) = node.operands
    if x.ndim == 1 and _is(x, Property.UNIT):
        return ONE
    if isinstance(x, Apply) and x.op is matmul and x.ndim <= 2:
        left, right = x.operands
        if _is(left, Property.ORTHOGONAL) and left.ndim == 2:
            return norm(right)
        if _is(right, Property.ORTHOGONAL) and right.ndim == 2 and left.ndim == 2:
            return norm(left)
    return None


@rule(matmul)
def square_of_unit(node: Apply) -> Expr | None:
    """u @ u is 1 for a unit vector; x @ K @ x is 0 for a skew K."""
    left, right = node.operands
    if node.ndim:
        return None
    if left is right and _is(left, Property.UNIT):
        return ONE
    for x, product in ((left, right), (right, left)):
        if isinstance(product, Apply) and product.op is matmul and x in product.operands:
            others = [matrix for matrix in product.operands if matrix is not x]
            if any(_is(matrix, Property.SKEW) for matrix in others):
                return ZERO
    return None


# --- matrices --------------------------------------------------------------------------------------------------------


@rule(transpose)
def transpose_of_symmetric(node: Apply) -> Expr | None:
    """A.T is A for a symmetric A, -A for a skew one."""
    (x,) = node.operands
    if x.ndim < 2 or not _swaps_last_axes(node):
        return None
    if _is(x, Property.SYMMETRIC):
        return x
    return -x if _is(x, Property.SKEW) else None


@rule(tril, triu)
def triangle_of_triangular(node: Apply) -> Expr | None:
    """tril(L) is L for a lower triangular L, diag(diagonal(U)) for an upper triangular U; so is triu the other way."""
    (x,) = node.operands
    same, other = (Property.LOWER, Property.UPPER) if node.op is tril else (Property.UPPER, Property.LOWER)
    if _is(x, same):
        return x
    return diag(diagonal(x)) if _is(x, other) and x.ndim == 2 else None


@rule(tril, triu)
def triangle_of_sum(node: Apply) -> Expr | None:
    """tril(s*X + L) is s*tril(X) + L for a lower triangular L."""
    (x,) = node.operands
    if not isinstance(x, Apply):
        return None
    same = Property.LOWER if node.op is tril else Property.UPPER
    if x.op in (add, sub) and any(_is(term, same) and term.shape == x.shape for term in x.operands):
        return x.op(*(node.op(fit(term, x.shape)) for term in x.operands))
    product = factorise(x)
    scalars = {b: e for b, e in product.powers.items() if not b.ndim}
    if not scalars and product.coefficient == 1:
        return None
    rest = build_product(Product(1, {b: e for b, e in product.powers.items() if b.ndim}), x.shape)
    return build_product(Product(product.coefficient, scalars), ()) * node.op(rest)


@rule(trace, diagonal)
def diagonal_of_skew(node: Apply) -> Expr | None:
    """The diagonal of a skew matrix is 0."""
    return fit(ZERO, node.shape) if _is(node.operands[0], Property.SKEW) else None


@rule(diag)
def diagonal_of_diagonal(node: Apply) -> Expr | None:
    """diag(diagonal(D)) is D for a diagonal matrix D."""
    (x,) = node.operands
    if not isinstance(x, Apply) or x.op is not diagonal:
        return None
    return x.operands[0] if _is(x.operands[0], Property.DIAGONAL) else None


@rule(matmul)
def product_with_diagonal(node: Apply) -> Expr | None:
    """D @ X scales the rows of X by the diagonal of D, X @ D its columns."""
    left, right = node.operands
    if left.ndim == 2 and _is(left, Property.DIAGONAL) and left.shape[0] != 1:
        return diagonal(left) * right if right.ndim == 1 else _scaled_rows(left, right)
    if right.ndim == 2 and _is(right, Property.DIAGONAL) and left.ndim == 2 and right.shape[0] != 1:
        return left * diagonal(right)
    return None


def _scaled_rows(left: Expr, right: Expr) -> Expr | None:
    return as_column(diagonal(left)) * right if right.ndim == 2 else None


@rule(matmul)
def rotation_cancels(node: Apply) -> Expr | None:
    """Q.T @ Q and Q @ Q.T are the identity; Q.T @ (Q @ x) is x."""
    left, right = node.operands
    if left.ndim != 2 or not _is(left, Property.ORTHOGONAL):
        return None
    if right.ndim == 2 and is_transpose(left, right):
        return eye(node.shape[0])
    if isinstance(right, Apply) and right.op is matmul and right.operands[0].ndim == 2:
        inner, x = right.operands
        return x if is_transpose(left, inner) else None
    return None


@rule(matmul)
def rotation_cancels_behind(node: Apply) -> Expr | None:
    """(X @ Q) @ Q.T is X."""
    left, right = node.operands
    if right.ndim != 2 or not _is(right, Property.ORTHOGONAL):
        return None
    if isinstance(left, Apply) and left.op is matmul and left.operands[1].ndim == 2 and left.operands[0].ndim == 2:
        x, inner = left.operands
        return x if is_transpose(inner, right) else None
    return None


@rule(inv)
def inverse_of_structured(node: Apply) -> Expr | None:
    """inv(Q) is Q.T for an orthogonal Q, inv(D) is diag(1/diagonal(D)) for a diagonal D."""
    (x,) = node.operands
    if _is(x, Property.ORTHOGONAL):
        return swap(x)
    return diag(1 / diagonal(x)) if _is(x, Property.DIAGONAL) and x.ndim == 2 else None


@rule(solve)
def solution_with_structure(node: Apply) -> Expr | None:
    """solve(Q, b) is Q.T @ b for an orthogonal Q, solve(D, b) is b/diagonal(D) for a diagonal D."""
    a, b = node.operands
    if a.ndim != 2 or b.ndim > 2:
        return None
    if _is(a, Property.ORTHOGONAL):
        return swap(a) @ b
    if not _is(a, Property.DIAGONAL):
        return None
    return b / diagonal(a) if b.ndim == 1 else b / as_column(diagonal(a))


@rule(det)
def det_of_triangular(node: Apply) -> Expr | None:
    """det(L) is the product of the diagonal of a triangular L."""
    (x,) = node.operands
    return prod(diagonal(x), axis=-1) if _is(x, Property.LOWER) or _is(x, Property.UPPER) else None


@rule(logdet)
def logdet_of_structured(node: Apply) -> Expr | None:
    """logdet(Q) is 0 for an orthogonal Q, and sum(log(abs(diagonal(L)))) for a triangular L."""
    (x,) = node.operands
    if _is(x, Property.ORTHOGONAL):
        return fit(ZERO, node.shape)
    triangular = _is(x, Property.LOWER) or _is(x, Property.UPPER)
    return sum(log(absolute(diagonal(x))), axis=-1) if triangular else None


@rule(prod)
def product_of_ones(node: Apply) -> Expr | None:
    """The product of ones is 1."""
    (x,) = node.operands
    return fit(ONE, node.shape) if isinstance(x, Apply) and x.op is ones else None
