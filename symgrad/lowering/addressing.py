"""Affine addresses: how the axes of a node move with the indices of a loop."""

from __future__ import annotations

from typing import TypeAlias

from symgrad.core.dims import Shape, Size
from symgrad.core.numeric import IndexMap
from symgrad.lowering.kernel_ir import Affine

Where: TypeAlias = tuple[Affine, ...]
"""The position along each axis of a node, as functions of the loop's indices."""


def constant(offset: Size, rank: int) -> Affine:
    """Return the function that is `offset` for all `rank` indices."""
    return Affine(offset, (0,) * rank)


def loop_extents(shape: Shape) -> Shape:
    """Return the sizes a loop over `shape` has to run: those that are not 1."""
    return tuple(size for size in shape if size != 1)


def identity(shape: Shape) -> Where:
    """Return where a loop over `loop_extents(shape)` is in an array of that shape."""
    rank = len(loop_extents(shape))
    where: list[Affine] = []
    axis = 0
    for size in shape:
        if size == 1:
            where.append(constant(0, rank))
            continue
        where.append(Affine(0, tuple(int(k == axis) for k in range(rank))))
        axis += 1
    return tuple(where)


def row_major(shape: Shape) -> tuple[Size, ...]:
    """Return the strides of a contiguous array."""
    strides: list[Size] = []
    step: Size = 1
    for size in reversed(shape):
        strides.append(step)
        step = step * size
    return tuple(reversed(strides))


def linear(strides: tuple[Size, ...], where: Where, rank: int) -> Affine:
    """Return the address of a position in an array with these strides."""
    address = constant(0, rank)
    for stride, position in zip(strides, where, strict=True):
        address = address.plus(position.scaled(stride))
    return address


def through_broadcast(shape: Shape, where: Where, rank: int) -> Where:
    """Return where an operand of this shape is read when the result is at `where`."""
    if not shape:
        return ()
    zero = constant(0, rank)
    return tuple(zero if size == 1 else at for size, at in zip(shape, where[-len(shape) :], strict=True))


def through_index(index: IndexMap, where: Where, rank: int) -> Where:
    """Return the position that an index map takes `where` to."""
    positions: list[Affine] = []
    for along in index:
        position = constant(along.offset, rank)
        if along.axis is not None:
            position = position.plus(where[along.axis].scaled(along.step))
        positions.append(position)
    return tuple(positions)


def only_moves_ones(old: Shape, new: Shape) -> bool:
    """Say whether a reshape only inserts or drops axes of size 1."""
    return loop_extents(old) == loop_extents(new)


def through_ones(old: Shape, new: Shape, where: Where, rank: int) -> Where:
    """Return where the operand (shape `old`) of such a reshape is read when the result (`new`) is at `where`."""
    moving = iter([at for size, at in zip(new, where, strict=True) if size != 1])
    return tuple(constant(0, rank) if size == 1 else next(moving) for size in old)
