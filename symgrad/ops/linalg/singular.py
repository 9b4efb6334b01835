"""Singular values and vectors of the reduced form A = U @ diag(s) @ Vh.

One routine computes values and vectors together, so a kernel that needs both calls it once. The signs of the rows of Vh
are those of eigenvectors: see symgrad/ops/linalg/eigen.py. A matrix that is known to be wide is transposed.
Giles, Collected matrix derivative results for forward and reverse mode AD (2008), section 3.2; for the vectors
Townsend, Differentiating the singular value decomposition (2016), its dU and dV of the thin form.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.dims import Dim, Shape
from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr, NotDifferentiable, OpDef, Structured
from symgrad.core.indexing import FULL, Cut, Item, Pick
from symgrad.core.multiresult import multi_result
from symgrad.core.numeric import Routine
from symgrad.core.properties import Property
from symgrad.core.traits import Kink
from symgrad.errors import ShapeError
from symgrad.ops.broadcasting import sum
from symgrad.ops.contraction import as_column, as_row
from symgrad.ops.define import array_op
from symgrad.ops.infer import NONNEGATIVE_RESULT, Always
from symgrad.ops.linalg.eigen import reciprocal_gaps, signs
from symgrad.ops.linalg.inverse import mp_matrices
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, swap

SOURCE = ("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 3.2",)
VECTOR_SOURCE = ("Townsend, Differentiating the singular value decomposition (2016), dU and dV of the thin form",)
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


def is_wide(a: Expr) -> bool:
    """Whether a matrix is known to have more columns than rows."""
    excess = a.shape[-2] - a.shape[-1] if a.ndim > 1 else 0
    return isinstance(excess, int) and excess < 0


# --- values and vectors together -------------------------------------------------------------------------------------


def packed_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    (shape,) = shapes
    return (*shape[:-2], 1 + shape[-1] + shape[-2], shape[-1])


def part(packed: Expr, item: Item) -> Expr:
    """Return some rows of the packed result."""
    return packed[(*[FULL] * (packed.ndim - 2), item)]


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


packed_svd = OpDef(  # only kernels use it, so it is not in the registry
    name="packed_svd",
    doc="The singular values of a tall matrix (row 0), the right vectors and the left ones as columns.",
    operand_names=("A",),
    shape=packed_shape,
    derivative=NotDifferentiable("it is how kernels compute svdvals, svd_u and svd_vh, which have one"),
    numeric=Routine("svd", rectangular=True),
    reference=svd_reference,
    mp=svd_mp,
)


# --- values ----------------------------------------------------------------------------------------------------------


def svdvals_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,) = node.operands
    return sum(svd_u(a) * (first(tangents) @ swap(svd_vh(a))), axis=-2)


def svdvals_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,) = node.operands
    return ((as_row(cotangent) * svd_u(a)) @ svd_vh(a),)


def svdvals_expand(node: Apply) -> Expr:
    return part(packed_svd(node.operands[0]), Pick(0))


def svdvals_of_wide(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    (a,) = operands
    return svdvals(swap(a)) if is_wide(a) else None


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
    properties=NONNEGATIVE_RESULT,
    operands=("A",),
    aliases=("singular_values",),
    latex=r"\sigma",
    signature="...(m,n)->(n)",
    canonical=svdvals_of_wide,
    requires=tall,
    derivative=Structured(svdvals_pushforward, svdvals_pullback),
    expand=svdvals_expand,
    reference=svdvals_reference,
    mp=svdvals_mp,
    domain=INDEPENDENT,
    kinks=(
        Kink(
            "two are equal",
            "that of the singular vectors found, right for symmetric functions of them; the second derivative is NaN",
        ),
    ),
    references=SOURCE,
)


# --- vectors ---------------------------------------------------------------------------------------------------------


def gaps_of(a: Expr) -> Expr:
    """Return the matrix of 1/(s[j]**2 - s[i]**2), 0 on the diagonal; NaN for equal values, and on it for a value 0."""
    values = svdvals(a)
    return reciprocal_gaps(values) / (as_row(values) + as_column(values))


def svd_u_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,) = node.operands
    values = svdvals(a)
    image = first(tangents) @ swap(svd_vh(a))
    inner = swap(node) @ image
    scaled = inner * as_row(values)
    turned = node @ (gaps_of(a) * (scaled + swap(scaled)))
    return turned if is_square(a) else turned + (image - node @ inner) / as_row(values)


def svd_u_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,) = node.operands
    inner = swap(node) @ cotangent
    weighted = gaps_of(a) * inner
    values = svdvals(a)
    along = node @ ((weighted + swap(weighted)) * as_row(values))
    total = along if is_square(a) else along + (cotangent - node @ inner) / as_row(values)
    return (total @ svd_vh(a),)


def is_square(a: Expr) -> bool:
    return a.shape[-1] == a.shape[-2]


def svd_u_expand(node: Apply) -> Expr:
    (a,) = node.operands
    return part(packed_svd(a), Cut(1 + a.shape[-1], None))


def svd_u_of_wide(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    (a,) = operands
    return swap(svd_vh(swap(a))) if is_wide(a) else None


def svd_u_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return svd_reference(node, sizes, a)[..., 1 + a.shape[-1] :, :]


def svd_u_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return svd_mp(node, sizes, a)[..., 1 + a.shape[-1] :, :]


def svd_vh_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    (a,) = node.operands
    scaled = as_column(svdvals(a)) * (swap(svd_u(a)) @ first(tangents) @ swap(node))
    return -((gaps_of(a) * (scaled + swap(scaled))) @ node)


def svd_vh_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    (a,) = node.operands
    weighted = gaps_of(a) * (node @ swap(cotangent))
    return (svd_u(a) @ (as_column(svdvals(a)) * (weighted + swap(weighted))) @ node,)


def svd_vh_expand(node: Apply) -> Expr:
    (a,) = node.operands
    return swap(part(packed_svd(a), Cut(1, 1 + a.shape[-1])))


def svd_vh_of_wide(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    (a,) = operands
    return swap(svd_u(swap(a))) if is_wide(a) else None


def svd_vh_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.swapaxes(svd_reference(node, sizes, a)[..., 1 : 1 + a.shape[-1], :], -1, -2)


def svd_vh_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.swapaxes(svd_mp(node, sizes, a)[..., 1 : 1 + a.shape[-1], :], -1, -2)


NO_VECTORS = (
    Kink("two singular values are equal up to rounding, or one is 0", "NaN: the vectors are no function of A"),
)
svd_u = array_op(
    "svd_u",
    doc="The left singular vectors of a matrix with independent columns, as columns in the order of svdvals.",
    properties=Always(frozenset({Property.ORTHOGONAL})),
    operands=("A",),
    signature="...(m,n)->(m,n)",
    canonical=svd_u_of_wide,
    requires=tall,
    derivative=Structured(svd_u_pushforward, svd_u_pullback),
    expand=svd_u_expand,
    reference=svd_u_reference,
    mp=svd_u_mp,
    domain=INDEPENDENT,
    kinks=NO_VECTORS,
    references=VECTOR_SOURCE,
)
svd_vh = array_op(
    "svd_vh",
    doc="The right singular vectors of a matrix with independent columns, as rows in the order of svdvals.",
    properties=Always(frozenset({Property.ORTHOGONAL})),
    operands=("A",),
    signature="...(m,n)->(n,n)",
    canonical=svd_vh_of_wide,
    requires=tall,
    derivative=Structured(svd_vh_pushforward, svd_vh_pullback),
    expand=svd_vh_expand,
    reference=svd_vh_reference,
    mp=svd_vh_mp,
    domain=INDEPENDENT,
    kinks=NO_VECTORS,
    references=VECTOR_SOURCE,
)
svd = multi_result(
    "svd",
    doc="The factors of A = U @ diag(s) @ Vh: left vectors as columns, singular values, right vectors as rows.",
    parts=(svd_u, svdvals, svd_vh),
    results=("U", "s", "Vh"),
)
