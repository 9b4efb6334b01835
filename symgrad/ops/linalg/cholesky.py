"""The Cholesky factor of a symmetric positive definite matrix.

Murray, Differentiation of the Cholesky decomposition (2016), https://arxiv.org/abs/1602.07527, equations 8 and 9.
Only the symmetric part of the operand counts: the factor is that of (A + A.T)/2, so the derivative with respect to A
is symmetric and every entry of A may be perturbed freely.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.numeric import Routine
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.linalg.inverse import mp_matrices, solve
from symgrad.ops.linalg.triangle import tril
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap


def lower_half(x: Expr) -> Expr:
    """Return the lower triangle with half the diagonal, Murray's Phi."""
    return tril(x) - x * eye(x.shape[-1]) / 2


def cholesky_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a_dot = first(tangents)
    symmetric = (a_dot + swap(a_dot)) / 2
    whitened = solve(node, swap(solve(node, symmetric)))  # L^-1 A_dot L^-T
    return node @ lower_half(whitened)


def cholesky_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    upper = swap(node)
    middle = lower_half(upper @ cotangent)
    symmetric = (middle + swap(middle)) / 2
    return (solve(upper, swap(solve(upper, symmetric))),)  # L^-T S L^-1


def cholesky_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.cholesky((a + np.swapaxes(a, -1, -2)) / 2))


def factor_mp(a: Any) -> Any:
    import mpmath

    return mpmath.cholesky((a + a.T) / 2)


def cholesky_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(factor_mp, a)


cholesky = array_op(
    "cholesky",
    doc="The lower triangular L with L @ L.T = (A + A.T)/2.",
    operands=("A",),
    aliases=("chol",),
    latex=r"\operatorname{chol}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(cholesky_pushforward, cholesky_pullback),
    numeric=Routine("cholesky"),
    reference=cholesky_reference,
    mp=cholesky_mp,
    domain=(MatrixDomain("spd"),),
    references=("Murray, Differentiation of the Cholesky decomposition (2016), arXiv:1602.07527, equations 8 and 9",),
)
