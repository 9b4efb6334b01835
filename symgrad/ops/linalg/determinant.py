"""The determinant, its sign and the logarithm of its size.

Giles, Collected matrix derivative results for forward and reverse mode AD (2008), section 2.2.4.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.expr import Apply, Expr, Flat, Structured
from symgrad.core.multiresult import multi_result
from symgrad.core.numeric import Routine
from symgrad.core.pitfalls import Lacking, Pitfall
from symgrad.core.properties import Properties, Property
from symgrad.core.traits import Kink
from symgrad.ops.broadcasting import sum
from symgrad.ops.contraction import trace
from symgrad.ops.define import array_op
from symgrad.ops.exponential import log
from symgrad.ops.infer import common
from symgrad.ops.linalg.cholesky import cholesky
from symgrad.ops.linalg.inverse import INVERTIBLE, RIDGE, inv, mp_matrices, solve
from symgrad.ops.reduction import first, prod
from symgrad.ops.shaping import Sizes, append_axes, diagonal, swap

SOURCE = ("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.4",)


def det_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return node * trace(solve(node.operands[0], first(tangents)))


def det_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    return (append_axes(cotangent * node, 2) * swap(inv(node.operands[0])),)


def logdet_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return trace(solve(node.operands[0], first(tangents)))


def logdet_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    return (append_axes(cotangent, 2) * swap(inv(node.operands[0])),)


def det_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.det(a))


def logdet_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.slogdet(a)[1])


def det_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    import mpmath

    return mp_matrices(mpmath.det, a)


def log_abs_det_mp(matrix: Any) -> Any:
    import mpmath

    return mpmath.log(abs(mpmath.det(matrix)))


def logdet_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(log_abs_det_mp, a)


def sign_det_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.slogdet(a)[0])


def sign_of_det_mp(matrix: Any) -> Any:
    import mpmath

    return mpmath.sign(mpmath.det(matrix))


def sign_det_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(sign_of_det_mp, a)


def det_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    known = common(operands)
    found = {Property.NONZERO} if Property.INVERTIBLE in known else set()
    return frozenset(found | ({Property.NONNEGATIVE} if Property.PSD in known else set()))


def det_numeric(node: Apply) -> Routine | None:
    return None if Property.SPD in node.operands[0].properties else Routine("det")


def det_by_factor(node: Apply) -> Expr:
    """Of an spd matrix, so that all that needs its Cholesky factor shares it."""
    return prod(diagonal(cholesky(node.operands[0])), axis=-1) ** 2


def logdet_numeric(node: Apply) -> Routine | None:
    return None if Property.SPD in node.operands[0].properties else Routine("logdet")


def logdet_by_factor(node: Apply) -> Expr:
    return 2 * sum(log(diagonal(cholesky(node.operands[0]))), axis=-1)


det = array_op(
    "det",
    doc="The determinant of a square matrix.",
    properties=det_properties,
    operands=("A",),
    latex=r"\det",
    signature="...(n,n)->()",
    derivative=Structured(det_pushforward, det_pullback),
    numeric=det_numeric,
    expand=det_by_factor,
    reference=det_reference,
    analytic=True,
    mp=det_mp,
    domain=(INVERTIBLE,),
    references=SOURCE,
    sympy="symgrad.ops.sympy_forms:det",
    pitfalls=(
        Pitfall(
            (Lacking(INVERTIBLE),),
            "the derivative of det is computed with the inverse of a singular matrix",
            "write the determinant of a small matrix out, or add a ridge, A + 1e-8*eye(n)",
            slope=True,
        ),
    ),
)
logdet = array_op(
    "logdet",
    doc="The logarithm of the absolute value of the determinant.",
    operands=("A",),
    latex=r"\log\left|\det {0}\right|",
    signature="...(n,n)->()",
    derivative=Structured(logdet_pushforward, logdet_pullback),
    numeric=logdet_numeric,
    expand=logdet_by_factor,
    reference=logdet_reference,
    mp=logdet_mp,
    domain=(INVERTIBLE,),
    references=SOURCE,
    sympy="symgrad.ops.sympy_forms:logdet",
    pitfalls=(
        Pitfall((Lacking(INVERTIBLE),), "logdet of a singular matrix, log of 0", RIDGE),
        Pitfall(
            (Lacking(INVERTIBLE),), "the derivative of logdet is the inverse of a singular matrix", RIDGE, slope=True
        ),
    ),
)
sign_det = array_op(
    "sign_det",
    doc="The sign of the determinant: 1, -1, or 0 for a singular matrix.",
    operands=("A",),
    latex=r"\operatorname{sign}\det",
    signature="...(n,n)->()",
    derivative=Flat(),
    numeric=Routine("sign_det"),
    reference=sign_det_reference,
    mp=sign_det_mp,
    domain=(INVERTIBLE,),
    kinks=(Kink("the matrix is singular", "0"),),
)
slogdet = multi_result(
    "slogdet",
    doc="The sign of the determinant, and the logarithm of its absolute value.",
    parts=(sign_det, logdet),
    results=("sign", "logabs"),
)
