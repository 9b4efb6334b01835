"""A program of one point as a program of many: a leading axis is added to every array that differs between points.

A small program of fixed sizes becomes one loop over the points with straight-line code as its body, which LLVM
vectorises across points. In any other the leading axis is one more axis of every statement.
"""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass, replace

from symgrad.core.dims import Shape, Size, element_count, named
from symgrad.errors import OperandError
from symgrad.lowering.addressing import row_major
from symgrad.lowering.contraction import merge_batch
from symgrad.lowering.hoisting import hoist, renumbered
from symgrad.lowering.kernel_ir import (
    Access,
    Affine,
    BodyItem,
    Buffer,
    BufferKind,
    Call,
    Fill,
    Inside,
    Interpret,
    Load,
    Loop,
    Matmul,
    Program,
    Recur,
    Statement,
    Store,
    Strip,
    accesses,
)
from symgrad.lowering.liveness import share_slots
from symgrad.lowering.looporder import arrange
from symgrad.lowering.unrolling import STRIPS, unroll, unrolled_length

POINTS = named("#points")  # no name of the language can be like this
LONGEST_UNROLLED = 20_000  # items before equal ones are merged
LONGEST_BODY = 2_500  # items after it: what LLVM compiles in a few seconds


@dataclass(frozen=True, slots=True)
class Batched:
    """`main` computes all outputs at `POINTS` points. It may run on some of the points, again and again.

    `shared`, if there is one, computes further inputs of `main`, the same for all points, from the same inputs.
    """

    main: Program
    shared: Program | None = None


def batch(program: Program, mapped: Set[int]) -> Batched:
    """Return the program of many points.

    The program is one without strips. `mapped` are the positions of the buffers of inputs that have a leading axis of
    points; all points share the others. Every output has the leading axis.

    >>> import symgrad as sg
    >>> from symgrad.lowering import lower
    >>> x, a = sg.scalar("x"), sg.scalar("a")
    >>> print(batch(lower([a * x], [x, a]), {0}).main)
    program (#points)
    b0: input x (#points,)
    b1: input a ()
    b2: output (#points,)
    loop (#points,):
      %0 = load b1[0]
      %1 = load b0[i0]
      %2 = mul %0 %1
      b2[i0] = %2
    <BLANKLINE>
    """
    length = unrolled_length(program)
    if length is not None and length <= LONGEST_UNROLLED:
        straight = _straight_line(program, mapped)
        if len(straight.body) <= LONGEST_BODY:
            return Batched(_only_loop(program, mapped, straight))
    return _Spreading(program, mapped).programs()


def _straight_line(program: Program, mapped: Set[int]) -> Loop:
    """Return one loop over the points, still with the buffers' numbers of `program`."""
    items, outputs = unroll(program)

    def at_point(buffer: int, element: int) -> Access:
        shared = program.buffers[buffer].kind is BufferKind.INPUT and buffer not in mapped
        stride: Size = 0 if shared else element_count(program.buffers[buffer].shape)
        return Access(buffer, Affine(element, (stride,)))

    body: list[BodyItem] = []
    for item in items:
        if isinstance(item, Load):
            assert isinstance(item.source.at.offset, int)
            item = Load(at_point(item.source.buffer, item.source.at.offset))
        body.append(item)
    effects = [Store(at_point(buffer, element), value) for (buffer, element), value in outputs.items()]
    return Loop((POINTS,), tuple(body), tuple(effects))


def _only_loop(program: Program, mapped: Set[int], loop: Loop) -> Program:
    """Return the program that is nothing but this loop, without work buffers."""
    kept = [k for k, buffer in enumerate(program.buffers) if buffer.kind is not BufferKind.WORK]
    new = {old: k for k, old in enumerate(kept)}
    depending = {*mapped, *program.select(BufferKind.OUTPUT)}
    buffers = tuple(_spread_buffer(program.buffers[k], k in depending) for k in kept)
    return Program(buffers, (renumbered(loop, new.__getitem__),), program.nonempty)


def _spread_buffer(buffer: Buffer, mapped: bool) -> Buffer:
    return replace(buffer, shape=(POINTS, *buffer.shape)) if mapped else buffer


class _Spreading:
    """Adds the axis of points in front of the axes of each statement that depends on the point."""

    def __init__(self, program: Program, mapped: Set[int]) -> None:
        self._program = program
        self._mapped = _depending(program, mapped)
        self._buffers = [_spread_buffer(b, k in self._mapped) for k, b in enumerate(program.buffers)]

    def programs(self) -> Batched:
        """Return the finished programs."""
        statements = tuple(spread for statement in self._program.statements for spread in self._spread(statement))
        whole = Program(tuple(self._buffers), statements, self._program.nonempty)
        parts = hoist(whole, self._mapped)
        return Batched(share_slots(whole)) if parts is None else Batched(parts.main, parts.shared)

    def _spread(self, statement: Statement) -> list[Statement]:
        if isinstance(statement, Fill) or not self._mapped.intersection(a.buffer for a in accesses(statement)[1]):
            return [statement]
        match statement:
            case Loop():
                return [self._loop(statement)]
            case Matmul():
                return [_many_rows(self._matmul(statement))]
            case Recur(extents):
                a, b, c = map(self._access, (statement.a, statement.b, statement.c))
                return [replace(statement, extents=(POINTS, *extents), a=a, b=b, c=c)]
            case Call(_, (), _, _, (matrix, _)) if matrix.buffer not in self._mapped:
                return self._many_columns(statement)
            case Call():
                operands, result = tuple(map(self._access, statement.operands)), self._access(statement.result)
                return [replace(statement, batch=(POINTS, *statement.batch), operands=operands, result=result)]
            case Strip():
                raise TypeError(STRIPS)
            case Interpret():
                raise OperandError("a formula of so many operations is evaluated at one point at a time")

    def _loop(self, loop: Loop) -> Loop:
        body = tuple(self._item(item) for item in loop.body)
        effects = tuple(replace(effect, target=self._access(effect.target)) for effect in loop.effects)
        return arrange(Loop((POINTS, *loop.extents), body, effects))

    def _item(self, item: BodyItem) -> BodyItem:
        match item:
            case Load(source):
                return Load(self._access(source))
            case Inside(at):
                return Inside(Affine(at.offset, (0, *at.strides)))
            case _:
                return item

    def _matmul(self, product: Matmul) -> Matmul:
        batch: Shape = (POINTS, *product.batch)
        a, b, c = (self._access(x) for x in (product.a, product.b, product.c))
        return replace(product, batch=batch, a=a, b=b, c=c)

    def _many_columns(self, call: Call) -> list[Statement]:
        """Solve with the one matrix of all points: their right-hand sides are columns of one, a copy."""
        matrix, right = call.operands
        shape = (call.size, POINTS, call.columns)
        given, found = self._work(shape), self._work(shape)
        row, point, _ = row_major(shape)

        def copy(source: Access, target: Access) -> Loop:
            return arrange(Loop((POINTS, call.size, call.columns), (Load(source),), (Store(target, 0),)))

        def rows(access: Access) -> Access:
            at = self._access(access).at
            return replace(access, at=Affine(at.offset, (*at.strides, call.columns, 1)))

        columns = Affine(0, (point, row, 1))
        whole = Affine(0, ())
        solve = replace(call, columns=POINTS * call.columns, operands=(matrix, Access(given, whole)))
        return [
            copy(rows(right), Access(given, columns)),
            replace(solve, result=Access(found, whole)),
            copy(Access(found, columns), rows(call.result)),
        ]

    def _work(self, shape: Shape) -> int:
        self._buffers.append(Buffer(BufferKind.WORK, shape))
        self._mapped.add(len(self._buffers) - 1)
        return len(self._buffers) - 1

    def _access(self, access: Access) -> Access:
        count = element_count(self._program.buffers[access.buffer].shape)
        stride: Size = count if access.buffer in self._mapped else 0
        return replace(access, at=Affine(access.at.offset, (stride, *access.at.strides)))


def _depending(program: Program, mapped: Set[int]) -> set[int]:
    """Return the buffers that hold something else at each point: the outputs, and what is made from mapped ones."""
    found = {*mapped, *program.select(BufferKind.OUTPUT)}
    known = 0
    while known != len(found):
        known = len(found)
        for statement in program.statements:
            read, written = ({access.buffer for access in side} for side in accesses(statement))
            if found & (read | written):
                found |= written
    return found


def _many_rows(product: Matmul) -> Matmul:
    """Return one product of tall matrices where all points share a matrix, if BLAS can read the vectors as one."""
    turned = _transposed(product) if product.columns == 1 and product.a.at.strides[0] == 0 else product
    a, c = turned.a.at.strides, turned.c.at.strides
    readable = turned.rows != 1 or (a[0] != 0 and a[-1] == 1 and (c[-1] == 1 or turned.columns == 1))
    return merge_batch(turned) if readable else product


def _transposed(product: Matmul) -> Matmul:
    """Return the product of the transposes in reverse order."""

    def swapped(access: Access) -> Access:
        *front, row, column = access.at.strides
        return replace(access, at=Affine(access.at.offset, (*front, column, row)))

    a, b, c = swapped(product.b), swapped(product.a), swapped(product.c)
    return replace(product, rows=product.columns, columns=product.rows, a=a, b=b, c=c)
