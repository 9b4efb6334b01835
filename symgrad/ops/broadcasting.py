"""Broadcasting and the sum: each is the transposed map of the other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import Apply, Expr, Parameter, ParameterKind, Transposed
from symgrad.core.indexing import FULL, NewAxis
from symgrad.core.numeric import Along, ArrayKernel, Gather, Instruction, Reduce
from symgrad.core.shapes import broadcast, normalise_axis
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.define import array_op
from symgrad.ops.infer import SAME_ENTRIES, of_total
from symgrad.ops.shaping import Sizes, Target, as_shape, concrete, index, reshape, same_shape, target_shape


def prepare_broadcast(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Target:
    (x,) = operands
    shape = as_shape(given["shape"])
    if broadcast(x.shape, shape) != shape:
        raise ShapeError(f"an array of shape {shape_text(x.shape)} does not broadcast to {shape_text(shape)}")
    return Target(shape)


def broadcast_cotangent(node: Apply, cotangent: Expr) -> Expr:
    return unbroadcast(cotangent, node.operands[0].shape, cotangent.ndim - node.ndim)


def broadcast_numeric(node: Apply) -> ArrayKernel:
    (x,) = node.operands
    lead = node.ndim - x.ndim
    return Gather(
        tuple(
            Along(None, 0, 0) if size == 1 and node.shape[lead + axis] != 1 else Along(lead + axis)
            for axis, size in enumerate(x.shape)
        )
    )


def broadcast_reference(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.broadcast_to(x, concrete(node.shape, sizes))


broadcast_to = array_op(
    "broadcast_to",
    doc="The array repeated along new axes and axes of size 1, to the given shape.",
    properties=SAME_ENTRIES,
    latex=r"\operatorname{broadcast}",
    shape=target_shape,
    parameters=(Parameter("shape", ParameterKind.SHAPE),),
    prepare=prepare_broadcast,
    canonical=same_shape,
    derivative=Transposed(broadcast_cotangent),
    numeric=broadcast_numeric,
    reference=broadcast_reference,
    sympy="symgrad.ops.sympy_forms:broadcast",
)


def unbroadcast(x: Expr, shape: Shape, batch: int = 0) -> Expr:
    """Sum out what broadcasting repeated: x has `batch` axes, then a shape that `shape` broadcasts to.

    The result has the batch axes and then `shape`.
    """
    front, back = x.shape[:batch], x.shape[batch:]
    lead = len(back) - len(shape)
    extra = range(batch, batch + lead)
    ones = [batch + lead + axis for axis, size in enumerate(shape) if size == 1 and back[lead + axis] != 1]
    if not extra and not ones:
        return x
    total = sum(x, axis=(*extra, *ones))
    return reshape(total, front + shape) if ones else total


# --- reductions: what all of them share, and the sum ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes that are reduced (None: all of them; one: an int), and whether they stay with size 1."""

    axis: int | tuple[int, ...] | None = None
    keepdims: bool = False

    def reduced(self, rank: int) -> tuple[int, ...]:
        """Return the reduced axes in rising order."""
        if self.axis is None:
            return tuple(range(rank))
        return (self.axis,) if isinstance(self.axis, int) else self.axis


REDUCTION_PARAMETERS = (
    Parameter("axis", ParameterKind.AXIS, None),
    Parameter("keepdims", ParameterKind.FLAG, False),
)


def prepare_reduction(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Axes:
    rank = operands[0].ndim
    keepdims = given.get("keepdims", False)
    if not isinstance(keepdims, bool):
        raise OperandError(f"keepdims is True or False, not {keepdims!r}")
    return Axes(normalise_axes(given.get("axis"), rank), keepdims)


def normalise_axes(axis: object, rank: int) -> int | tuple[int, ...] | None:
    """Return axes in normal form: rising, None for all, an int for one. ShapeError for one that is not there."""
    if axis is None:
        return None
    entries = axis if isinstance(axis, tuple | list) else (axis,)
    for entry in entries:
        if isinstance(entry, bool) or not isinstance(entry, int):
            raise OperandError(f"axis is an integer, a tuple of integers or None, not {axis!r}")
    axes = sorted({normalise_axis(entry, rank) for entry in entries})
    if len(axes) != len(entries):
        raise ShapeError(f"axis={axis} names an axis twice")
    if len(axes) == rank:
        return None
    return axes[0] if len(axes) == 1 else tuple(axes)


def reduced_shape(shapes: tuple[Shape, ...], params: Axes) -> Shape:
    axes = params.reduced(len(shapes[0]))
    if params.keepdims:
        return tuple(1 if axis in axes else size for axis, size in enumerate(shapes[0]))
    return tuple(size for axis, size in enumerate(shapes[0]) if axis not in axes)


def scalar_operand(operands: tuple[Expr, ...], params: Axes) -> Expr | None:
    """Reducing no axes does nothing."""
    (x,) = operands
    return None if params.reduced(x.ndim) else x


def restore_axes(node: Apply, reduced: Expr) -> Expr:
    """Return `reduced` (batch axes, then the reduced shape of `node`) with axes of size 1 where `node` reduced."""
    params = node.parameters(Axes)
    if params.keepdims or reduced.ndim == 0:  # a number broadcasts as it is
        return reduced
    (x,) = node.operands
    axes = params.reduced(x.ndim)
    batch = reduced.ndim - node.ndim
    return index(reduced, (*[FULL] * batch, *(NewAxis() if axis in axes else FULL for axis in range(x.ndim))))


def spread(node: Apply, reduced: Expr) -> Expr:
    """Return `reduced` (batch axes, then the shape of the reduction `node`) repeated along the reduced axes."""
    (x,) = node.operands
    front = reduced.shape[: reduced.ndim - node.ndim]
    return broadcast_to(restore_axes(node, reduced), front + x.shape)


def sum_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    params = node.parameters(Axes)
    return np.asarray(np.sum(x, axis=params.reduced(x.ndim), keepdims=params.keepdims))


def sum_numeric(node: Apply) -> ArrayKernel:
    params = node.parameters(Axes)
    return Reduce(Instruction.ADD, params.reduced(node.operands[0].ndim), params.keepdims)


sum = array_op(
    "sum",
    doc="The sum over the axes, over all of them by default.",
    properties=of_total,
    latex=r"\sum",
    shape=reduced_shape,
    parameters=REDUCTION_PARAMETERS,
    prepare=prepare_reduction,
    canonical=scalar_operand,
    derivative=Transposed(spread),
    numeric=sum_numeric,
    reference=sum_reference,
    sympy="symgrad.ops.sympy_forms:total",
)
