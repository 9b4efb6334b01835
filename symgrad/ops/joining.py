"""Arrays put together: concatenate, stack, hstack, vstack, block.

All are linear, so tangents are put together alike, and cotangents are cut up into the parts of the operands.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.calls import Variadic
from symgrad.core.dims import Shape, Size, shape_text
from symgrad.core.expr import Apply, Expr, Parameter, ParameterKind, Structured
from symgrad.core.indexing import FULL, Cut, Pick
from symgrad.core.numeric import ArrayKernel, Concatenate
from symgrad.core.shapes import normalise_axis
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.constants import zeros
from symgrad.ops.define import array_op
from symgrad.ops.infer import SAME_ENTRIES
from symgrad.ops.shaping import Sizes, reshape

Pairs = Iterator[tuple[Size, Size]]


@dataclass(frozen=True, slots=True)
class Joint:
    """The axis along which arrays are put together."""

    axis: int = 0


def read_axis(given: Mapping[str, Any], rank: int) -> int:
    axis = given.get("axis", 0)
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise OperandError(f"axis is an integer, not {axis!r}")
    return normalise_axis(axis, rank) if rank else axis


def or_zeros(node: Apply, tangents: tuple[Expr | None, ...]) -> tuple[Expr, ...]:
    return tuple(zeros(x.shape) if x_dot is None else x_dot for x, x_dot in zip(node.operands, tangents, strict=True))


def joined_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    return node.op.make(or_zeros(node, tangents), node.params)


def joined_shape(name: str, shapes: Sequence[Shape], axis: int) -> Shape:
    """Return the shape of arrays put together along an axis; ShapeError unless all other sizes are equal."""
    first = shapes[0]
    for shape in shapes:
        if not shape:
            raise ShapeError(f"{name} takes arrays, not numbers; stack puts numbers together")
        if len(shape) != len(first):
            raise ShapeError(
                f"{name} takes arrays with equally many axes, not {shape_text(first)} and {shape_text(shape)}"
            )
        if any(a != b for k, (a, b) in enumerate(zip(first, shape, strict=True)) if k != axis):
            raise ShapeError(
                f"{name} of {shape_text(first)} and {shape_text(shape)} along axis {axis}: the other sizes differ"
            )
    total: Size = 0
    for shape in shapes:
        total = total + shape[axis]
    return (*first[:axis], total, *first[axis + 1 :])


def equal_but(shapes: Sequence[Shape], axis: int) -> Pairs:
    """Yield the pairs of sizes that are equal where arrays are put together along an axis."""
    for shape in shapes[1:]:
        if len(shape) == len(shapes[0]):
            yield from ((a, b) for k, (a, b) in enumerate(zip(shapes[0], shape, strict=True)) if k != axis)


# --- concatenate -----------------------------------------------------------------------------------------------------


def prepare_concatenate(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Joint:
    return Joint(read_axis(given, operands[0].ndim))


def concatenate_shape(shapes: tuple[Shape, ...], params: Joint) -> Shape:
    return joined_shape("concatenate", shapes, params.axis)


def concatenate_sizes(shapes: Sequence[Shape], given: Mapping[str, Any]) -> Pairs:
    return equal_but(shapes, read_axis(given, len(shapes[0])))


def only_operand(operands: tuple[Expr, ...], _params: object) -> Expr | None:
    return operands[0] if len(operands) == 1 and operands[0].ndim else None


def starts(node: Apply) -> list[Size]:
    """Return where each operand begins along the axis of a concatenation."""
    found: list[Size] = []
    at: Size = 0
    for x in node.operands:
        found.append(at)
        at = at + x.shape[node.parameters(Joint).axis]
    return found


def concatenate_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    axis = node.parameters(Joint).axis
    before = [FULL] * (cotangent.ndim - node.ndim + axis)
    return tuple(
        cotangent[(*before, Cut(start, start + x.shape[axis]))]
        for x, start in zip(node.operands, starts(node), strict=True)
    )


def concatenate_numeric(node: Apply) -> ArrayKernel:
    return Concatenate(node.parameters(Joint).axis)


def concatenate_reference(node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.concatenate(xs, axis=node.parameters(Joint).axis)


concatenate = array_op(
    "concatenate",
    doc="The arrays one behind the other along an axis; their other sizes are equal.",
    properties=SAME_ENTRIES,
    variadic=Variadic.GROUPED,
    shape=concatenate_shape,
    equal_sizes=concatenate_sizes,
    parameters=(Parameter("axis", ParameterKind.AXIS, 0),),
    prepare=prepare_concatenate,
    canonical=only_operand,
    derivative=Structured(joined_pushforward, concatenate_pullback),
    numeric=concatenate_numeric,
    reference=concatenate_reference,
)


# --- stack -----------------------------------------------------------------------------------------------------------


def prepare_stack(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Joint:
    return Joint(read_axis(given, operands[0].ndim + 1))


def stack_shape(shapes: tuple[Shape, ...], params: Joint) -> Shape:
    for shape in shapes:
        if shape != shapes[0]:
            raise ShapeError(f"stack takes arrays of one shape, not {shape_text(shapes[0])} and {shape_text(shape)}")
    return (*shapes[0][: params.axis], len(shapes), *shapes[0][params.axis :])


def stack_sizes(shapes: Sequence[Shape], _given: Mapping[str, Any]) -> Pairs:
    return equal_but(shapes, -1)


def stack_expand(node: Apply) -> Expr:
    axis = node.parameters(Joint).axis
    shape = (*node.shape[:axis], 1, *node.shape[axis + 1 :])
    return concatenate([reshape(x, shape) for x in node.operands], axis=axis)


def stack_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    before = [FULL] * (cotangent.ndim - node.ndim + node.parameters(Joint).axis)
    return tuple(cotangent[(*before, Pick(position))] for position in range(len(node.operands)))


def stack_reference(node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.stack(xs, axis=node.parameters(Joint).axis)


stack = array_op(
    "stack",
    doc="Arrays of one shape (or numbers) along a new axis.",
    properties=SAME_ENTRIES,
    variadic=Variadic.GROUPED,
    shape=stack_shape,
    equal_sizes=stack_sizes,
    parameters=(Parameter("axis", ParameterKind.AXIS, 0),),
    prepare=prepare_stack,
    derivative=Structured(joined_pushforward, stack_pullback),
    expand=stack_expand,
    reference=stack_reference,
)


# --- hstack and vstack -----------------------------------------------------------------------------------------------


def columns_axis(rank: int) -> int:
    """Return the axis along which hstack puts arrays with so many axes together."""
    return 0 if rank == 1 else 1


def hstack_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    return joined_shape("hstack", shapes, columns_axis(len(shapes[0])))


def hstack_sizes(shapes: Sequence[Shape], _given: Mapping[str, Any]) -> Pairs:
    return equal_but(shapes, columns_axis(len(shapes[0])))


def hstack_expand(node: Apply) -> Expr:
    return concatenate(node.operands, axis=columns_axis(node.ndim))


def hstack_reference(_node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.hstack(xs)


hstack = array_op(
    "hstack",
    doc="Matrices side by side; vectors one behind the other.",
    properties=SAME_ENTRIES,
    variadic=Variadic.GROUPED,
    shape=hstack_shape,
    equal_sizes=hstack_sizes,
    canonical=only_operand,
    expand=hstack_expand,
    reference=hstack_reference,
)


def vstack_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    vectors = len(shapes[0]) == 1
    return stack_shape(shapes, Joint()) if vectors else joined_shape("vstack", shapes, 0)


def vstack_sizes(shapes: Sequence[Shape], _given: Mapping[str, Any]) -> Pairs:
    return equal_but(shapes, -1 if len(shapes[0]) == 1 else 0)


def vstack_expand(node: Apply) -> Expr:
    vectors = node.operands[0].ndim == 1
    return stack(node.operands, axis=0) if vectors else concatenate(node.operands, axis=0)


def vstack_reference(_node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.vstack(xs)


vstack = array_op(
    "vstack",
    doc="Matrices below one another; vectors as the rows of a matrix.",
    properties=SAME_ENTRIES,
    variadic=Variadic.GROUPED,
    shape=vstack_shape,
    equal_sizes=vstack_sizes,
    expand=vstack_expand,
    reference=vstack_reference,
)


# --- block -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Rows:
    """How many blocks each row has."""

    rows: tuple[int, ...]

    def split(self, parts: Sequence[Any]) -> list[tuple[Any, ...]]:
        """Return the parts in rows."""
        rest = iter(parts)
        return [tuple(next(rest) for _ in range(count)) for count in self.rows]


def prepare_block(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Rows:
    rows = tuple(given.get("rows", ()))
    if np.sum(rows) != len(operands) or not all(rows):
        raise OperandError(f"rows={rows} does not say how {len(operands)} blocks make rows")
    return Rows(rows)


def block_shape(shapes: tuple[Shape, ...], params: Rows) -> Shape:
    for shape in shapes:
        if len(shape) != 2:
            raise ShapeError(f"block takes matrices, not an array of shape {shape_text(shape)}; write v as v[:, None]")
    return joined_shape("block", [joined_shape("block", row, 1) for row in params.split(shapes)], 0)


def block_sizes(shapes: Sequence[Shape], given: Mapping[str, Any]) -> Pairs:
    """Blocks in a row are equally high; where all rows have equally many, those in a column are equally wide."""
    if any(len(shape) != 2 for shape in shapes):
        return
    rows = Rows(given["rows"]).split(shapes)
    for row in rows:
        yield from equal_but(row, 1)
        if len(row) == len(rows[0]):
            yield from ((a[1], b[1]) for a, b in zip(rows[0], row, strict=True))


def block_expand(node: Apply) -> Expr:
    rows = [concatenate(row, axis=1) for row in node.parameters(Rows).split(node.operands)]
    return concatenate(rows, axis=0)


def block_reference(node: Apply, _sizes: Sizes, *xs: np.ndarray) -> np.ndarray:
    return np.asarray(np.block([list(row) for row in node.parameters(Rows).split(xs)]))


block = array_op(
    "block",
    doc="A matrix made of blocks, given row by row.",
    properties=SAME_ENTRIES,
    operands=("A",),
    variadic=Variadic.NESTED,
    shape=block_shape,
    equal_sizes=block_sizes,
    parameters=(Parameter("rows", ParameterKind.ROWS),),
    prepare=prepare_block,
    expand=block_expand,
    reference=block_reference,
)
