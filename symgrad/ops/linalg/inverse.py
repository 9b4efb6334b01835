"""The inverse of a matrix and the solution of a linear system.

Giles, Collected matrix derivative results for forward and reverse mode AD (2008), sections 2.2.3 and 2.3.1.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from symgrad.core.domain import REALS, MatrixDomain
from symgrad.core.expr import Apply, Expr, Structured, lookup
from symgrad.core.numeric import Routine
from symgrad.core.pitfalls import ANYTHING, Lacking, Pitfall
from symgrad.core.properties import Properties, Property
from symgrad.ops.broadcasting import unbroadcast
from symgrad.ops.contraction import as_column, as_row, outer
from symgrad.ops.define import array_op
from symgrad.ops.infer import MULTIPLICATIVE, common
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap


def mp_matrices(function: Callable[..., Any], a: np.ndarray, *others: np.ndarray) -> np.ndarray:
    """Apply an mpmath function of matrices to each matrix of stacks of them; the results are stacked."""
    import mpmath

    batch = np.broadcast_shapes(*(x.shape[:-2] for x in (a, *others)))
    stacks = [np.broadcast_to(x, batch + x.shape[-2:]) for x in (a, *others)]
    results = []
    for position in np.ndindex(*batch):
        result = function(*(mpmath.matrix(x[position].tolist()) for x in stacks))
        results.append(np.array(result.tolist(), dtype=object) if isinstance(result, mpmath.matrix) else result)
    core = np.shape(results[0]) if results else ()
    return np.array(results, dtype=object).reshape(batch + core)


def inv_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return -(node @ first(tangents) @ node)


def inv_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    transposed = swap(node)
    return (-(transposed @ cotangent @ transposed),)


def inv_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.inv(a))


def inv_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    import mpmath

    return mp_matrices(mpmath.inverse, a)


def inv_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    return common(operands) & (MULTIPLICATIVE | {Property.SKEW}) | {Property.INVERTIBLE}


def inv_numeric(node: Apply) -> Routine | None:
    return None if Property.SPD in node.operands[0].properties else Routine("inv")


def inv_by_factor(node: Apply) -> Expr:
    """Of an spd matrix, so that all that needs its Cholesky factor shares it."""
    return lookup("cholesky_inverse")(lookup("cholesky")(node.operands[0]))


INVERTIBLE = MatrixDomain("invertible")
RIDGE = "add a ridge, A + 1e-8*eye(n), use pinv, or remove dependent rows"

inv = array_op(
    "inv",
    doc="The inverse of a square matrix.",
    properties=inv_properties,
    operands=("A",),
    aliases=("inverse",),
    latex="{0}^{{-1}}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(inv_pushforward, inv_pullback),
    numeric=inv_numeric,
    expand=inv_by_factor,
    reference=inv_reference,
    analytic=True,
    mp=inv_mp,
    domain=(INVERTIBLE,),
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.3",),
    sympy="symgrad.ops.sympy_forms:inv",
    pitfalls=(Pitfall((Lacking(INVERTIBLE),), "inverse of a singular matrix", RIDGE),),
)


def solve_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a, _ = node.operands
    a_dot, b_dot = tangents
    if a_dot is None:
        return solve(a, b_dot)
    residual = -(a_dot @ node)
    return solve(a, residual if b_dot is None else b_dot + residual)


def solution_cotangents(node: Apply, cotangent: Expr, solve_transposed: Callable[[Expr], Expr]) -> tuple[Expr, Expr]:
    """Return the cotangents of the matrix and the right-hand side of a linear system with the solution `node`.

    That of the right-hand side solves the transposed system, for a matrix of columns or for one vector.
    """
    a, b = node.operands
    batch = cotangent.ndim - node.ndim
    if b.ndim > 1:
        b_bar = solve_transposed(cotangent)
        return unbroadcast(-(b_bar @ swap(node)), a.shape, batch), unbroadcast(b_bar, b.shape, batch)
    if cotangent.ndim == 1:
        b_bar = solve_transposed(cotangent)
        return -outer(b_bar, node), b_bar
    if cotangent.ndim == 2:  # rows of cotangents: one solve for all of them
        rows = swap(solve_transposed(swap(cotangent)))
        return -(as_column(rows) * node), rows
    # A stack of vectors is solved as a stack of one-column matrices: solve reads (batch, n) as a matrix.
    columns = solve_transposed(as_column(cotangent))
    b_bar = columns[(*[slice(None)] * (columns.ndim - 1), 0)]
    return unbroadcast(-(as_column(b_bar) * as_row(node)), a.shape, batch), unbroadcast(b_bar, b.shape, batch)


def solve_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    return solution_cotangents(node, cotangent, partial(solve, swap(node.operands[0])))


def solve_reference(_node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    if b.ndim == 1:
        return np.asarray(np.linalg.solve(a, b[..., None])[..., 0])
    return np.asarray(np.linalg.solve(a, b))


def solve_mp(_node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    import mpmath

    if b.ndim == 1:
        return solve_mp(_node, _sizes, a, b[..., None])[..., 0]
    # mpmath solves for one column at a time; the inverse at 50 digits and more loses nothing that counts.
    inverse = mp_matrices(mpmath.inverse, a)
    return np.asarray(np.matmul(inverse, b), dtype=object)


def solve_numeric(node: Apply) -> Routine | None:
    known = node.operands[0].properties & {Property.SPD, Property.LOWER, Property.UPPER}
    return None if known else Routine("solve")


def solve_with_structure(node: Apply) -> Expr:
    """By substitution for a triangular matrix, by the Cholesky factor, which others may share, for an spd one."""
    a, b = node.operands
    if a.properties & {Property.LOWER, Property.UPPER}:
        return lookup("solve_triangular")(a, b, lower=Property.LOWER in a.properties)
    return lookup("cholesky_solve")(lookup("cholesky")(a), b)


solve = array_op(
    "solve",
    doc="The solution x of A @ x = b; b is a vector or a matrix of columns.",
    operands=("A", "b"),
    latex=r"{0}^{{-1}} {1}",
    signature="(n,n),(n)->(n) | ...(n,n),(n,k)->(n,k)",
    derivative=Structured(solve_pushforward, solve_pullback),
    numeric=solve_numeric,
    expand=solve_with_structure,
    reference=solve_reference,
    analytic=True,
    mp=solve_mp,
    domain=(INVERTIBLE, REALS),
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.3.1",),
    sympy="symgrad.ops.sympy_forms:solve",
    pitfalls=(Pitfall((Lacking(INVERTIBLE), ANYTHING), "linear system with a singular matrix", RIDGE),),
)
