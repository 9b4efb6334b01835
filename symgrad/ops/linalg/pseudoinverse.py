"""The Moore-Penrose inverse of a matrix of full column rank.

Golub & Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate,
SIAM J. Numer. Anal. 10 (1973), equation 4.12. The term with I - P A vanishes for full column rank.
"""

from __future__ import annotations

import numpy as np

from symgrad.core.expr import Apply, Expr, Structured
from symgrad.ops.contraction import as_row
from symgrad.ops.define import array_op
from symgrad.ops.linalg.inverse import inv_mp
from symgrad.ops.linalg.singular import INDEPENDENT, left_vectors, right_vectors, svdvals, tall
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap


def pinv_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,), a_dot = node.operands, first(tangents)
    across = swap(a_dot) - (swap(a_dot) @ a) @ node  # A_dot' (I - A P)
    return node @ (swap(node) @ across) - node @ a_dot @ node


def pinv_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,), g = node.operands, swap(cotangent)
    across = g - a @ (node @ g)  # (I - A P) P_bar'
    return ((across @ node) @ swap(node) - swap(node) @ cotangent @ swap(node),)


def pinv_expand(node: Apply) -> Expr:
    """By singular values: the normal equations of the definition would lose twice the digits."""
    (a,) = node.operands
    return (right_vectors(a) / as_row(svdvals(a))) @ swap(left_vectors(a))


def pinv_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.pinv(a))


def pinv_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    turned = np.swapaxes(a, -1, -2)
    return np.asarray(np.matmul(inv_mp(node, sizes, np.matmul(turned, a)), turned), dtype=object)


pinv = array_op(
    "pinv",
    doc="The Moore-Penrose inverse inv(A.T @ A) @ A.T of a matrix with independent columns; of a wide A: pinv(A.T).T.",
    operands=("A",),
    aliases=("pseudoinverse",),
    latex="{0}^{{+}}",
    signature="...(m,n)->(n,m)",
    requires=tall,
    derivative=Structured(pinv_pushforward, pinv_pullback),
    expand=pinv_expand,
    reference=pinv_reference,
    mp=pinv_mp,
    domain=INDEPENDENT,
    references=("Golub & Pereyra, The differentiation of pseudo-inverses (1973), equation 4.12",),
)
