"""Arrays whose elements, or the places they come from, follow no pattern: what a rolled formula is made of.

Only `lowering/rolling` builds these ops, inside of kernels, so they are not in the registry.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import Apply, Expr, Flat, OpDef, Transposed
from symgrad.core.indexing import Cut
from symgrad.core.numeric import AddAt, ArrayKernel, Constants, Table, Take
from symgrad.core.properties import Properties, Property
from symgrad.errors import ShapeError
from symgrad.ops.infer import SAME_ENTRIES
from symgrad.ops.shaping import Sizes, concrete


@dataclass(frozen=True, slots=True)
class Tabulated:
    """A table and the shape of the result."""

    table: Table
    shape: Shape


def constants_shape(_shapes: tuple[Shape, ...], params: Tabulated) -> Shape:
    return params.shape


def take_shape(shapes: tuple[Shape, ...], params: Tabulated) -> Shape:
    if len(shapes[0]) != 1:
        raise ShapeError(f"take needs a vector, not an array of shape {shape_text(shapes[0])}")
    return params.shape


def add_at_shape(shapes: tuple[Shape, ...], params: Tabulated) -> Shape:
    count = len(params.table.values())
    if shapes[0] != (count,):
        raise ShapeError(f"add_at needs a vector of {count} entries, not an array of shape {shape_text(shapes[0])}")
    return params.shape


def constants_properties(_operands: tuple[Expr, ...], params: Tabulated) -> Properties:
    values = params.table.values()
    lowest = min(values)
    if lowest > 0:
        return frozenset({Property.POSITIVE})
    found = {Property.NONNEGATIVE} if lowest >= 0 else set()
    return frozenset(found | {Property.NONZERO} if all(values) else found)


def constants_numeric(node: Apply) -> ArrayKernel:
    return Constants(node.parameters(Tabulated).table)


def constants_reference(node: Apply, _sizes: Sizes) -> np.ndarray:
    return np.array(node.parameters(Tabulated).table.values())


constants = OpDef(
    name="constants",
    doc="A vector of given numbers.",
    operand_names=(),
    shape=constants_shape,
    properties=constants_properties,
    derivative=Flat(),
    numeric=constants_numeric,
    reference=constants_reference,
)


def take_cotangent(node: Apply, cotangent: Expr) -> Expr:
    (x,) = node.operands
    return add_at.make((cotangent,), Tabulated(node.parameters(Tabulated).table, x.shape))


def take_numeric(node: Apply) -> ArrayKernel:
    return Take(node.parameters(Tabulated).table)


def take_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return np.take(x, np.array(node.parameters(Tabulated).table.values()))


take = OpDef(
    name="take",
    doc="Elements of a vector at given positions.",
    operand_names=("x",),
    shape=take_shape,
    properties=SAME_ENTRIES,
    derivative=Transposed(take_cotangent),
    numeric=take_numeric,
    reference=take_reference,
)


def add_at_cotangent(node: Apply, cotangent: Expr) -> Expr:
    (x,) = node.operands
    return take.make((cotangent,), Tabulated(node.parameters(Tabulated).table, x.shape))


def add_at_numeric(node: Apply) -> ArrayKernel:
    return AddAt(node.parameters(Tabulated).table)


def add_at_reference(node: Apply, sizes: Sizes, x: np.ndarray) -> np.ndarray:
    result = np.zeros(concrete(node.shape, sizes), x.dtype)
    np.add.at(result.reshape(-1), np.array(node.parameters(Tabulated).table.values()), x)
    return result


add_at = OpDef(
    name="add_at",
    doc="Zeros, to which the entries of a vector are added at given positions.",
    operand_names=("x",),
    shape=add_at_shape,
    derivative=Transposed(add_at_cotangent),
    numeric=add_at_numeric,
    reference=add_at_reference,
)


def constant_vector(values: Sequence[float]) -> Expr:
    """Return the vector of these numbers."""
    return constants.make((), Tabulated(Table.of("d", values), (len(values),)))


def elements(x: Expr, positions: Sequence[int]) -> Expr:
    """Return the vector of x[p] for each position p, for a vector x: a slice where the steps are equal."""
    count, first = len(positions), positions[0]
    step = positions[1] - first if count > 1 else 1
    if step > 0 and all(p == first + k * step for k, p in enumerate(positions)):
        return x[Cut(first, positions[-1] + 1, step)]
    return take.make((x,), Tabulated(Table.of("i", positions), (count,)))
