"""X' diag(v) X by half the work: the Hessian of every generalised linear model holds one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symgrad.core.dims import Shape, shape_text
from symgrad.core.expr import Apply, Expr, NotDifferentiable, OpDef
from symgrad.core.indexing import FULL, Pick
from symgrad.core.numeric import WEIGHTED_GRAM, Routine
from symgrad.core.traversal import expand
from symgrad.errors import ShapeError
from symgrad.ops.arithmetic import mul
from symgrad.ops.contraction import is_transpose, matmul
from symgrad.ops.shaping import Sizes, swap

ROOM = 256  # rows below the result: room for the scaled rows that are multiplied at once
_SMALLEST = 16  # columns; a smaller product whose size is known is left to loops


def packed_shape(shapes: tuple[Shape, ...], _params: object) -> Shape:
    matrix, weights = shapes
    if len(matrix) != 2 or weights != matrix[:1]:
        raise ShapeError(f"there is one weight for each row, not {shape_text(weights)} for {shape_text(matrix)}")
    return matrix[1] + ROOM, matrix[1]


def packed_reference(_node: Apply, _sizes: Sizes, x: np.ndarray, v: np.ndarray) -> np.ndarray:
    return np.concatenate([(x * v[:, None]).T @ x, np.zeros((ROOM, x.shape[1]), x.dtype)])


packed_gram = OpDef(  # only kernels use it, so it is not in the registry
    name="packed_gram",
    doc="X.T @ diag(v) @ X, and below it rows that hold nothing of use.",
    operand_names=("X", "v"),
    shape=packed_shape,
    derivative=NotDifferentiable("it is how kernels compute a product, which has one"),
    numeric=Routine(WEIGHTED_GRAM, rectangular=True),
    reference=packed_reference,
    mp=packed_reference,
)


def weighted_grams(outputs: Sequence[Expr]) -> list[Expr]:
    """Return equal outputs in which kernels compute weighted Gram matrices by half the work."""
    return expand(outputs, as_weighted_gram)


def as_weighted_gram(node: Apply) -> Expr | None:
    """Return `(v*X.T) @ X` and `X.T @ (v[:, None]*X)` in another form; None for any other node."""
    if node.op is not matmul or node.ndim != 2 or node.operands[0].ndim != 2 or node.operands[1].ndim != 2:
        return None
    if isinstance(node.shape[0], int) and node.shape[0] < _SMALLEST:
        return None
    left, right = node.operands
    for scaled, other, on_the_left in ((left, right, True), (right, left, False)):
        weights = _weights(scaled, other, on_the_left)
        if weights is not None:
            return packed_gram(right if on_the_left else swap(left), weights)[: node.shape[0]]
    return None


def _weights(scaled: Expr, other: Expr, on_the_left: bool) -> Expr | None:
    """Return v where `scaled` is the transpose of `other`, scaled by v along the summed axis."""
    factors = _factors(scaled)
    matrices = [factor for factor in factors if factor.ndim == 2 and 1 not in factor.shape]
    if len(factors) < 2 or len(matrices) != 1 or not is_transpose(matrices[0], other):
        return None
    axis, rows = (1, scaled.shape[1]) if on_the_left else (0, scaled.shape[0])
    total: Expr | None = None
    for factor in factors:
        if factor is matrices[0]:
            continue
        spread = (1,) * (2 - factor.ndim) + factor.shape
        if spread[1 - axis] != 1 or spread[axis] not in (1, rows):
            return None
        flat = _flat(factor)
        total = flat if total is None else total * flat
    return total if total is not None and total.shape == (rows,) else None


def _factors(node: Expr) -> list[Expr]:
    found: list[Expr] = []
    pending = [node]
    while pending:
        top = pending.pop()
        if isinstance(top, Apply) and top.op is mul:
            pending.extend(top.operands)
        else:
            found.append(top)
    return found


def _flat(factor: Expr) -> Expr:
    """Return a factor of shape (k,), (1, k) or (k, 1) as a vector, and one of a single element as a scalar."""
    if factor.ndim < 2:
        return factor[0] if factor.shape == (1,) else factor
    picks = [Pick(0) if size == 1 else FULL for size in factor.shape]
    return factor[tuple(picks)]
