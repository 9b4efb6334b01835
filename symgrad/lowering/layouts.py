"""In which order the elements of work buffers lie, and in which order loops run.

A work buffer is nobody's but the program's, so any of its axes may be the one whose elements are neighbours. While the
program is made the strides of such a buffer are names; here each buffer gets the layout for which the loops that use it
cost least, and the names their values. Loops then take the cheapest order (`looporder`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from symgrad.core.dims import Dim, Shape, Size, named, substitute
from symgrad.lowering.contraction import merge_batch
from symgrad.lowering.kernel_ir import (
    Access,
    Affine,
    Fill,
    Loop,
    Matmul,
    Program,
    Statement,
    Strip,
    buffers_touched,
    map_addresses,
)
from symgrad.lowering.looporder import arrange, cost

_ROUNDS = 3


def loose_strides(buffer: int, shape: Shape) -> tuple[Size, ...]:
    """Return names for the strides of a buffer."""
    return tuple(named(f"b{buffer}.stride{axis}") for axis in range(len(shape)))


def choose_layouts(program: Program, loose: Mapping[int, tuple[Size, ...]], tuned: bool) -> Program:
    """Return the program with numbers for the strides named in `loose`, loops and products in their final form.

    Without `tuned` all are row-major.
    """
    shapes = {buffer: program.buffers[buffer].shape for buffer in loose}
    chosen = {buffer: len(shape) - 1 for buffer, shape in shapes.items()}
    if tuned and loose:
        chosen = _Choice(list(_flat(program.statements)), shapes).best()
    names = _values(chosen, shapes)
    return replace(program, statements=tuple(_finished(_renamed(s, names)) for s in program.statements))


def strides_with(shape: Shape, last: int) -> tuple[Size, ...]:
    """Return the strides of an array whose axis `last` moves fastest, the others in their order.

    >>> strides_with((2, 3, 5), 0)
    (1, 10, 2)
    """
    order = [*(axis for axis in range(len(shape)) if axis != last), last]
    strides: dict[int, Size] = {}
    step: Size = 1
    for axis in reversed(order):
        strides[axis] = step
        step = step * shape[axis]
    return tuple(strides[axis] for axis in range(len(shape)))


class _Choice:
    """A descent: each buffer in turn takes the layout that costs least, given those of the others."""

    def __init__(self, statements: Sequence[Statement], shapes: Mapping[int, Shape]) -> None:
        self._shapes = shapes
        self._statements = [s for s in statements if not isinstance(s, Fill) and buffers_touched(s) & shapes.keys()]
        self._users = {buffer: [s for s in self._statements if buffer in buffers_touched(s)] for buffer in shapes}
        self._last: dict[int, int] = {}

    def best(self) -> dict[int, int]:
        """Return the axis of each buffer whose elements are neighbours.

        Started with the last axes, and with those of each size and of its strips: no single buffer may gain by a
        change of all.
        """
        names = dict.fromkeys(_whole(size) for shape in self._shapes.values() for size in shape)
        starts = [{b: _axis_of(shape, name) for b, shape in self._shapes.items()} for name in ("", *names)]
        distinct = {tuple(start.values()): start for start in starts}
        return min(map(self._descend, distinct.values()), key=self._total)

    def _descend(self, start: dict[int, int]) -> dict[int, int]:
        self._last = dict(start)
        for _ in range(_ROUNDS):
            before = dict(self._last)
            for buffer in self._shapes:
                self._improve(buffer)
            if before == self._last:
                break
        return self._last

    def _total(self, last: Mapping[int, int]) -> float:
        names = _values(last, self._shapes)
        return sum(_cost(_renamed(statement, names)) for statement in self._statements)

    def _improve(self, buffer: int) -> None:
        kept = self._last[buffer]
        best = self._cost(buffer)
        for axis, size in enumerate(self._shapes[buffer]):
            if size == 1 or axis == kept:
                continue
            previous, self._last[buffer] = self._last[buffer], axis
            found = self._cost(buffer)
            if found < best:
                best = found
            else:
                self._last[buffer] = previous

    def _cost(self, buffer: int) -> float:
        users = self._users[buffer]
        touched = set().union(*map(buffers_touched, users)) & self._shapes.keys()
        names = _values({b: self._last[b] for b in touched}, self._shapes)
        return sum(_cost(_renamed(statement, names)) for statement in users)


def _cost(statement: Statement) -> float:
    match statement:
        case Loop():
            return cost(arrange(statement)) * 8.0 ** len(statement.extents)
        case Matmul():
            return 0.0 if all(map(_is_readable, (statement.a, statement.b, statement.c))) else float("inf")
        case _:
            return 0.0


def _is_readable(access: Access) -> bool:
    """Say whether BLAS can work on the matrix in place: one of its two axes must be contiguous."""
    row, column = access.at.strides[-2:]
    return row in (0, 1) or column in (0, 1)


def _whole(size: Size) -> str:
    """Return the name of a size, or of the size that it is a strip of."""
    return (size.name or "").removesuffix(".block") if isinstance(size, Dim) else ""


def _axis_of(shape: Shape, name: str) -> int:
    """Return the last axis of the size `name` or of a strip of it, the last axis if there is none."""
    found = [axis for axis, size in enumerate(shape) if name and _whole(size) == name]
    return found[-1] if found else len(shape) - 1


def _values(chosen: Mapping[int, int], shapes: Mapping[int, Shape]) -> dict[str, Size]:
    names: dict[str, Size] = {}
    for buffer, last in chosen.items():
        for axis, stride in enumerate(strides_with(shapes[buffer], last)):
            names[f"b{buffer}.stride{axis}"] = stride
    return names


def _flat(statements: Iterable[Statement]) -> Iterable[Statement]:
    for statement in statements:
        yield from statement.body if isinstance(statement, Strip) else (statement,)


def _finished(statement: Statement) -> Statement:
    match statement:
        case Loop():
            return arrange(statement)
        case Matmul():
            return merge_batch(statement)
        case Strip(name, body):
            return Strip(name, tuple(_finished(inner) for inner in body))
        case _:
            return statement


def _renamed(statement: Statement, names: Mapping[str, Size]) -> Statement:
    """Return the statement with the named strides replaced."""

    def affine(at: Affine) -> Affine:
        return Affine(substitute(at.offset, names), tuple(substitute(stride, names) for stride in at.strides))

    def access(found: Access) -> Access:
        return replace(found, at=affine(found.at))

    return map_addresses(statement, access, affine)
