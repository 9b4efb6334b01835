"""Linear systems with a triangular matrix.

Giles, Collected matrix derivative results for forward and reverse mode AD (2008), section 2.3.1, restricted to the
triangle that counts: the other one is not read, and its derivative is zero.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from symgrad.core.domain import REALS, MatrixDomain
from symgrad.core.expr import Apply, Expr, Parameter, ParameterKind, Structured
from symgrad.core.numeric import Routine
from symgrad.core.pitfalls import ANYTHING, Lacking, Pitfall
from symgrad.errors import OperandError
from symgrad.ops.define import array_op
from symgrad.ops.linalg.inverse import solution_cotangents
from symgrad.ops.linalg.triangle import tril, triu
from symgrad.ops.shaping import Sizes, swap

TRIANGULAR = MatrixDomain("nonzero diagonal")


@dataclass(frozen=True, slots=True)
class Triangle:
    """Which triangle of the matrix counts."""

    lower: bool = True

    def of(self, x: Expr) -> Expr:
        return tril(x) if self.lower else triu(x)


def prepare_triangle(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Triangle:
    lower = given.get("lower", True)
    if not isinstance(lower, bool):
        raise OperandError(f"lower is True or False, not {lower!r}")
    return Triangle(lower)


def triangular_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a, _ = node.operands
    a_dot, b_dot = tangents
    triangle = node.parameters(Triangle)
    if a_dot is None:
        return solve_triangular(a, b_dot, lower=triangle.lower)
    residual = -(triangle.of(a_dot) @ node)
    return solve_triangular(a, residual if b_dot is None else b_dot + residual, lower=triangle.lower)


def triangular_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    triangle = node.parameters(Triangle)
    solve_transposed = partial(solve_triangular, swap(node.operands[0]), lower=not triangle.lower)
    a_bar, b_bar = solution_cotangents(node, cotangent, solve_transposed)
    return triangle.of(a_bar), b_bar


def triangular_numeric(node: Apply) -> Routine:
    return Routine("solve_lower" if node.parameters(Triangle).lower else "solve_upper")


def triangular_reference(node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.solve(np.tril(a) if node.parameters(Triangle).lower else np.triu(a), b))


def substitute(a: np.ndarray, b: np.ndarray, lower: bool) -> np.ndarray:
    """Solve by substitution, row by row from the row of one entry; works on mpmath numbers."""
    if b.ndim == 1:
        return substitute(a, b[:, None], lower)[..., 0]
    n = a.shape[-1]
    rows: dict[int, np.ndarray] = {}
    for i in range(n) if lower else reversed(range(n)):
        row = b[..., i, :]
        for j, known in rows.items():
            row = row - a[..., i, j, None] * known
        rows[i] = row / a[..., i, i, None]
    if not rows:
        return np.zeros(b.shape, dtype=object)
    return np.stack([rows[i] for i in range(n)], axis=-2)


def triangular_mp(node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return substitute(a, b, node.parameters(Triangle).lower)


solve_triangular = array_op(
    "solve_triangular",
    doc="The solution x of A @ x = b for a lower (or upper) triangular A; the other triangle does not count.",
    operands=("A", "b"),
    signature="(n,n),(n)->(n) | ...(n,n),(n,k)->(n,k)",
    parameters=(Parameter("lower", ParameterKind.FLAG, True),),
    prepare=prepare_triangle,
    derivative=Structured(triangular_pushforward, triangular_pullback),
    numeric=triangular_numeric,
    reference=triangular_reference,
    mp=triangular_mp,
    domain=(TRIANGULAR, REALS),
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.3.1",),
    pitfalls=(
        Pitfall(
            (Lacking(TRIANGULAR), ANYTHING), "triangular system with 0 on the diagonal", "add a ridge to the diagonal"
        ),
    ),
)
