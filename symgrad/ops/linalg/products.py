"""Products of matrices and vectors other than matmul: Kronecker's and the cross product."""

from __future__ import annotations

import numpy as np

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import Apply, Expr, Structured
from symgrad.core.indexing import FULL, NewAxis, Pick
from symgrad.errors import ShapeError
from symgrad.ops.broadcasting import sum, unbroadcast
from symgrad.ops.contraction import bilinear_pushforward
from symgrad.ops.define import array_op
from symgrad.ops.infer import ENTRYWISE, MULTIPLICATIVE, Shared
from symgrad.ops.shaping import Sizes, reshape, scatter

_NEW = NewAxis()


def kron_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    a, b = shapes
    if len(a) != len(b) or len(a) not in (1, 2):
        raise ShapeError(f"kron takes two matrices or two vectors, not {shape_text(a)} and {shape_text(b)}")
    return tuple(rows * columns for rows, columns in zip(a, b, strict=True))


def outside(a: Expr) -> Expr:
    """Return the first operand with an axis of size 1 behind each of its axes."""
    return a[(FULL, _NEW) * a.ndim]


def inside(b: Expr) -> Expr:
    """Return the second operand with an axis of size 1 before each of its axes."""
    return b[(_NEW, FULL) * b.ndim]


def kron_expand(node: Apply) -> Expr:
    a, b = node.operands
    return reshape(outside(a) * inside(b), node.shape)


def kron_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """Of the blocks a[i,j]*b: each block times b, summed, for a; the blocks weighted with a, summed, for b."""
    a, b = node.operands
    front = cotangent.shape[: cotangent.ndim - node.ndim]
    pairs = tuple(size for pair in zip(a.shape, b.shape, strict=True) for size in pair)
    blocks = reshape(cotangent, front + pairs)
    a_axes = tuple(len(front) + 2 * axis for axis in range(a.ndim))
    b_axes = tuple(axis + 1 for axis in a_axes)
    return sum(blocks * inside(b), axis=b_axes), sum(blocks * outside(a), axis=a_axes)


def kron_reference(_node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.asarray(np.kron(a, b))


kron = array_op(
    "kron",
    doc="The Kronecker product of two matrices, the blocks A[i,j]*B; or of two vectors.",
    properties=Shared(MULTIPLICATIVE | ENTRYWISE),
    operands=("A", "B"),
    latex=r"{0} \otimes {1}",
    shape=kron_shape,
    derivative=Structured(bilinear_pushforward, kron_pullback),
    expand=kron_expand,
    reference=kron_reference,
    references=("Magnus & Neudecker, Matrix Differential Calculus (3rd ed., 2019), chapters 2.2 and 9.14",),
    sympy="symgrad.ops.sympy_forms:kron",
)


def cross_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    """The triple product is cyclic: g . (a_dot x b) = a_dot . (b x g), g . (a x b_dot) = b_dot . (g x a)."""
    a, b = node.operands
    batch = cotangent.ndim - node.ndim
    return unbroadcast(cross(b, cotangent), a.shape, batch), unbroadcast(cross(cotangent, a), b.shape, batch)


def entry(x: Expr, position: int) -> Expr:
    """Return x[..., position]."""
    return x[(*[FULL] * (x.ndim - 1), Pick(position))]


def cross_expand(node: Apply) -> Expr:
    a, b = node.operands
    parts = []
    for k, i, j in ((0, 1, 2), (1, 2, 0), (2, 0, 1)):
        value = entry(a, i) * entry(b, j) - entry(a, j) * entry(b, i)
        parts.append(scatter(value, (*[FULL] * (node.ndim - 1), Pick(k)), node.shape))
    return parts[0] + parts[1] + parts[2]


def cross_reference(_node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    ahead, behind = [1, 2, 0], [2, 0, 1]
    return np.asarray(a[..., ahead] * b[..., behind] - a[..., behind] * b[..., ahead])


cross = array_op(
    "cross",
    doc="The cross product of two vectors with 3 entries (along the last axis).",
    operands=("a", "b"),
    latex=r"{0} \times {1}",
    signature="...(3),(3)->(3)",
    derivative=Structured(bilinear_pushforward, cross_pullback),
    expand=cross_expand,
    reference=cross_reference,
    references=("Petersen & Pedersen, The Matrix Cookbook (2012), section 10",),
)
