"""Large inputs that are not in row-major order, read where they are.

Such an array is a view of a row-major one: rows with gaps between them are a slice of it, Fortran's order is its
transpose. So the input is replaced by that view of another input, and the program compiled once more: the lowering and
the calls of BLAS know what to do with views.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

import numpy as np

from symgrad.core.dims import Size, named
from symgrad.core.expr import Expr, Input
from symgrad.core.traversal import substitute
from symgrad.lowering import Program, lower
from symgrad.lowering.kernel_ir import Access, Loop, accesses
from symgrad.ops.shaping import transpose

Array: TypeAlias = "np.ndarray[Any, np.dtype[Any]]"
COPIED = 1 << 18  # bytes: a smaller array stays in the cache while it is copied, which costs less than a compilation


@dataclass(frozen=True, slots=True)
class Strides:
    """How an array lies in memory, whatever its shape.

    `order` has the axes from the longest step to the shortest, which is one element. `gaps` says for each axis but the
    last whether its step is longer than what follows needs; how long it is, is then a size of the program.
    """

    order: tuple[int, ...]
    gaps: tuple[bool, ...]


Kinds: TypeAlias = tuple[Strides | None, ...]
"""For each input; None is row-major."""


def worth_keeping(value: Any, real: np.dtype[Any]) -> bool:
    """Say whether a value is a large array of the kernel's dtype, not row-major, that could be read where it is."""
    if type(value) is not np.ndarray or value.nbytes < COPIED or value.dtype != real or value.flags.c_contiguous:
        return False
    return bool(value.flags.aligned) and strides_of(value) is not None


def strides_of(array: Array) -> Strides | None:
    """Return how an array lies in memory; None for row-major, and for what is no view of a row-major array.

    That is an array without an axis of unit step, one that runs backwards or overlaps itself, and one of size 0 or 1
    along some axis.
    """
    if array.flags.c_contiguous or any(size < 2 for size in array.shape) or any(step <= 0 for step in array.strides):
        return None
    order = tuple(sorted(range(array.ndim), key=lambda axis: -array.strides[axis]))
    steps, sizes = [array.strides[axis] for axis in order], [array.shape[axis] for axis in order]
    if steps[-1] != array.itemsize or any(step % short for step, short in pairwise(steps)):
        return None
    steps_apart = [step // short for step, short in pairwise(steps)]
    if any(pitch < size for pitch, size in zip(steps_apart, sizes[1:], strict=True)):
        return None
    return Strides(order, tuple(pitch != size for pitch, size in zip(steps_apart, sizes[1:], strict=True)))


def profitable(outputs: Sequence[Expr], inputs: Sequence[Input], kinds: Kinds) -> Kinds:
    """Return the kinds, None in place of those for which a copy is better.

    It is better where a loop would step through some array with gaps (the transpose of an input beside its row-major
    derivative), and for inputs that something is assumed of: kernels read only half of a symmetric matrix.
    """
    chosen: list[Strides | None] = [None] * len(kinds)
    fewest = _gaps(lower(outputs, inputs))
    for position, strides in enumerate(kinds):
        if strides is None or inputs[position].properties:
            continue
        chosen[position] = strides
        count = _gaps(lower(*with_strides(outputs, inputs, tuple(chosen))))
        if count > fewest:
            chosen[position] = None
        fewest = min(fewest, count)
    return tuple(chosen)


def with_strides(
    outputs: Sequence[Expr], inputs: Sequence[Input], kinds: Kinds
) -> tuple[tuple[Expr, ...], tuple[Input, ...]]:
    """Return the outputs as expressions of row-major inputs, and these inputs, in the same order."""
    memory = tuple(node if kind is None else _memory(node, kind) for node, kind in zip(inputs, kinds, strict=True))
    views: dict[Expr, Expr] = {
        node: _view(node, kind, whole)
        for node, kind, whole in zip(inputs, kinds, memory, strict=True)
        if kind is not None
    }
    return tuple(substitute(outputs, views)), memory


def pitches(inputs: Sequence[Input], arrays: Sequence[Array], kinds: Kinds) -> dict[str, int]:
    """Return the sizes that the inputs of `with_strides` have besides those of the formula."""
    found: dict[str, int] = {}
    for node, array, kind in zip(inputs, arrays, kinds, strict=True):
        for k, gap in enumerate(kind.gaps if kind else ()):
            if kind and gap:
                found[_pitch_name(node, k)] = array.strides[kind.order[k]] // array.strides[kind.order[k + 1]]
    return found


def in_order(arrays: Sequence[Array], kinds: Kinds) -> list[Array]:
    """Return row-major arrays: copies where the kind is None, else the whole memory, as `with_strides` declares it."""
    return [
        np.asarray(array, order="C") if kind is None else _whole(array, kind)
        for array, kind in zip(arrays, kinds, strict=True)
    ]


def _whole(array: Array, kind: Strides) -> Array:
    """Return the memory that an array is a view of; what its last rows lack behind them is never read."""
    steps = [array.strides[axis] for axis in kind.order]
    shape = (array.shape[kind.order[0]], *(step // short for step, short in pairwise(steps)))
    return np.lib.stride_tricks.as_strided(array, shape, steps, writeable=False)


def _pitch_name(node: Input, position: int) -> str:
    return f"{node.name}.pitch{position}"  # with a dot, which no name of a size has


def _memory(node: Input, strides: Strides) -> Input:
    first, *others = strides.order
    shape: list[Size] = [node.shape[first]]
    for k, axis in enumerate(others):
        shape.append(named(_pitch_name(node, k)) if strides.gaps[k] else node.shape[axis])
    return Input(node.name, tuple(shape))


def _view(node: Input, strides: Strides, whole: Input) -> Expr:
    part = (slice(None), *(slice(0, node.shape[axis]) for axis in strides.order[1:]))
    back = tuple(strides.order.index(axis) for axis in range(node.ndim))
    view = whole[part]
    return view if back == tuple(range(node.ndim)) else transpose(view, axes=back)


def _gaps(program: Program) -> int:
    """Return how many accesses of innermost loops skip elements."""
    return sum(access.at.strides[-1] not in (0, 1) for access in _accesses_of_loops(program))


def _accesses_of_loops(program: Program) -> Iterator[Access]:
    for statement in program.statements:
        if isinstance(statement, Loop) and statement.extents:
            read, written = accesses(statement)
            yield from read
            yield from written
