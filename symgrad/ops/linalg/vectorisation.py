"""The vec operator, which stacks the columns of a matrix, and the matrix that vec of a transpose takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import Shape, Size, element_count, evaluate
from symgrad.core.expr import Apply, Expr, Flat, Parameter, ParameterKind
from symgrad.core.indexing import FULL, NewAxis
from symgrad.core.properties import Property
from symgrad.errors import ShapeError
from symgrad.ops.constants import eye
from symgrad.ops.define import array_op
from symgrad.ops.infer import SAME_ENTRIES, Always
from symgrad.ops.shaping import Sizes, as_shape, reshape, transpose

_NEW = NewAxis()


def vec_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    return (element_count(shapes[0]),)


def vec_of_vector(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    """A vector is its own vec, and a number a vector of one entry."""
    (x,) = operands
    return None if x.ndim > 1 else reshape(x, (element_count(x.shape),))


def vec_expand(node: Apply) -> Expr:
    return reshape(transpose(node.operands[0]), node.shape)


def vec_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.ravel(x, order="F")


vec = array_op(
    "vec",
    doc="The columns of a matrix stacked in one vector; of an array, the entries with the first axis running fastest.",
    properties=SAME_ENTRIES,
    latex=r"\operatorname{vec}",
    shape=vec_shape,
    canonical=vec_of_vector,
    expand=vec_expand,
    reference=vec_reference,
    references=("Magnus & Neudecker, Matrix Differential Calculus (3rd ed., 2019), chapter 2.4",),
)


@dataclass(frozen=True, slots=True)
class Extents:
    """The shape of the matrix whose vec is permuted."""

    m: Size
    n: Size


def prepare_extents(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Extents:
    m, n = as_shape((given["m"], given["n"]))
    if -1 in (m, n):
        raise ShapeError("a size cannot be -1")
    return Extents(m, n)


def commutation_shape(_shapes: tuple[Shape, ...], params: Extents) -> Shape:
    return (params.m * params.n,) * 2


def commutation_of_vector(_operands: tuple[Expr, ...], params: Extents) -> Expr | None:
    """A row and a column have the same vec."""
    return eye(params.m * params.n) if 1 in (params.m, params.n) else None


def commutation_expand(node: Apply) -> Expr:
    """The entry [i*n + j, l*m + k] is 1 where i is k and j is l: A.T has A[i, j] at [j, i]."""
    extents = node.parameters(Extents)
    return reshape(eye(extents.m)[:, _NEW, _NEW] * eye(extents.n)[(FULL, FULL, _NEW)], node.shape)


def commutation_reference(node: Apply, sizes: Sizes) -> np.ndarray:
    extents = node.parameters(Extents)
    m, n = evaluate(extents.m, sizes), evaluate(extents.n, sizes)
    return np.eye(m * n)[np.arange(m * n).reshape((n, m)).T.ravel()]


PERMUTATION = Always(frozenset({Property.ORTHOGONAL, Property.NONNEGATIVE}))
commutation = array_op(
    "commutation",
    doc="The commutation matrix K, for which vec(A.T) = K @ vec(A) for every A of shape (m, n).",
    properties=PERMUTATION,
    operands=(),
    latex="K",
    shape=commutation_shape,
    parameters=(Parameter("m", ParameterKind.SIZE), Parameter("n", ParameterKind.SIZE)),
    prepare=prepare_extents,
    canonical=commutation_of_vector,
    derivative=Flat(),
    expand=commutation_expand,
    reference=commutation_reference,
    references=("Magnus & Neudecker, Matrix Differential Calculus (3rd ed., 2019), chapter 3.7",),
)
