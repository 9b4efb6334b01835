"""Broadcasting inside of elementwise operations: what may be left implicit, and how a shape is brought back."""

from __future__ import annotations

from symgrad.core.dims import Shape
from symgrad.core.expr import Apply, Expr, Literal, OpDef
from symgrad.core.indexing import FULL, NewAxis
from symgrad.ops.arithmetic import ONE, div, mul
from symgrad.ops.broadcasting import broadcast_to
from symgrad.ops.constants import ones, zeros
from symgrad.ops.piecewise import ZERO
from symgrad.ops.shaping import Subscripts, index, reshape


def strip(x: Expr) -> Expr:
    """Return x without the repetition and the leading axes of size 1 that broadcasting supplies by itself."""
    while isinstance(x, Apply):
        if x.op is ones:
            return ONE
        if x.op is zeros:
            return ZERO
        if x.op is broadcast_to or (x.op is reshape and x.operands[0].ndim == 0):
            (x,) = x.operands
        elif x.op is index and isinstance(x.parameters(Subscripts).index[0], NewAxis):
            items = x.parameters(Subscripts).index
            x = index(x.operands[0], items[1:])
        elif x.op is mul and is_op(x.operands[1], ones) and x.operands[0].ndim == 0:
            x = x.operands[0]
        elif x.op is div and x.operands[1].ndim == 0 and (number := strip(x.operands[0])).ndim == 0 and x.ndim:
            return number / x.operands[1]
        else:
            return x
    return x


def fit(x: Expr, shape: Shape) -> Expr:
    """Return x repeated to `shape`: `zeros`, `ones` and `s*ones` for numbers, broadcast_to for arrays."""
    if x.shape == shape:
        return x
    if x is ZERO:
        return zeros(shape)
    if x is ONE:
        return ones(shape)
    return x * ones(shape) if x.ndim == 0 else broadcast_to(x, shape)


def is_zero(x: Expr) -> bool:
    """Is x the number 0 or an array of zeros, however it is written?"""
    bare = strip(x)
    return isinstance(bare, Literal) and bare.value == 0


def column_vector(x: Expr) -> Expr | None:
    """Return v when x is v[:, None]."""
    if isinstance(x, Apply) and x.op is index and x.parameters(Subscripts).index == (FULL, NewAxis()):
        return x.operands[0] if x.operands[0].ndim == 1 else None
    return None


def is_op(x: Expr, *ops: OpDef) -> bool:
    """Is x a node of one of the ops?"""
    return isinstance(x, Apply) and x.op in ops
