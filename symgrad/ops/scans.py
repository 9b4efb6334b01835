"""Running sums and products, and the linear recurrence that both are made of.

The recurrence is closed under differentiation: its tangent obeys a recurrence with the same coefficients, and so does
its cotangent, run the other way (Martin & Cundy, Parallelizing linear recurrent neural nets over sequence length, 2018,
section 2.2). It divides by nothing, so the derivative of a running product is right where entries are 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, Operand, Parameter, ParameterKind, Structured, Transposed
from symgrad.core.numeric import ArrayKernel, Recurrence
from symgrad.core.shapes import broadcast, normalise_axis
from symgrad.errors import OperandError, ShapeError
from symgrad.ops.broadcasting import unbroadcast
from symgrad.ops.define import array_op
from symgrad.ops.infer import ENTRYWISE, Shared, of_total
from symgrad.ops.shaping import Sizes, reshape

SOURCE = ("Martin & Cundy, Parallelizing linear recurrent neural nets over sequence length (2018), section 2.2",)


@dataclass(frozen=True, slots=True)
class Scan:
    """The axis along which to run (None: the only one), whether from its end, and the value to start from."""

    axis: int | None
    reverse: bool
    initial: int = 0

    def along(self, rank: int) -> int:
        """Return the axis as a number."""
        return rank - 1 if self.axis is None else self.axis


def read_axis(axis: object, rank: int) -> int | None:
    """Return the axis in normal form: None for the axis of a vector. None for more axes is left to the op."""
    if axis is None:
        return None
    if isinstance(axis, bool) or not isinstance(axis, int):
        raise OperandError(f"axis is an integer or None, not {axis!r}")
    position = normalise_axis(axis, rank)
    return None if rank == 1 else position


def read_flag(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise OperandError(f"{name} is True or False, not {value!r}")
    return value


def prepare_scan(operands: tuple[Expr, ...], given: Mapping[str, Any]) -> Scan:
    rank = len(broadcast(*(x.shape for x in operands)))
    initial = given.get("initial", 0)
    if isinstance(initial, bool) or not isinstance(initial, int):
        raise OperandError(f"initial is an integer, not {initial!r}")
    return Scan(read_axis(given.get("axis"), rank), read_flag("reverse", given.get("reverse", False)), initial)


SCAN_PARAMETERS = (Parameter("axis", ParameterKind.AXIS, None), Parameter("reverse", ParameterKind.FLAG, False))


# --- the recurrence --------------------------------------------------------------------------------------------------


def recurrence_shape(shapes: tuple[Shape, ...], params: Scan) -> Shape:
    shape = broadcast(*shapes)
    if params.axis is None and len(shape) != 1:
        raise ShapeError(f"recurrence needs an axis to run along for an array with {len(shape)} axes")
    return shape


def tail(node: Apply, a: Operand, b: Expr, other_way: bool = False) -> Expr:
    """Return the recurrence from 0 along the same axis; a and b may have batch axes in front."""
    params = node.parameters(Scan)
    axis = params.along(node.ndim) - node.ndim
    return recurrence(a, b, axis=axis, reverse=params.reverse != other_way)


def recurrence_pushforward(node: Apply, tangents: tuple[Expr | None, ...]) -> Expr:
    a, _ = node.operands
    a_dot, b_dot = tangents
    if a_dot is None:
        assert b_dot is not None  # the engine calls no pushforward when all tangents are zero
        return tail(node, a, b_dot)
    return tail(node, a, a_dot * node if b_dot is None else a_dot * node + b_dot)


def recurrence_pullback(node: Apply, cotangent: Expr) -> tuple[Expr, ...]:
    a, b = node.operands
    batch = cotangent.ndim - node.ndim
    b_bar = tail(node, a, cotangent, other_way=True)
    return unbroadcast(b_bar * node, a.shape, batch), unbroadcast(b_bar, b.shape, batch)


def recurrence_numeric(node: Apply) -> ArrayKernel:
    params = node.parameters(Scan)
    return Recurrence(params.along(node.ndim), params.reverse, float(params.initial))


def recurrence_reference(node: Apply, _sizes: Sizes, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    params = node.parameters(Scan)
    axis = params.along(node.ndim)
    a, b = (np.moveaxis(x, axis, 0) for x in np.broadcast_arrays(a, b))
    result = np.empty(b.shape, b.dtype)
    value: Any = np.full(b.shape[1:], params.initial, b.dtype)[()]  # a number where there are no other axes
    order = range(len(b))
    for i in reversed(order) if params.reverse else order:
        result[i] = value
        value = a[i] * value + b[i]
    return np.moveaxis(result, 0, axis)


recurrence = array_op(
    "recurrence",
    doc="z[0] = initial and z[i+1] = a[i]*z[i] + b[i] along an axis, as many z as there are a; reverse: from the end.",
    operands=("a", "b"),
    latex=r"\operatorname{recurrence}",
    shape=recurrence_shape,
    parameters=(*SCAN_PARAMETERS, Parameter("initial", ParameterKind.INTEGER, 0)),
    prepare=prepare_scan,
    derivative=Structured(recurrence_pushforward, recurrence_pullback),
    numeric=recurrence_numeric,
    reference=recurrence_reference,
    references=SOURCE,
)


# --- running sums and products ---------------------------------------------------------------------------------------


def running_shape(shapes: tuple[Shape, ...], _params: Scan) -> Shape:
    return shapes[0]


def flat_sum(operands: tuple[Expr, ...], params: Scan) -> Expr | None:
    """Without an axis the sum runs over all entries in row-major order, as in NumPy."""
    (x,) = operands
    return None if x.ndim == 1 or params.axis is not None else cumsum(reshape(x, (-1,)), reverse=params.reverse)


def flat_product(operands: tuple[Expr, ...], params: Scan) -> Expr | None:
    (x,) = operands
    return None if x.ndim == 1 or params.axis is not None else cumprod(reshape(x, (-1,)), reverse=params.reverse)


def cumsum_cotangent(node: Apply, cotangent: Expr) -> Expr:
    params = node.parameters(Scan)
    return cumsum(cotangent, axis=params.along(node.ndim) - node.ndim, reverse=not params.reverse)


def cumsum_expand(node: Apply) -> Expr:
    (x,) = node.operands
    return tail(node, 1, x) + x


def cumprod_expand(node: Apply) -> Expr:
    """The product of the entries before each one, times that entry."""
    (x,) = node.operands
    params = node.parameters(Scan)
    return recurrence(x, 0, axis=params.axis, reverse=params.reverse, initial=1) * x


def running_reference(node: Apply, x: np.ndarray, function: Any) -> np.ndarray:
    params = node.parameters(Scan)
    axis = params.along(x.ndim)
    turned = np.flip(x, axis) if params.reverse else x
    result = function(turned, axis)
    return np.flip(result, axis) if params.reverse else result


def cumsum_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return running_reference(node, x, np.add.accumulate)


def cumprod_reference(node: Apply, _sizes: Sizes, x: np.ndarray) -> np.ndarray:
    return running_reference(node, x, np.multiply.accumulate)


cumsum = array_op(
    "cumsum",
    doc="The sums of the entries up to each one along an axis; reverse: from each one to the end.",
    properties=of_total,
    latex=r"\operatorname{cumsum}",
    shape=running_shape,
    parameters=SCAN_PARAMETERS,
    prepare=prepare_scan,
    canonical=flat_sum,
    derivative=Transposed(cumsum_cotangent),
    expand=cumsum_expand,
    reference=cumsum_reference,
    references=("Blelloch, Prefix sums and their applications (1990)",),
)
cumprod = array_op(
    "cumprod",
    doc="The products of the entries up to each one along an axis; reverse: from each one to the end.",
    properties=Shared(ENTRYWISE),
    latex=r"\operatorname{cumprod}",
    shape=running_shape,
    parameters=SCAN_PARAMETERS,
    prepare=prepare_scan,
    canonical=flat_product,
    expand=cumprod_expand,
    reference=cumprod_reference,
    references=SOURCE,
)
