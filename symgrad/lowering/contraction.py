"""Matrix products: which operands BLAS can read in place, and the statement for one product."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from symgrad.core.dims import Dim, Shape, Size
from symgrad.core.expr import Expr, NumericForm
from symgrad.core.numeric import Gather, Instruction, Reshape
from symgrad.lowering.addressing import (
    Where,
    linear,
    loop_extents,
    only_moves_ones,
    row_major,
    through_index,
    through_ones,
)
from symgrad.lowering.kernel_ir import Access, Affine, BodyItem, Compute, Load, Loop, Matmul, Store

Forms = Mapping[Expr, NumericForm]
_FEW = 4  # terms of a sum that are written out


def view_base(node: Expr, forms: Forms) -> Expr:
    """Return the node whose memory serves `node`, an operand of a product: itself unless it is a fitting view."""
    base, where = follow(node, forms)
    return base if base is not node and _fits(node.shape, linear(base.shape, where, node.ndim)) else node


def operand_address(node: Expr, base: Expr, forms: Forms) -> Affine:
    """Return the address in the memory of `base` over the axes of `node`."""
    _, where = follow(node, forms) if base is not node else (node, _every_axis(node.ndim))
    return linear(base.shape, where, node.ndim)


def product(a: Expr, b: Expr, result: Expr, read: Callable[[Expr], Access], target: int) -> Matmul | Loop:
    """Return the statement for `result = a @ b`; `read` gives the address of an operand over its own axes."""
    batch = result.shape[: result.ndim - (a.ndim > 1) - (b.ndim > 1)]
    rows: Size = a.shape[-2] if a.ndim > 1 else 1
    columns: Size = b.shape[-1] if b.ndim > 1 else 1
    inner = a.shape[-1]
    left = _padded(read(a), a.shape, batch, vector_axis=-2)
    right = _padded(read(b), b.shape, batch, vector_axis=-1)
    out = Access(target, Affine(0, row_major((*batch, rows, columns))))
    if isinstance(inner, int) and 0 < inner <= _FEW:
        return _unrolled(batch, rows, inner, columns, left, right, out)
    return merge_batch(Matmul(batch, rows, inner, columns, left, right, out))


def follow(node: Expr, forms: Forms) -> tuple[Expr, Where]:
    """Return the node whose elements a view shows, and where over the axes of the view."""
    rank, where = node.ndim, _every_axis(node.ndim)
    while True:
        match forms.get(node):
            case Gather(index):
                where = through_index(index, where, rank)
            case Reshape() if only_moves_ones(node.operands[0].shape, node.shape):
                where = through_ones(node.operands[0].shape, node.shape, where, rank)
            case _:
                return node, where
        node = node.operands[0]


def _every_axis(rank: int) -> Where:
    return tuple(Affine(0, tuple(int(k == axis) for k in range(rank))) for axis in range(rank))


def _fits(shape: Shape, at: Affine) -> bool:
    if len(shape) < 2:
        return all(map(_positive, at.strides))
    rows, columns = shape[-2:]
    row, column = at.strides[-2:]
    if rows == 1 or columns == 1:
        return _positive(column if rows == 1 else row)
    return (column == 1 and _positive(row)) or (row == 1 and _positive(column))


def _positive(size: Size) -> bool:
    if isinstance(size, Dim):
        return all(coefficient > 0 for _, coefficient in size.terms)
    return size > 0


def _padded(access: Access, shape: Shape, batch: Shape, vector_axis: int) -> Access:
    """Add the row or column axis of a vector, and the batch axes that are broadcast."""
    strides = [0 if size == 1 else stride for size, stride in zip(shape, access.at.strides, strict=True)]
    if len(shape) == 1:
        strides.insert(len(strides) + 1 + vector_axis, 0)
    front = [0] * (len(batch) + 2 - len(strides))
    return Access(access.buffer, Affine(access.at.offset, (*front, *strides)))


def _unrolled(batch: Shape, rows: Size, inner: int, columns: Size, left: Access, right: Access, out: Access) -> Loop:
    """A loop over the result whose body is the whole sum: for few terms no slower than BLAS, and no call."""
    shape = (*batch, rows, columns)
    kept = [axis for axis, size in enumerate(shape) if size != 1]
    row_axis, column_axis = len(shape) - 2, len(shape) - 1

    def address(access: Access, dropped: int | None, offset: Size) -> Access:
        strides = tuple(0 if axis == dropped else access.at.strides[axis] for axis in kept)
        return Access(access.buffer, Affine(access.at.offset + offset, strides))

    body: list[BodyItem] = []
    total = 0
    for term in range(inner):
        body.append(Load(address(left, column_axis, left.at.strides[column_axis] * term)))
        body.append(Load(address(right, row_axis, right.at.strides[row_axis] * term)))
        body.append(Compute(Instruction.MUL, (len(body) - 2, len(body) - 1)))
        if term:
            body.append(Compute(Instruction.ADD, (total, len(body) - 1)))
        total = len(body) - 1
    return Loop(loop_extents(shape), tuple(body), (Store(address(out, None, 0), total),))


def merge_batch(product: Matmul) -> Matmul:
    """Make batch axes of `a` more rows of it where one matrix `b` serves them all."""
    while product.batch and _one_right_matrix(product):
        batch, rows, axis = product.batch, product.rows, len(product.batch) - 1
        merged = axis + 1 if rows == 1 else axis  # the axis that goes: the one of the larger step, or a row axis of 1
        product = Matmul(
            batch[:-1],
            batch[-1] * rows,
            product.inner,
            product.columns,
            _drop(product.a, merged),
            _drop(product.b, axis),
            _drop(product.c, merged),
        )
    return product


def _one_right_matrix(product: Matmul) -> bool:
    axis = len(product.batch) - 1
    rows = product.rows
    return product.b.at.strides[axis] == 0 and all(
        rows == 1 or x.at.strides[axis] == x.at.strides[axis + 1] * rows for x in (product.a, product.c)
    )


def _drop(access: Access, axis: int) -> Access:
    strides = access.at.strides
    return Access(access.buffer, Affine(access.at.offset, strides[:axis] + strides[axis + 1 :]))
