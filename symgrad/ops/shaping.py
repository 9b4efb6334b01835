"""Ops that move elements without computing: transpose, reshape, subscripts, diagonals.

All are linear in their operand, so a derivative is the transposed map. Cotangents may carry batch axes in front.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import Dim, Shape, Size, element_count, evaluate, shape_text
from symgrad.core.expr import (
    Apply,
    Expr,
    Parameter,
    ParameterKind,
    Transposed,
)
from symgrad.core.indexing import FULL, Index, NewAxis, Selection, as_index, pad_index, resolve
from symgrad.core.notation import Postfix, Subscript
from symgrad.core.numeric import Along, ArrayKernel, Gather, IndexMap, Reshape, Scatter
from symgrad.core.properties import MATRIX, NONE, Properties, Property
from symgrad.core.shapes import normalise_axis
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.define import array_op
from symgrad.ops.infer import ENTRYWISE, SAME_ENTRIES, of_total

Sizes = Mapping[str, int]


def as_shape(value: object) -> Shape:
    """Read a shape: a size or a sequence of sizes. OperandError for anything else."""
    sizes = tuple(value) if isinstance(value, tuple | list) else (value,)
    for size in sizes:
        if isinstance(size, bool) or not isinstance(size, int | Dim):
            raise OperandError(f"a shape is made of sizes, not of {size!r}")
        if isinstance(size, int) and size < -1:
            raise ShapeError(f"a size cannot be {size}")
    return sizes


def concrete(shape: Shape, sizes: Sizes) -> tuple[int, ...]:
    """Return the shape with numbers for names."""
    return tuple(evaluate(size, sizes) for size in shape)


# --- transpose -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Permutation:
    """`axes[k]` is the operand's axis that becomes axis k; None reverses all."""

    axes: tuple[int, ...] | None = None

    def order(self, rank: int) -> tuple[int, ...]:
        return tuple(reversed(range(rank))) if self.axes is None else self.axes


def prepare_transpose(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Permutation:
    axes = given.get("axes")
    rank = operands[0].ndim
    if axes is None:
        return Permutation()
    order = tuple(normalise_axis(axis, rank) for axis in axes)
    if sorted(order) != list(range(rank)):
        raise ShapeError(f"axes={tuple(axes)} is not a permutation of {rank} axes")
    return Permutation(None if order == tuple(reversed(range(rank))) else order)


def transpose_shape(shapes: tuple[Shape, ...], params: Permutation) -> Shape:
    return tuple(shapes[0][axis] for axis in params.order(len(shapes[0])))


def identity_transpose(operands: tuple[Expr, ...], params: Permutation) -> Expr | None:
    """The transpose of a vector is the vector, as in NumPy."""
    (x,) = operands
    return x if params.order(x.ndim) == tuple(range(x.ndim)) else None


def transpose_cotangent(node: Apply, cotangent: Expr) -> Expr:
    order = node.parameters(Permutation).order(node.ndim)
    batch = cotangent.ndim - node.ndim
    inverse = sorted(range(node.ndim), key=order.__getitem__)
    return transpose(cotangent, axes=(*range(batch), *(batch + axis for axis in inverse)))


def transpose_numeric(node: Apply) -> ArrayKernel:
    order = node.parameters(Permutation).order(node.ndim)
    return Gather(tuple(Along(order.index(axis)) for axis in range(node.ndim)))


def transpose_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.transpose(x, node.parameters(Permutation).order(x.ndim))


def transpose_properties(operands: tuple[Expr, ...], params: Permutation) -> Properties:
    """Entries keep what they have; a matrix whose two axes change places turns its triangles round."""
    (x,) = operands
    found = x.properties & ENTRYWISE
    rank = x.ndim
    if params.order(rank) == (*range(rank - 2), rank - 1, rank - 2):
        found |= x.properties & (MATRIX - {Property.LOWER, Property.UPPER})
        found |= {Property.UPPER} if Property.LOWER in x.properties else NONE
        found |= {Property.LOWER} if Property.UPPER in x.properties else NONE
    return found


transpose = array_op(
    "transpose",
    doc="The axes in reverse order (`x.T`), or in the order `axes`.",
    properties=transpose_properties,
    aliases=("permute",),
    notation=Postfix(".T"),
    latex=r"{0}^{{\top}}",
    shape=transpose_shape,
    parameters=(Parameter("axes", ParameterKind.AXES, None),),
    prepare=prepare_transpose,
    canonical=identity_transpose,
    derivative=Transposed(transpose_cotangent),
    numeric=transpose_numeric,
    reference=transpose_reference,
    sympy="symgrad.ops.sympy_forms:transpose",
)


def swap(x: Expr) -> Expr:
    """Return x with its last two axes exchanged."""
    rank = x.ndim
    return transpose(x, axes=(*range(rank - 2), rank - 1, rank - 2))


# --- reshape --------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Target:
    """A target shape."""

    shape: Shape


def prepare_reshape(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Target:
    (x,) = operands
    shape = as_shape(given["shape"])
    count = element_count(x.shape)
    if shape.count(-1) == 1:
        known = element_count(tuple(size for size in shape if size != -1))
        shape = tuple(_quotient(count, known) if size == -1 else size for size in shape)
    if -1 in shape or element_count(shape) != count:
        raise ShapeError(f"an array of shape {shape_text(x.shape)} cannot take the shape {shape_text(shape)}")
    return Target(shape)


def _quotient(count: Size, known: Size) -> Size:
    """Return count/known when it is a size for sure, else -1."""
    if isinstance(known, int):
        exact = known > 0 and (count // known) * known == count
        return count // known if exact else -1
    if isinstance(count, Dim) and len(known.terms) == 1:
        monomial, coefficient = known.terms[0]
        rest: Size = 0
        for factors, multiple in count.terms:
            left = list(factors)
            for atom in monomial:
                if atom not in left:
                    return -1
                left.remove(atom)
            if multiple % coefficient:
                return -1
            rest = rest + Dim(((tuple(left), multiple // coefficient),)) if left else rest + multiple // coefficient
        return rest
    return -1


def target_shape(_shapes: tuple[Shape, ...], params: Target) -> Shape:
    return params.shape


def same_shape(operands: tuple[Expr, ...], params: Target) -> Expr | None:
    (x,) = operands
    return x if x.shape == params.shape else None


def reshape_cotangent(node: Apply, cotangent: Expr) -> Expr:
    (x,) = node.operands
    batch = cotangent.ndim - node.ndim
    return reshape(cotangent, cotangent.shape[:batch] + x.shape)


def reshape_reference(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.reshape(x, concrete(node.shape, sizes))


reshape = array_op(
    "reshape",
    doc="The same elements, in row-major order, in another shape. One size may be -1.",
    properties=SAME_ENTRIES,
    latex=r"\operatorname{reshape}",
    shape=target_shape,
    parameters=(Parameter("shape", ParameterKind.SHAPE),),
    prepare=prepare_reshape,
    canonical=same_shape,
    derivative=Transposed(reshape_cotangent),
    numeric=Reshape(),
    reference=reshape_reference,
    sympy="symgrad.ops.sympy_forms:reshape",
)


# --- subscripts ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subscripts:
    """The inside of the brackets, in normal form."""

    index: Index


def select(node: Apply) -> Selection:
    return resolve(node.operands[0].shape, node.parameters(Subscripts).index)


def prepare_index(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Subscripts:
    return Subscripts(resolve(operands[0].shape, as_index(given["index"])).index)


def index_shape(shapes: tuple[Shape, ...], params: Subscripts) -> Shape:
    return resolve(shapes[0], params.index).shape


def whole_array(operands: tuple[Expr, ...], params: Subscripts) -> Expr | None:
    return None if params.index else operands[0]


def index_requires(node: Apply) -> tuple[tuple[Dim, str], ...]:
    return select(node).requirements


def index_cotangent(node: Apply, cotangent: Expr) -> Expr:
    (x,) = node.operands
    index = node.parameters(Subscripts).index
    batch = cotangent.ndim - node.ndim
    if all(item == FULL or isinstance(item, NewAxis) for item in index):
        return reshape(cotangent, cotangent.shape[:batch] + x.shape)
    return scatter(cotangent, pad_index(batch, index), cotangent.shape[:batch] + x.shape)


def index_numeric(node: Apply) -> ArrayKernel:
    return Gather(select(node).map)


def numpy_index(source: IndexMap, shape: Shape, sizes: Sizes) -> tuple[Any, ...]:
    """Return positions for NumPy's advanced indexing: one array for each axis of the source."""
    loops = concrete(shape, sizes)
    positions: list[Any] = []
    for along in source:
        offset = evaluate(along.offset, sizes)
        if along.axis is None:
            positions.append(np.full((1,) * len(loops), offset))
            continue
        extent = loops[along.axis]
        steps = offset + along.step * np.arange(extent)
        positions.append(steps.reshape([extent if axis == along.axis else 1 for axis in range(len(loops))]))
    return tuple(positions)


def index_reference(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.reshape(x[numpy_index(select(node).map, node.shape, sizes)], concrete(node.shape, sizes))


index = array_op(
    "index",
    doc="Elements, slices and new axes, as in NumPy's basic indexing.",
    properties=SAME_ENTRIES,
    notation=Subscript(),
    shape=index_shape,
    parameters=(Parameter("index", ParameterKind.INDEX),),
    prepare=prepare_index,
    canonical=whole_array,
    requires=index_requires,
    derivative=Transposed(index_cotangent),
    numeric=index_numeric,
    reference=index_reference,
    sympy="symgrad.ops.sympy_forms:index",
)


def append_axes(x: Expr, count: int) -> Expr:
    """Return x with `count` axes of size 1 behind, to multiply arrays with; a number needs none."""
    return x[(*[FULL] * x.ndim, *[NewAxis()] * count)] if x.ndim else x


@dataclass(frozen=True, slots=True)
class Placement:
    """Where in an array of zeros the operand goes."""

    index: Index
    shape: Shape


def placed(params: Placement) -> Selection:
    return resolve(params.shape, params.index)


def prepare_scatter(_operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Placement:
    shape = as_shape(given["shape"])
    return Placement(resolve(shape, as_index(given["index"])).index, shape)


def scatter_shape(shapes: tuple[Shape, ...], params: Placement) -> Shape:
    wanted = placed(params).shape
    if shapes[0] != wanted:
        raise ShapeError(f"scatter needs an operand of shape {shape_text(wanted)}, not {shape_text(shapes[0])}")
    return params.shape


def scatter_requires(node: Apply) -> tuple[tuple[Dim, str], ...]:
    return placed(node.parameters(Placement)).requirements


def scatter_cotangent(node: Apply, cotangent: Expr) -> Expr:
    return index(cotangent, pad_index(cotangent.ndim - node.ndim, node.parameters(Placement).index))


def scatter_numeric(node: Apply) -> ArrayKernel:
    return Scatter(placed(node.parameters(Placement)).map)


def scatter_reference(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    selection = placed(node.parameters(Placement))
    result = np.zeros(concrete(node.shape, sizes), x.dtype)
    entries = np.reshape(x, concrete(selection.shape, sizes))[()]  # a number, not an array in an entry of objects
    result[numpy_index(selection.map, selection.shape, sizes)] = entries
    return result


scatter = array_op(
    "scatter",
    doc="Zeros of the given shape, with the operand at the index: the transposed map of x[index].",
    properties=of_total,
    latex=r"\operatorname{scatter}",
    shape=scatter_shape,
    parameters=(Parameter("index", ParameterKind.INDEX), Parameter("shape", ParameterKind.SHAPE)),
    prepare=prepare_scatter,
    requires=scatter_requires,
    derivative=Transposed(scatter_cotangent),
    numeric=scatter_numeric,
    reference=scatter_reference,
    sympy="symgrad.ops.sympy_forms:scatter",
)


# --- diagonals -----------------------------------------------------------------------------------------------------


def diagonal_cotangent(_node: Apply, cotangent: Expr) -> Expr:
    return diag(cotangent) if cotangent.ndim == 1 else diag_embed(cotangent)


def diagonal_numeric(node: Apply) -> ArrayKernel:
    last = node.ndim - 1
    return Gather((*(Along(axis) for axis in range(last)), Along(last), Along(last)))


def diagonal_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.diagonal(x, axis1=-2, axis2=-1)


def diag_cotangent(_node: Apply, cotangent: Expr) -> Expr:
    return diagonal(cotangent)


def diag_numeric(node: Apply) -> ArrayKernel:
    last = node.ndim - 2
    return Scatter((*(Along(axis) for axis in range(last)), Along(last), Along(last)))


def diag_reference(_node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    n = x.shape[-1]
    result = np.zeros((*x.shape, n), x.dtype)
    result[..., np.arange(n), np.arange(n)] = x
    return result


def diagonal_of_matrix(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    """As np.diag: of a vector the diagonal matrix, of a matrix its diagonal."""
    return diagonal(operands[0]) if operands[0].ndim == 2 else None


def diag_of_vector(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    return diag(operands[0]) if operands[0].ndim == 1 else None


def diagonal_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    (x,) = operands
    found = x.properties & ENTRYWISE
    found |= {Property.NONNEGATIVE} if Property.PSD in x.properties else NONE
    triangular = x.properties & {Property.LOWER, Property.UPPER} and Property.INVERTIBLE in x.properties
    found |= {Property.NONZERO} if triangular else NONE
    return found | {Property.POSITIVE} if Property.SPD in x.properties else found


def diag_properties(operands: tuple[Expr, ...], _params: object) -> Properties:
    (x,) = operands
    found = frozenset({Property.DIAGONAL}) | x.properties & {Property.NONNEGATIVE}
    found |= {Property.PSD} if Property.NONNEGATIVE in x.properties else NONE
    return found | {Property.INVERTIBLE} if Property.NONZERO in x.properties else found


diagonal = array_op(
    "diagonal",
    doc="The diagonal of a square matrix, on the last two axes.",
    properties=diagonal_properties,
    latex=r"\operatorname{diag}",
    signature="...(n,n)->(n)",
    derivative=Transposed(diagonal_cotangent),
    numeric=diagonal_numeric,
    reference=diagonal_reference,
)
diag = array_op(
    "diag",
    doc="The diagonal matrix of a vector; of a matrix, its diagonal.",
    properties=diag_properties,
    latex=r"\operatorname{diag}",
    signature="(n)->(n,n) | (n,n)->(n)",
    canonical=diagonal_of_matrix,
    derivative=Transposed(diag_cotangent),
    numeric=diag_numeric,
    reference=diag_reference,
    sympy="symgrad.ops.sympy_forms:diag",
)
diag_embed = array_op(
    "diag_embed",
    doc="The diagonal matrix of each vector along the last axis.",
    properties=diag_properties,
    latex=r"\operatorname{diag}",
    signature="...(n)->(n,n)",
    canonical=diag_of_vector,
    derivative=Transposed(diag_cotangent),
    numeric=diag_numeric,
    reference=diag_reference,
)
