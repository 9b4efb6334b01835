"""Products that sum over an index: matmul, outer, trace."""

from __future__ import annotations

from typing import Any

import numpy as np

from symgrad.core.expr import Apply, Expr, Structured, Transposed
from symgrad.core.indexing import FULL, NewAxis
from symgrad.core.notation import MULTIPLICATIVE, Infix
from symgrad.core.numeric import Contract
from symgrad.core.properties import NONE, Properties, Property
from symgrad.ops.arithmetic import mul, neg
from symgrad.ops.broadcasting import sum, unbroadcast
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.infer import ENTRYWISE, common, of_trace
from symgrad.ops.shaping import Sizes, append_axes, diagonal, swap, transpose


def as_column(x: Expr) -> Expr:
    """Return x[..., None]."""
    return append_axes(x, 1)


def as_row(x: Expr) -> Expr:
    """Return x[..., None, :]."""
    return x[(*[FULL] * (x.ndim - 1), NewAxis())]


def scale_out(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    """(s*A) @ B is s*(A @ B) for a number s, and (-A) @ B is -(A @ B): `2*X.T @ r` costs and means what it says."""
    left, right = operands
    if not isinstance(left, Apply):
        return None
    if left.op is neg:
        return -matmul(left.operands[0], right)
    if left.op is mul and left.operands[0].ndim == 0:
        factor, array = left.operands
        return factor * matmul(array, right)
    return None


def bilinear_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    """The product rule, for an op that is linear in each of its two operands."""
    (x, y), (x_dot, y_dot) = node.operands, tangents
    if x_dot is None:
        return node.op(x, y_dot)
    if y_dot is None:
        return node.op(x_dot, y)
    return node.op(x_dot, y) + node.op(x, y_dot)


def matmul_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """Giles 2008, section 2.2.2: for C = A B, A_bar = C_bar B', B_bar = A' C_bar."""
    x, y = node.operands
    g, batch = cotangent, cotangent.ndim - node.ndim
    if x.ndim == 1 and y.ndim == 1:
        return as_column(g) * y, as_column(g) * x
    if y.ndim == 1:
        return unbroadcast(_outer(g, y), x.shape, batch), _vector_times(g, x, batch, node)
    if x.ndim == 1:
        return matmul(g, swap(y)) if batch else matmul(y, g), as_column(x) * as_row(g) if batch else outer(x, g)
    return unbroadcast(matmul(g, swap(y)), x.shape, batch), unbroadcast(matmul(swap(x), g), y.shape, batch)


def _outer(a: Expr, b: Expr) -> Expr:
    return outer(a, b) if a.ndim == 1 else as_column(a) * b


def _vector_times(g: Expr, x: Expr, batch: int, node: Apply) -> Expr:
    """The cotangent of v in x @ v."""
    if x.ndim == 2:
        return matmul(swap(x), g) if g.ndim == 1 else matmul(g, x)
    total = sum(as_column(g) * x, axis=-2)
    return unbroadcast(total, node.operands[1].shape, batch)


def matmul_reference(_node: Apply, _sizes: Sizes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.matmul(x, y))


def matmul_mp(_node: Apply, _sizes: Sizes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.matmul(x, y), dtype=object)


def is_transpose(x: Expr, y: Expr) -> bool:
    """Is x written as the transpose of y, or y as that of x? A symmetric matrix is its own."""
    if x is y:
        return Property.SYMMETRIC in x.properties
    return any(
        isinstance(a, Apply) and a.op is transpose and a.operands[0] is b and b.ndim == 2 for a, b in ((x, y), (y, x))
    )


def matmul_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    """X.T @ X is semidefinite, X.T @ M @ X has the symmetry of M, triangles and rotations are groups."""
    x, y = operands
    found = common(operands) & {Property.NONNEGATIVE}
    if x.ndim != 2 or y.ndim != 2:
        return found | ({Property.NONNEGATIVE} if x is y and x.ndim == 1 else NONE)
    found |= common(operands) & {Property.LOWER, Property.UPPER, Property.ORTHOGONAL, Property.INVERTIBLE}
    if is_transpose(x, y):
        found |= {Property.PSD}
    for (left, right), outermost in ((_factors(x), y), (_factors(y)[::-1], x)):
        if left is not None and right is not None and is_transpose(left, outermost):
            found |= right.properties & {Property.SYMMETRIC, Property.SKEW, Property.PSD}
    return found


def _factors(x: Expr) -> tuple[Expr | None, Expr | None]:
    """Return the two factors of a product."""
    if not isinstance(x, Apply) or x.op is not matmul:
        return None, None
    left, right = x.operands
    return left, right


matmul = array_op(
    "matmul",
    doc="The matrix product; with vectors, the matrix-vector and the inner product, as in NumPy.",
    properties=matmul_properties,
    operands=("x", "y"),
    aliases=("dot", "inner"),
    notation=Infix("@", MULTIPLICATIVE),
    signature="(k),(k)->() | ...(m,k),(k)->(m) | (k),(k,n)->(n) | ...(m,k),(k,n)->(m,n)",
    canonical=scale_out,
    derivative=Structured(bilinear_pushforward, matmul_pullback),
    numeric=Contract(),
    reference=matmul_reference,
    mp=matmul_mp,
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.2",),
    sympy="symgrad.ops.sympy_forms:matmul",
)


def outer_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    x, y = node.operands
    if cotangent.ndim == 2:
        return matmul(cotangent, y), matmul(swap(cotangent), x)
    return sum(cotangent * y, axis=-1), sum(cotangent * as_column(x), axis=-2)


def outer_expand(node: Apply) -> Expr:
    x, y = node.operands
    return as_column(x) * y


def outer_reference(_node: Apply, _sizes: Sizes, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.asarray(np.outer(x, y))


def outer_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    x, y = operands
    return common(operands) & ENTRYWISE | ({Property.PSD} if x is y else NONE)


outer = array_op(
    "outer",
    doc="The matrix of all products x[i]*y[j].",
    properties=outer_properties,
    operands=("x", "y"),
    latex="{0} {1}^{{\\top}}",
    signature="(m),(n)->(m,n)",
    derivative=Structured(bilinear_pushforward, outer_pullback),
    expand=outer_expand,
    reference=outer_reference,
    sympy="symgrad.ops.sympy_forms:outer",
    references=("Giles, Collected matrix derivative results for forward and reverse mode AD (2008), 2.2.2",),
)


def trace_cotangent(node: Apply, cotangent: Expr) -> Expr:
    return append_axes(cotangent, 2) * eye(node.operands[0].shape[-1])


def trace_expand(node: Apply) -> Expr:
    return sum(diagonal(node.operands[0]), axis=-1)


def trace_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> Any:
    return np.asarray(np.trace(x, axis1=-2, axis2=-1))


trace = array_op(
    "trace",
    doc="The sum of the diagonal of a square matrix.",
    properties=of_trace,
    aliases=("tr",),
    latex=r"\operatorname{tr}",
    signature="...(n,n)->()",
    derivative=Transposed(trace_cotangent),
    expand=trace_expand,
    reference=trace_reference,
    sympy="symgrad.ops.sympy_forms:trace",
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), section 2.5",),
)
