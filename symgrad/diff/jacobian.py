"""Gradients, Jacobians and Hessians as expressions, by pulling back the identity.

Layout: the axes of the output first, then those of the input. A scalar's gradient has the input's shape.
"""

from __future__ import annotations

from collections.abc import Sequence

from symgrad.core.dims import Shape
from symgrad.core.expr import Expr, Input
from symgrad.core.indexing import FULL, NewAxis
from symgrad.diff.pullback import Trace, pull_back
from symgrad.diff.tangent import Convention, constrain
from symgrad.ops.arithmetic import ONE
from symgrad.ops.constants import eye


def identity_seed(shape: Shape) -> Expr:
    """Return the identity of arrays of this shape, an array of shape `shape + shape`.

    For a matrix it is the product of two identity matrices, one for each axis, so that what contracts one of the
    axes can use it up alone.
    """
    if not shape:
        return ONE
    rank = len(shape)
    seed: Expr | None = None
    for axis, size in enumerate(shape):
        places = [FULL if position in (axis, rank + axis) else NewAxis() for position in range(2 * rank)]
        factor = eye(size) if rank == 1 else eye(size)[tuple(places)]
        seed = factor if seed is None else seed * factor
    assert seed is not None
    return seed


def jacobian(
    output: Expr, wrt: Sequence[Input], convention: Convention = Convention.TANGENT, trace: Trace | None = None
) -> list[Expr]:
    """Return, for each node of `wrt`, the derivative of shape `output.shape + node.shape`."""
    free = pull_back(output, identity_seed(output.shape), wrt, trace=trace)
    return [constrain(node, each, convention) for node, each in zip(wrt, free, strict=True)]
