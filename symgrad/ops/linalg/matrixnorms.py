"""Norms of matrices as linear maps: by singular values, and by sums of rows or columns.

Giles, Collected matrix derivative results for forward and reverse mode AD (2008), section 3.2; Higham, Functions of
Matrices (2008), appendix B.7. Norms of the entries are in symgrad/ops/norms.py.
"""

from __future__ import annotations

import numpy as np

from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.indexing import FULL, Pick
from symgrad.core.traits import Kink
from symgrad.ops.broadcasting import sum
from symgrad.ops.contraction import outer
from symgrad.ops.define import array_op
from symgrad.ops.infer import NONNEGATIVE_RESULT
from symgrad.ops.linalg.eigen import eigenvectors
from symgrad.ops.linalg.inverse import mp_matrices
from symgrad.ops.linalg.singular import (
    INDEPENDENT,
    SOURCE,
    is_wide,
    svdvals,
    svdvals_mp,
    svdvals_reference,
    tall,
    values_mp,
)
from symgrad.ops.piecewise import absolute, equal, where
from symgrad.ops.reduction import first, max, norm
from symgrad.ops.shaping import Sizes, append_axes, swap


def nuclear_norm_expand(node: Apply) -> Expr:
    return sum(svdvals(node.operands[0]), axis=-1)


def nuclear_norm_reference(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(svdvals_reference(node, sizes, a), axis=-1))


def nuclear_norm_mp(node: Apply, sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.sum(svdvals_mp(node, sizes, a), axis=-1), dtype=object)


def nuclear_norm_of_wide(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    (a,) = operands
    return nuclear_norm(swap(a)) if is_wide(a) else None


nuclear_norm = array_op(
    "nuclear_norm",
    doc="The sum of the singular values of a matrix that is not wide; of a wide A: nuclear_norm(A.T).",
    properties=NONNEGATIVE_RESULT,
    operands=("A",),
    latex=r"\left\lVert {0} \right\rVert_*",
    signature="...(m,n)->()",
    canonical=nuclear_norm_of_wide,
    requires=tall,
    expand=nuclear_norm_expand,
    reference=nuclear_norm_reference,
    mp=nuclear_norm_mp,
    domain=INDEPENDENT,
    kinks=(Kink("a singular value is 0", "a subgradient: U @ Vh for the vectors found"),),
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
    properties=NONNEGATIVE_RESULT,
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


# --- largest sums of columns and rows --------------------------------------------------------------------------------

INDUCED = ("Higham, Functions of Matrices (2008), appendix B.7, table B.1",)
TIES = (Kink("an entry is 0", "0 for that entry"), Kink("the largest sums are equal", "shared equally between them"))


def operator_norm1_expand(node: Apply) -> Expr:
    return max(sum(absolute(node.operands[0]), axis=-2), axis=-1)


def operator_norm1_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.max(np.sum(abs(a), axis=-2), axis=-1))


def operator_norm_inf_expand(node: Apply) -> Expr:
    return max(sum(absolute(node.operands[0]), axis=-1), axis=-1)


def operator_norm_inf_reference(_node: Apply, _sizes: Sizes, a: np.ndarray) -> np.ndarray:
    return np.asarray(np.max(np.sum(abs(a), axis=-1), axis=-1))


operator_norm1 = array_op(
    "operator_norm1",
    doc="The matrix norm that the 1-norm of vectors induces: the largest sum of absolute values in a column.",
    properties=NONNEGATIVE_RESULT,
    operands=("A",),
    latex=r"\left\lVert {0} \right\rVert_{\operatorname{op},1}",
    signature="...(m,n)->()",
    expand=operator_norm1_expand,
    reference=operator_norm1_reference,
    kinks=TIES,
    references=INDUCED,
)
operator_norm_inf = array_op(
    "operator_norm_inf",
    doc="The matrix norm that the maximum norm of vectors induces: the largest sum of absolute values in a row.",
    properties=NONNEGATIVE_RESULT,
    operands=("A",),
    latex=r"\left\lVert {0} \right\rVert_{\operatorname{op},\infty}",
    signature="...(m,n)->()",
    expand=operator_norm_inf_expand,
    reference=operator_norm_inf_reference,
    kinks=TIES,
    references=INDUCED,
)
