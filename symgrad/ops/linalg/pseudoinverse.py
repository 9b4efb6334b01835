"""The Moore-Penrose inverse of a matrix of full rank.

Golub & Pereyra, The differentiation of pseudo-inverses and nonlinear least squares problems whose variables separate,
SIAM J. Numer. Anal. 10 (1973), equation 4.12. With P for the result, the term with I - A P vanishes when the rows are
independent, that with I - P A when the columns are; one that is known to vanish is left out.
"""

from __future__ import annotations

import numpy as np

from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.numeric import Routine
from symgrad.core.traits import Kink
from symgrad.ops.define import array_op
from symgrad.ops.linalg.inverse import inv_mp
from symgrad.ops.linalg.singular import is_wide
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap


def is_tall(a: Expr) -> bool:
    """Whether a matrix is known to have at least as many rows as columns."""
    excess = a.shape[-2] - a.shape[-1]
    return isinstance(excess, int) and excess >= 0


def is_square(a: Expr) -> bool:
    return a.shape[-1] == a.shape[-2]


def pinv_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,), a_dot = node.operands, first(tangents)
    turned = swap(a_dot)
    total = -(node @ a_dot @ node)
    if not (is_wide(a) or is_square(a)):
        total = total + node @ (swap(node) @ (turned - (turned @ a) @ node))  # P P' A_dot' (I - A P)
    if not is_tall(a):
        total = total + ((turned - node @ (a @ turned)) @ swap(node)) @ node  # (I - P A) A_dot' P' P
    return total


def pinv_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,), g, turned = node.operands, swap(cotangent), swap(node)
    total = -(turned @ cotangent @ turned)
    if not (is_wide(a) or is_square(a)):
        total = total + ((g - a @ (node @ g)) @ node) @ turned  # (I - A P) P_bar' P P'
    if not is_tall(a):
        total = total + turned @ (node @ (g - (g @ node) @ a))  # P' P P_bar' (I - P A)
    return (total,)


def pinv_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.pinv(a))


def pinv_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    turned = np.swapaxes(a, -1, -2)
    if a.shape[-2] < a.shape[-1]:
        return np.asarray(np.matmul(turned, inv_mp(node, sizes, np.matmul(a, turned))), dtype=object)
    return np.asarray(np.matmul(inv_mp(node, sizes, np.matmul(turned, a)), turned), dtype=object)


pinv = array_op(
    "pinv",
    doc="The Moore-Penrose inverse of a matrix of full rank: inv(A.T @ A) @ A.T, or A.T @ inv(A @ A.T) of a wide one.",
    operands=("A",),
    aliases=("pseudoinverse",),
    latex="{0}^{{+}}",
    signature="...(m,n)->(n,m)",
    derivative=Structured(pinv_pushforward, pinv_pullback),
    numeric=Routine("pinv", rectangular=True),
    reference=pinv_reference,
    mp=pinv_mp,
    domain=(MatrixDomain("full rank"),),
    kinks=(Kink("the rank is not full, up to rounding", "NaN, also as the value: the inverse jumps there"),),
    references=("Golub & Pereyra, The differentiation of pseudo-inverses (1973), equation 4.12",),
)
