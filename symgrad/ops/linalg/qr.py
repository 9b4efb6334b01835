"""The reduced QR factors of a matrix with independent columns; a positive diagonal of R makes them unique and smooth.

One routine computes both factors; both ops are views of its result, so a kernel that needs both calls it once.
Walter & Lehmann, Algorithmic differentiation of linear algebra functions with application in optimum experimental
design (2018), section on QR; Roberts & Roberts, QR and LQ decomposition matrix backpropagation algorithms for square,
wide, and deep matrices (2020), https://arxiv.org/abs/2009.10071, the deep case.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, NotDifferentiable, OpDef, Structured
from symgrad.core.indexing import Cut
from symgrad.core.multiresult import multi_result
from symgrad.core.numeric import Routine
from symgrad.core.properties import Property
from symgrad.core.traits import Kink
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.infer import Always
from symgrad.ops.linalg.cholesky import lower_half
from symgrad.ops.linalg.inverse import mp_matrices
from symgrad.ops.linalg.singular import INDEPENDENT, part, tall
from symgrad.ops.linalg.triangle import tril
from symgrad.ops.linalg.triangular import solve_triangular
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap

SOURCE = (
    "Walter & Lehmann, Algorithmic differentiation of linear algebra functions (2018)",
    "Roberts & Roberts, QR and LQ decomposition matrix backpropagation algorithms (2020), arXiv:2009.10071",
)


def over_r(x: Expr, r: Expr) -> Expr:
    """Return X R^-1."""
    return swap(solve_triangular(swap(r), swap(x)))


def over_r_transposed(x: Expr, r: Expr) -> Expr:
    """Return X R^-T."""
    return swap(solve_triangular(r, swap(x), lower=False))


def mirrored(x: Expr) -> Expr:
    """Return the symmetric matrix with the lower triangle of x, Roberts' copyltu."""
    half = lower_half(x)
    return half + swap(half)


def r_dot_over_r(inner: Expr) -> Expr:
    """Return the upper triangular part of Q' A_dot R^-1 that is left when Q' Q_dot, which is skew, is taken off."""
    below = tril(inner) - inner * eye(inner.shape[-1])
    return inner - below + swap(below)


# --- both factors together -------------------------------------------------------------------------------------------


def packed_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    (shape,) = shapes
    return (*shape[:-2], shape[-2] + shape[-1], shape[-1])


def packed_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    q, r = np.linalg.qr(a)
    sign = np.where(np.diagonal(r, axis1=-2, axis2=-1) < 0, -1, 1)
    return np.concatenate([q * sign[..., None, :], r * sign[..., :, None]], axis=-2)


def factors_mp(a: Any) -> Any:
    import mpmath

    q, r = (np.array(x.tolist(), dtype=object) for x in mpmath.qr(a, mode="skinny"))
    sign = np.where(np.diagonal(r) < 0, -1, 1)
    return mpmath.matrix([*(q * sign).tolist(), *(r * sign[:, None]).tolist()])


def packed_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(factors_mp, a)


packed_qr = OpDef(  # only kernels use it, so it is not in the registry
    name="packed_qr",
    doc="The factor Q, and below it R.",
    operand_names=("A",),
    shape=packed_shape,
    derivative=NotDifferentiable("it is how kernels compute qr_q and qr_r, which have one"),
    numeric=Routine("qr", rectangular=True),
    reference=packed_reference,
    mp=packed_mp,
)


# --- Q ---------------------------------------------------------------------------------------------------------------


def qr_q_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    whitened = over_r(first(tangents), qr_r(node.operands[0]))
    return whitened - node @ r_dot_over_r(swap(node) @ whitened)


def qr_q_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    across = cotangent - node @ mirrored(swap(cotangent) @ node)
    return (over_r_transposed(across, qr_r(node.operands[0])),)


def qr_q_expand(node: Apply) -> Expr:
    (a,) = node.operands
    return part(packed_qr(a), Cut(None, a.shape[-2]))


def qr_q_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return packed_reference(node, sizes, a)[..., : a.shape[-2], :]


def qr_q_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return packed_mp(node, sizes, a)[..., : a.shape[-2], :]


# --- R ---------------------------------------------------------------------------------------------------------------


def qr_r_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,) = node.operands
    return r_dot_over_r(swap(qr_q(a)) @ over_r(first(tangents), node)) @ node


def qr_r_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,) = node.operands
    return (over_r_transposed(qr_q(a) @ mirrored(node @ swap(cotangent)), node),)


def qr_r_expand(node: Apply) -> Expr:
    (a,) = node.operands
    return part(packed_qr(a), Cut(a.shape[-2], None))


def qr_r_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return packed_reference(node, sizes, a)[..., a.shape[-2] :, :]


def qr_r_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return packed_mp(node, sizes, a)[..., a.shape[-2] :, :]


DEPENDENT = (Kink("the columns are not independent", "NaN: the factors are no functions of A"),)
qr_q = array_op(
    "qr_q",
    doc="The factor Q of A = Q @ R with orthonormal columns, for an A with independent columns.",
    properties=Always(frozenset({Property.ORTHOGONAL})),
    operands=("A",),
    signature="...(m,n)->(m,n)",
    requires=tall,
    derivative=Structured(qr_q_pushforward, qr_q_pullback),
    expand=qr_q_expand,
    reference=qr_q_reference,
    mp=qr_q_mp,
    domain=INDEPENDENT,
    kinks=DEPENDENT,
    references=SOURCE,
)
qr_r = array_op(
    "qr_r",
    doc="The upper triangular factor R of A = Q @ R, its diagonal positive, for an A with independent columns.",
    properties=Always(frozenset({Property.UPPER, Property.INVERTIBLE})),
    operands=("A",),
    signature="...(m,n)->(n,n)",
    requires=tall,
    derivative=Structured(qr_r_pushforward, qr_r_pullback),
    expand=qr_r_expand,
    reference=qr_r_reference,
    mp=qr_r_mp,
    domain=INDEPENDENT,
    kinks=DEPENDENT,
    references=SOURCE,
)
qr = multi_result(
    "qr",
    doc="The factors of A = Q @ R: orthonormal columns, and an upper triangle with a positive diagonal.",
    parts=(qr_q, qr_r),
    results=("Q", "R"),
)
