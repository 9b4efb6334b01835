"""Singular values and vectors, and the norms made of them.

One routine computes values and vectors together, so a kernel that needs both calls it once. The signs of the vectors
are those of eigenvectors: see symgrad/ops/linalg/eigen.py.
Giles, Collected matrix derivative results for forward and reverse mode AD (2008), section 3.2.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.dims import Dim, Shape, shape_text
from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr, Kink, Structured, Via
from symgrad.core.indexing import FULL, Cut, Item, Pick
from symgrad.core.numeric import Routine
from symgrad.errors import ShapeError
from symgrad.ops.broadcasting import sum
from symgrad.ops.contraction import as_row, outer
from symgrad.ops.define import array_op
from symgrad.ops.linalg.eigen import eigenvectors, signs
from symgrad.ops.linalg.inverse import mp_matrices
from symgrad.ops.piecewise import equal, where
from symgrad.ops.reduction import first, norm
from symgrad.ops.shaping import Sizes, append_axes, scatter, swap

SOURCE = ("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 3.2",)
INDEPENDENT = (MatrixDomain("independent columns"),)


def tall(node: Apply) -> tuple[tuple[Dim, str], ...]:
    """Require as many rows as columns, at least. ShapeError if that is known not to hold."""
    (a,) = node.operands
    excess = a.shape[-2] - a.shape[-1]
    name = node.op.name
    why = f"{name} takes a matrix with at least as many rows as columns; transpose a wide one"
    if isinstance(excess, Dim):
        return ((excess, why),)
    if excess < 0:
        raise ShapeError(why)
    return ()


# --- values and vectors together -------------------------------------------------------------------------------------


def svd_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    (shape,) = shapes
    if len(shape) < 2:
        raise ShapeError(f"svd takes a matrix, not {shape_text(shape)}")
    return (*shape[:-2], 1 + shape[-1] + shape[-2], shape[-1])


def part(packed: Expr, item: Item) -> Expr:
    """Return some rows of the result of svd."""
    return packed[(*[FULL] * (packed.ndim - 2), item)]


def right_vectors(a: Expr) -> Expr:
    """Return the right singular vectors as columns, that of the largest singular value first."""
    return part(svd(a), Cut(1, 1 + a.shape[-1]))


def left_vectors(a: Expr) -> Expr:
    return part(svd(a), Cut(1 + a.shape[-1], None))


def svd_via(node: Apply) -> Expr:
    """The right vectors are eigenvectors of A.T @ A, and A takes each to its left vector, scaled."""
    (a,) = node.operands
    front, n = [FULL] * (node.ndim - 2), a.shape[-1]
    values = svdvals(a)
    right = eigenvectors(swap(a) @ a)[(*front, FULL, Cut(None, None, -1))]
    left = (a @ right) / as_row(values)
    rows = ((values, Pick(0)), (right, Cut(1, 1 + n)), (left, Cut(1 + n, None)))
    parts = [scatter(value, (*front, item), node.shape) for value, item in rows]
    return parts[0] + parts[1] + parts[2]


def svd_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    left, values, right = np.linalg.svd(a, full_matrices=False)
    right = np.swapaxes(right, -1, -2)
    sign = signs(right)
    return np.concatenate([values[..., None, :], right * sign, left * sign], axis=-2)


def packed_mp(a: Any) -> Any:
    import mpmath

    left, values, right = (np.array(x.tolist(), dtype=object) for x in mpmath.svd_r(a))
    sign = signs(right.T)
    return mpmath.matrix([*values.T.tolist(), *(right.T * sign).tolist(), *(left * sign).tolist()])


def svd_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(packed_mp, a)


svd = array_op(
    "svd",
    doc="The singular values of a matrix with independent columns (row 0), the right and the left vectors as columns.",
    operands=("A",),
    latex=r"\operatorname{svd}",
    shape=svd_shape,
    requires=tall,
    derivative=Via(svd_via),
    numeric=Routine("svd", rectangular=True),
    reference=svd_reference,
    mp=svd_mp,
    domain=INDEPENDENT,
    kinks=(Kink("two singular values are equal", "NaN: their vectors are no function of A"),),
    references=SOURCE,
)


# --- values ----------------------------------------------------------------------------------------------------------


def svdvals_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,) = node.operands
    return sum(left_vectors(a) * (first(tangents) @ right_vectors(a)), axis=-2)


def svdvals_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,) = node.operands
    return ((as_row(cotangent) * left_vectors(a)) @ swap(right_vectors(a)),)


def svdvals_expand(node: Apply) -> Expr:
    return part(svd(node.operands[0]), Pick(0))


def svdvals_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.svd(a, compute_uv=False))


def values_mp(a: Any) -> Any:
    import mpmath

    return mpmath.svd_r(a, compute_uv=False)


def svdvals_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(values_mp, a)[..., 0]


svdvals = array_op(
    "svdvals",
    doc="The singular values of a matrix with independent columns, the largest first.",
    operands=("A",),
    aliases=("singular_values",),
    latex=r"\sigma",
    signature="...(m,n)->(n)",
    requires=tall,
    derivative=Structured(svdvals_pushforward, svdvals_pullback),
    expand=svdvals_expand,
    reference=svdvals_reference,
    mp=svdvals_mp,
    domain=INDEPENDENT,
    kinks=(Kink("two are equal", "that of the singular vectors found; right for symmetric functions of them"),),
    references=SOURCE,
)


def nuclear_norm_expand(node: Apply) -> Expr:
    return sum(svdvals(node.operands[0]), axis=-1)


def nuclear_norm_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(svdvals_reference(node, sizes, a), axis=-1))


def nuclear_norm_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(svdvals_mp(node, sizes, a), axis=-1), dtype=object)


nuclear_norm = array_op(
    "nuclear_norm",
    doc="The sum of the singular values of a matrix with independent columns; of a wide A: nuclear_norm(A.T).",
    operands=("A",),
    latex=r"\left\lVert {0} \right\rVert_*",
    signature="...(m,n)->()",
    requires=tall,
    expand=nuclear_norm_expand,
    reference=nuclear_norm_reference,
    mp=nuclear_norm_mp,
    domain=INDEPENDENT,
    references=SOURCE,
)


def largest_vector(a: Expr) -> Expr:
    """Return the right singular vector of the largest singular value."""
    return eigenvectors(swap(a) @ a)[FULL, Pick(-1)]


def largest_pair(node: Apply) -> Expr:
    """Return outer(u, v), the derivative; 0 for a matrix of zeros."""
    (a,) = node.operands
    v = largest_vector(a)
    return outer(a @ v / where(equal(node, 0), 1, node), v)


def spectral_norm_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return sum(largest_pair(node) * first(tangents))


def spectral_norm_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    return (append_axes(cotangent, 2) * largest_pair(node),)


def spectral_norm_expand(node: Apply) -> Expr:
    (a,) = node.operands
    return norm(a @ largest_vector(a))


def spectral_norm_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.linalg.norm(a, 2))


def spectral_norm_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    wide = a.shape[0] < a.shape[1]
    return np.asarray(np.max(mp_matrices(values_mp, a.T if wide else a)), dtype=object)


spectral_norm = array_op(
    "spectral_norm",
    doc="The largest singular value of a matrix.",
    operands=("A",),
    latex=r"\left\lVert {0} \right\rVert_2",
    signature="(m,n)->()",
    derivative=Structured(spectral_norm_pushforward, spectral_norm_pullback),
    expand=spectral_norm_expand,
    reference=spectral_norm_reference,
    mp=spectral_norm_mp,
    kinks=(Kink("A = 0, or the two largest singular values are equal", "0 for A = 0, else a subgradient"),),
    references=SOURCE,
)
