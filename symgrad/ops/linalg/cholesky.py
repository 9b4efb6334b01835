"""The Cholesky factor of a symmetric positive definite matrix, and what is computed from a factor.

Murray, Differentiation of the Cholesky decomposition (2016), https://arxiv.org/abs/1602.07527, equations 8 and 9.
Only the symmetric part of the operand counts: the factor is that of (A + A.T)/2, so the derivative with respect to A
is symmetric and every entry of A may be perturbed freely.
"""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from symgrad.core.domain import REALS, MatrixDomain
from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.numeric import Routine
from symgrad.core.pitfalls import Lacking, Pitfall
from symgrad.core.properties import Property
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.infer import Always
from symgrad.ops.linalg.inverse import mp_matrices, solution_cotangents
from symgrad.ops.linalg.triangle import tril
from symgrad.ops.linalg.triangular import TRIANGULAR, solve_triangular, substitute
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap


def lower_half(x: Expr) -> Expr:
    """Return the lower triangle with half the diagonal, Murray's Phi."""
    return tril(x) - x * eye(x.shape[-1]) / 2


def cholesky_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a_dot = first(tangents)
    symmetric = (a_dot + swap(a_dot)) / 2
    whitened = solve_triangular(node, swap(solve_triangular(node, symmetric)))  # L^-1 A_dot L^-T
    return node @ lower_half(whitened)


def cholesky_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    upper = swap(node)
    middle = lower_half(upper @ cotangent)
    symmetric = (middle + swap(middle)) / 2
    half = solve_triangular(upper, symmetric, lower=False)
    return (solve_triangular(upper, swap(half), lower=False),)  # L^-T S L^-1


def cholesky_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.cholesky((a + np.swapaxes(a, -1, -2)) / 2))


def factor_mp(a: Any) -> Any:
    import mpmath

    return mpmath.cholesky((a + a.T) / 2)


def cholesky_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(factor_mp, a)


DEFINITE = MatrixDomain("spd")

cholesky = array_op(
    "cholesky",
    doc="The lower triangular L with L @ L.T = (A + A.T)/2.",
    properties=Always(frozenset({Property.LOWER, Property.INVERTIBLE})),
    operands=("A",),
    aliases=("chol",),
    latex=r"\operatorname{chol}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(cholesky_pushforward, cholesky_pullback),
    numeric=Routine("cholesky"),
    reference=cholesky_reference,
    mp=cholesky_mp,
    domain=(DEFINITE,),
    references=("Murray, Differentiation of the Cholesky decomposition (2016), arXiv:1602.07527, equations 8 and 9",),
    pitfalls=(
        Pitfall(
            (Lacking(DEFINITE),),
            "Cholesky of a matrix that is not positive definite",
            "add a ridge, A + 1e-8*eye(n), and see that A is symmetric",
        ),
    ),
)


# --- from a factor ---------------------------------------------------------------------------------------------------


def cholesky_solve_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    """The rule of a linear system whose matrix has the tangent L_dot L' + L L_dot'."""
    factor, _ = node.operands
    factor_dot, b_dot = tangents
    if factor_dot is None:
        return cholesky_solve(factor, b_dot)
    lower = tril(factor_dot)
    known = tril(factor)
    residual = -(lower @ (swap(known) @ node) + known @ (swap(lower) @ node))
    return cholesky_solve(factor, residual if b_dot is None else b_dot + residual)


def cholesky_solve_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    factor, _ = node.operands
    a_bar, b_bar = solution_cotangents(node, cotangent, partial(cholesky_solve, factor))
    return tril((a_bar + swap(a_bar)) @ tril(factor)), b_bar


def cholesky_solve_reference(_node: Apply, _sizes: Sizes, factor: np.ndarray, b: np.ndarray) -> np.ndarray:
    lower = np.tril(factor)
    upper = np.swapaxes(lower, -1, -2)
    return np.asarray(np.linalg.solve(upper, np.linalg.solve(lower, b)))


def cholesky_solve_mp(_node: Apply, _sizes: Sizes, factor: np.ndarray, b: np.ndarray) -> np.ndarray:
    return substitute(np.swapaxes(factor, -1, -2), substitute(factor, b, lower=True), lower=False)


cholesky_solve = array_op(
    "cholesky_solve",
    doc="The solution x of L @ L.T @ x = b for a lower triangular L; what is above its diagonal does not count.",
    operands=("L", "b"),
    aliases=("cho_solve",),
    latex=r"\left( {0} {0}^{{\top}} \right)^{{-1}} {1}",
    signature="(n,n),(n)->(n) | ...(n,n),(n,k)->(n,k)",
    derivative=Structured(cholesky_solve_pushforward, cholesky_solve_pullback),
    numeric=Routine("cholesky_solve"),
    reference=cholesky_solve_reference,
    mp=cholesky_solve_mp,
    domain=(TRIANGULAR, REALS),
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.2 and 2.3.1",),
)


def cholesky_inverse_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    """-K (L_dot L' + L L_dot') K, where K L is inv(L)'."""
    (factor,) = node.operands
    half = solve_triangular(swap(factor), swap(tril(first(tangents))) @ node, lower=False)
    return -(half + swap(half))


def cholesky_inverse_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """-tril(K (K_bar + K_bar') K L), where K L is inv(L)'."""
    (factor,) = node.operands
    both = cotangent + swap(cotangent)
    return (-tril(node @ swap(solve_triangular(factor, both))),)


def cholesky_inverse_reference(_node: Apply, _sizes: Sizes, factor: np.ndarray) -> np.ndarray:
    inverse = np.linalg.inv(np.tril(factor))
    return np.asarray(np.matmul(np.swapaxes(inverse, -1, -2), inverse))


def cholesky_inverse_mp(_node: Apply, _sizes: Sizes, factor: np.ndarray) -> np.ndarray:
    import mpmath

    identity = np.array(mpmath.eye(factor.shape[-1]).tolist(), dtype=object)
    inverse = substitute(factor, identity, lower=True)
    return np.asarray(np.matmul(np.swapaxes(inverse, -1, -2), inverse), dtype=object)


cholesky_inverse = array_op(
    "cholesky_inverse",
    doc="The inverse of L @ L.T for a lower triangular L; what is above its diagonal does not count.",
    properties=Always(frozenset({Property.SPD})),
    operands=("L",),
    latex=r"\left( {0} {0}^{{\top}} \right)^{{-1}}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(cholesky_inverse_pushforward, cholesky_inverse_pullback),
    numeric=Routine("cholesky_inverse"),
    reference=cholesky_inverse_reference,
    mp=cholesky_inverse_mp,
    domain=(TRIANGULAR,),
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.2 and 2.2.3",),
)
