"""Eigenvalues and eigenvectors of symmetric matrices, and the spectral norm.

Only the symmetric part (A + A.T)/2 of the operand counts, so derivatives with respect to A are symmetric. One routine
computes values and vectors together; both ops are views of its result, so a kernel that needs both calls it once.

Magnus, On differentiating eigenvalues and eigenvectors, Econometric Theory 1 (1985), theorem 1; Giles, Collected matrix
derivative results for forward and reverse mode AD (2008), section 3.1. An eigenvector is determined up to its sign: the
first entry that is not much smaller than the largest one is positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.dims import Shape
from symgrad.core.domain import MatrixDomain
from symgrad.core.expr import Apply, Expr, NotDifferentiable, OpDef, Structured
from symgrad.core.indexing import FULL, Cut, Pick
from symgrad.core.multiresult import multi_result
from symgrad.core.numeric import Routine
from symgrad.core.pitfalls import ANYTHING, Pitfall
from symgrad.core.properties import NONE, Properties, Property
from symgrad.core.traits import Kink
from symgrad.ops.broadcasting import sum
from symgrad.ops.constants import eye
from symgrad.ops.contraction import as_column, as_row
from symgrad.ops.define import array_op
from symgrad.ops.exponential import sqrt
from symgrad.ops.infer import Always, common
from symgrad.ops.linalg.inverse import mp_matrices
from symgrad.ops.piecewise import absolute, equal, where
from symgrad.ops.reduction import first
from symgrad.ops.shaping import Sizes, append_axes, swap

SOURCE = (
    "Magnus, On differentiating eigenvalues and eigenvectors (1985), theorem 1",
    "Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 3.1",
)
SYMMETRIC_PART = (MatrixDomain("symmetric part"),)
_GUARD_BITS = 10  # that an eigenvalue may be off by at many digits
NOT_SMALL = 0.61  # of the largest entry; no simple ratio, so that rounding does not decide which entry comes first


def symmetric(x: Expr) -> Expr:
    return (x + swap(x)) / 2


# --- values and vectors together -------------------------------------------------------------------------------------


def packed_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    (shape,) = shapes
    return (*shape[:-2], shape[-1] + 1, shape[-1])


def values_in(packed: Expr) -> Expr:
    """Return the eigenvalues out of the packed result."""
    return packed[(*[FULL] * (packed.ndim - 2), Pick(0))]


def vectors_in(packed: Expr) -> Expr:
    """Return the eigenvectors, as columns, out of the packed result."""
    return packed[(*[FULL] * (packed.ndim - 2), Cut(1, None))]


def signs(vectors: np.ndarray) -> np.ndarray:
    """Return 1 or -1 for each column, what makes the entry positive that decides; works on mpmath numbers."""
    if not vectors.size:
        return np.ones((*vectors.shape[:-2], 1, vectors.shape[-1]))
    sizes = abs(vectors)
    leading = np.argmax(sizes >= NOT_SMALL * sizes.max(axis=-2, keepdims=True), axis=-2)[..., None, :]
    return np.where(np.take_along_axis(vectors, leading, axis=-2) < 0, -1, 1)


def eigh_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    values, vectors = np.linalg.eigh((a + np.swapaxes(a, -1, -2)) / 2)
    return np.concatenate([values[..., None, :], vectors * signs(vectors)], axis=-2)


def packed_mp(a: Any) -> Any:
    import mpmath

    values, vectors = mpmath.eigsy((a + a.T) / 2)
    columns = np.array(vectors.tolist(), dtype=object)
    return mpmath.matrix([list(values), *(columns * signs(columns)).tolist()])


def eigh_mp(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return mp_matrices(packed_mp, a)


packed_eigh = OpDef(  # only kernels use it, so it is not in the registry
    name="packed_eigh",
    doc="The eigenvalues of (A + A.T)/2 in rising order (row 0), and below them its eigenvectors as columns.",
    operand_names=("A",),
    shape=packed_shape,
    derivative=NotDifferentiable("it is how kernels compute eigvalsh and eigenvectors, which have one"),
    numeric=Routine("eigh"),
    reference=eigh_reference,
    mp=eigh_mp,
)


# --- values ----------------------------------------------------------------------------------------------------------


def eigvalsh_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    vectors = eigenvectors(node.operands[0])
    return sum(vectors * (first(tangents) @ vectors), axis=-2)


def eigvalsh_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    vectors = eigenvectors(node.operands[0])
    return ((as_row(cotangent) * vectors) @ swap(vectors),)


def eigvalsh_expand(node: Apply) -> Expr:
    return values_in(packed_eigh(node.operands[0]))


def eigvalsh_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return eigh_reference(node, sizes, a)[..., 0, :]


def eigvalsh_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return eigh_mp(node, sizes, a)[..., 0, :]


def eigvalsh_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    known = common(operands)
    if Property.SPD in known:
        return frozenset({Property.POSITIVE})
    return frozenset({Property.NONNEGATIVE}) if Property.PSD in known else NONE


eigvalsh = array_op(
    "eigvalsh",
    doc="The eigenvalues of the symmetric matrix (A + A.T)/2 in rising order.",
    properties=eigvalsh_properties,
    operands=("A",),
    aliases=("eigenvalues",),
    latex=r"\lambda",
    signature="...(n,n)->(n)",
    derivative=Structured(eigvalsh_pushforward, eigvalsh_pullback),
    expand=eigvalsh_expand,
    reference=eigvalsh_reference,
    mp=eigvalsh_mp,
    domain=SYMMETRIC_PART,
    kinks=(
        Kink(
            "two eigenvalues are equal",
            "that of the eigenvectors found, right for symmetric functions of them; the second derivative is NaN",
        ),
    ),
    references=SOURCE,
)


# --- vectors ---------------------------------------------------------------------------------------------------------


def gaps_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    w_dot = first(tangents)
    return -(node * node * (as_row(w_dot) - as_column(w_dot)))


def gaps_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    weighted = node * node * cotangent
    return (sum(weighted, axis=-1) - sum(weighted, axis=-2),)


def gaps_expand(node: Apply) -> Expr:
    (w,) = node.operands
    gaps = as_row(w) - as_column(w)
    total = append_axes(sum(absolute(w), axis=-1), 2)
    tied = equal(total + gaps / 4, total)  # a gap that is rounding, in the precision of the kernel
    return where(eye(w.shape[-1]), 0, 1 / gaps + sqrt(-tied))  # the root is NaN for -1


def gaps_reference(_node: Apply, _sizes: Sizes, w: np.ndarray) -> np.ndarray:
    diagonal = np.eye(w.shape[-1], dtype=w.dtype)
    gaps = w[..., None, :] - w[..., :, None]
    total = np.sum(abs(w), axis=-1)[..., None, None]
    tied = (total + gaps / 4 == total) & (diagonal == 0)
    return np.asarray(np.where(tied, np.nan, 1 / np.where(gaps == 0, 1, gaps)) * (1 - diagonal))


def gaps_mp(_node: Apply, _sizes: Sizes, w: np.ndarray) -> np.ndarray:
    """ZeroDivisionError where a gap is rounding, at the precision that mpmath works in."""
    import mpmath

    one = mpmath.mpf(1)
    total = max(np.sum(abs(w), axis=-1, keepdims=True).flat, default=one)
    least = total * mpmath.ldexp(1, _GUARD_BITS - mpmath.mp.prec)
    result: np.ndarray = w[..., None, :] - w[..., :, None]
    for position in np.ndindex(result.shape):
        if position[-1] == position[-2]:
            result[position] = 0 * one
            continue
        if abs(result[position]) <= least:
            raise ZeroDivisionError("two eigenvalues are equal up to rounding")
        result[position] = one / result[position]
    return result


reciprocal_gaps = array_op(
    "reciprocal_gaps",
    doc="The matrix of 1/(w[j] - w[i]): 0 on the diagonal, NaN where two other entries are equal up to rounding.",
    operands=("w",),
    latex=r"\operatorname{gaps}^{{-1}}",
    signature="...(n)->(n,n)",
    derivative=Structured(gaps_pushforward, gaps_pullback),
    expand=gaps_expand,
    reference=gaps_reference,
    mp=gaps_mp,
    references=("Magnus, On differentiating eigenvalues and eigenvectors (1985), theorem 1",),
    pitfalls=(
        Pitfall(
            (ANYTHING,),
            "two eigenvalues or singular values are equal",
            "use functions that do not depend on the order or the choice of vectors, or set the values apart",
        ),
    ),
)


def eigenvectors_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    rotated = swap(node) @ symmetric(first(tangents)) @ node
    return node @ (reciprocal_gaps(eigvalsh(node.operands[0])) * rotated)


def eigenvectors_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    weighted = reciprocal_gaps(eigvalsh(node.operands[0])) * (swap(node) @ cotangent)
    return (symmetric(node @ weighted @ swap(node)),)


def eigenvectors_expand(node: Apply) -> Expr:
    return vectors_in(packed_eigh(node.operands[0]))


def eigenvectors_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return eigh_reference(node, sizes, a)[..., 1:, :]


def eigenvectors_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return eigh_mp(node, sizes, a)[..., 1:, :]


eigenvectors = array_op(
    "eigenvectors",
    doc="The orthonormal eigenvectors of the symmetric matrix (A + A.T)/2 as columns, in the order of eigvalsh.",
    properties=Always(frozenset({Property.ORTHOGONAL})),
    operands=("A",),
    latex=r"\operatorname{eigvec}",
    signature="...(n,n)->(n,n)",
    derivative=Structured(eigenvectors_pushforward, eigenvectors_pullback),
    expand=eigenvectors_expand,
    reference=eigenvectors_reference,
    mp=eigenvectors_mp,
    domain=SYMMETRIC_PART,
    kinks=(Kink("two eigenvalues are equal up to rounding", "NaN: their eigenvectors are no function of A"),),
    references=SOURCE,
)
eigh = multi_result(
    "eigh",
    doc="The eigenvalues of (A + A.T)/2 in rising order, and its eigenvectors as columns.",
    parts=(eigvalsh, eigenvectors),
    results=("w", "V"),
)
