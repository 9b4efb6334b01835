"""One factorisation of a matrix, from which kernels read its inverse, solutions and determinant.

`factored(A)` has n + 2 rows: the factors, a row of signs and LAPACK's pivots. A kernel decides when it runs, as the
backslash of MATLAB does: a symmetric matrix with a positive diagonal is tried by Cholesky, any other one by LU. Row n
says which: 0 in it means A = L @ L.T, with L in the lower triangle. Otherwise A = L @ U @ P.T with ones on the diagonal
of U, the two triangles in the first n rows; a sign is -1 where P exchanges two rows, else 1. Row n + 1 is for LAPACK
alone. `lowering/factors` puts these ops in the place of those that people write.
"""

from __future__ import annotations

from functools import partial

import numpy as np

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, NotDifferentiable, OpDef
from symgrad.core.indexing import FULL, Cut, Item, Pick
from symgrad.core.numeric import Routine
from symgrad.ops.broadcasting import sum
from symgrad.ops.exponential import log
from symgrad.ops.linalg.determinant import det, logdet, sign_det
from symgrad.ops.linalg.inverse import inv, solve
from symgrad.ops.linalg.triangular import substitute
from symgrad.ops.piecewise import absolute, equal, sign, where
from symgrad.ops.reduction import prod
from symgrad.ops.shaping import Sizes, diagonal, swap

NO_DERIVATIVE = NotDifferentiable("it is how kernels compute inv, solve and det, which have one")


def part(packed: Expr, item: Item) -> Expr:
    """Return some rows of a packed result."""
    return packed[(*[FULL] * (packed.ndim - 2), item)]


# --- the factors -----------------------------------------------------------------------------------------------------


def factored_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    (shape,) = shapes
    return (*shape[:-2], shape[-1] + 2, shape[-1])


def factored_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    """By elimination with the largest pivot of each row; row n + 1 says which it was. Works on mpmath numbers."""
    n = a.shape[-1]
    packed = np.concatenate([a, np.ones_like(a, shape=(*a.shape[:-2], 2, n))], axis=-2)
    for position in np.ndindex(a.shape[:-2]):
        factors, signs, pivots = packed[position][:n], packed[position][n], packed[position][n + 1]
        for i in range(n):
            pivot = i + int(np.argmax(abs(factors[i, i:])))
            factors[:, [i, pivot]] = factors[:, [pivot, i]]
            signs[i], pivots[i] = 1 if pivot == i else -1, pivot
            if factors[i, i] != 0:
                factors[i, i + 1 :] /= factors[i, i]
            factors[i + 1 :, i + 1 :] -= np.outer(factors[i + 1 :, i], factors[i, i + 1 :])
    return packed


factored = OpDef(  # only kernels use it and what reads it, so they are not in the registry
    name="factored",
    doc="The factors of a square matrix, with a row of signs and one of pivots below them.",
    operand_names=("A",),
    shape=factored_shape,
    derivative=NO_DERIVATIVE,
    numeric=Routine("factored"),
    reference=factored_reference,
)


# --- solutions and the inverse ---------------------------------------------------------------------------------------


def solved(packed: np.ndarray, b: np.ndarray, transposed: bool) -> np.ndarray:
    """Solve with one matrix, from the factors that the reference makes."""
    n = packed.shape[-1]
    lower, upper = np.tril(packed[:n]), np.triu(packed[:n], 1) + np.eye(n, dtype=packed.dtype)
    exchanges = list(enumerate(packed[n + 1].astype(int)))
    if not transposed:
        x = substitute(upper, substitute(lower, b, lower=True), lower=False)
        for i, pivot in reversed(exchanges):
            x[[i, pivot]] = x[[pivot, i]]
        return x
    x = b.copy()
    for i, pivot in exchanges:
        x[[i, pivot]] = x[[pivot, i]]
    return substitute(lower.T, substitute(upper.T, x, lower=True), lower=False)


def solution_reference(
    transposed: bool, node: Apply, sizes: Sizes, packed: np.ndarray, b: np.ndarray
) -> np.ndarray:  # fmt: skip
    if b.ndim == 1:
        return solution_reference(transposed, node, sizes, packed, b[:, None])[..., 0]
    batch = np.broadcast_shapes(packed.shape[:-2], b.shape[:-2])
    result = np.array(np.broadcast_to(b, batch + b.shape[-2:]))
    packed = np.broadcast_to(packed, batch + packed.shape[-2:])
    for position in np.ndindex(*batch):
        result[position] = solved(packed[position], result[position], transposed)
    return result


def solution_op(name: str, doc: str, transposed: bool) -> OpDef:
    return OpDef(
        name=name,
        doc=doc,
        operand_names=("packed", "b"),
        signature="(m,n),(n)->(n) | ...(m,n),(n,k)->(n,k)",
        derivative=NO_DERIVATIVE,
        numeric=Routine(name),
        reference=partial(solution_reference, transposed),
    )


factored_solve = solution_op("factored_solve", "The solution x of A @ x = b from factored(A).", False)
factored_solve_transposed = solution_op(
    "factored_solve_transposed", "The solution x of A.T @ x = b from factored(A).", True
)


def inverse_reference(node: Apply, sizes: Sizes, packed: np.ndarray) -> np.ndarray:
    return solution_reference(False, node, sizes, packed, np.eye(packed.shape[-1], dtype=packed.dtype))


factored_inverse = OpDef(
    name="factored_inverse",
    doc="The inverse of A from factored(A).",
    operand_names=("packed",),
    signature="...(m,n)->(n,n)",
    derivative=NO_DERIVATIVE,
    numeric=Routine("factored_inverse"),
    reference=inverse_reference,
)


# --- what kernels compute instead ------------------------------------------------------------------------------------


def read_solution(node: Apply, packed: Expr, transposed: bool) -> Expr:
    return (factored_solve_transposed if transposed else factored_solve)(packed, node.operands[1])


def read_inverse(_node: Apply, packed: Expr, transposed: bool) -> Expr:
    inverse = factored_inverse(packed)
    return swap(inverse) if transposed else inverse


def diagonal_and_signs(packed: Expr) -> tuple[Expr, Expr]:
    n = packed.shape[-1]
    return diagonal(part(packed, Cut(None, n))), part(packed, Pick(n))


def read_det(_node: Apply, packed: Expr, _transposed: bool) -> Expr:
    entries, signs = diagonal_and_signs(packed)
    return prod(entries * where(equal(signs, 0), entries, signs), axis=-1)


def read_logdet(_node: Apply, packed: Expr, _transposed: bool) -> Expr:
    entries, signs = diagonal_and_signs(packed)
    return sum(log(absolute(entries)) * where(equal(signs, 0), 2, 1), axis=-1)


def read_sign_det(_node: Apply, packed: Expr, _transposed: bool) -> Expr:
    entries, signs = diagonal_and_signs(packed)
    return prod(where(equal(signs, 0), 1, signs * sign(entries)), axis=-1)


READERS = {inv: read_inverse, solve: read_solution, det: read_det, logdet: read_logdet, sign_det: read_sign_det}
