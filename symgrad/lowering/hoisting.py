"""Take out of a program of many points what is the same at all of them, so that it is computed once."""

from __future__ import annotations

from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass, replace

from symgrad.lowering.kernel_ir import (
    Access,
    Affine,
    Buffer,
    BufferKind,
    Fill,
    Interpret,
    Loop,
    Program,
    Statement,
    Strip,
    accesses,
    buffers_touched,
    map_addresses,
)
from symgrad.lowering.liveness import share_slots


@dataclass(frozen=True, slots=True)
class Hoisted:
    """`main` has the outputs of `shared` as further inputs, behind its own."""

    shared: Program
    main: Program


def hoist(program: Program, depending: Set[int]) -> Hoisted | None:
    """Split a program into what writes no buffer of `depending`, and the rest; None where it is not worth a program.

    It is worth one if there is more than straight-line code of scalars.
    """
    shared = [s for s in program.statements if not depending & _written(s)]
    rest = [s for s in program.statements if depending & _written(s)]
    if not any(_takes_time(statement) for statement in shared):
        return None
    written = {buffer for statement in shared for buffer in _written(statement)}
    handed = sorted(written & {buffer for statement in rest for buffer in buffers_touched(statement)})
    outputs = {k: replace(program.buffers[k], kind=BufferKind.OUTPUT) for k in handed}
    inputs = {k: replace(program.buffers[k], kind=BufferKind.INPUT, name=f"shared {k}") for k in handed}
    order = program.select(BufferKind.INPUT)
    first = _program(program, shared, {k: program.buffers[k] for k in order} | outputs)
    second = _program(program, rest, {k: program.buffers[k] for k in order} | inputs)
    return Hoisted(first, second)


def renumbered(statement: Statement, new: Callable[[int], int]) -> Statement:
    """Return the statement with other numbers for its buffers."""

    def moved(access: Access) -> Access:
        through = None if access.through is None else new(access.through)
        return replace(access, buffer=new(access.buffer), through=through)

    def same(at: Affine) -> Affine:
        return at

    match statement:
        case Fill(buffer):
            return replace(statement, buffer=new(buffer))
        case Interpret(registers, table):
            return replace(statement, registers=new(registers), table=new(table))
        case Strip(_, body):  # which may hold a Fill
            return replace(statement, body=tuple(renumbered(inner, new) for inner in body))
        case _:
            return map_addresses(statement, moved, same)


def _program(whole: Program, statements: Sequence[Statement], first: dict[int, Buffer]) -> Program:
    """Return a program of these statements whose buffers are `first`, then the others that they touch."""
    touched = {buffer for statement in statements for buffer in buffers_touched(statement)}
    buffers = first | {k: whole.buffers[k] for k in sorted(touched - first.keys())}
    numbers = {old: k for k, old in enumerate(buffers)}
    moved = tuple(renumbered(statement, numbers.__getitem__) for statement in statements)
    return share_slots(Program(tuple(buffers.values()), moved, whole.nonempty))


def _written(statement: Statement) -> set[int]:
    if isinstance(statement, Fill):
        return {statement.buffer}
    return {access.buffer for access in accesses(statement)[1]}


def _takes_time(statement: Statement) -> bool:
    return not isinstance(statement, Fill) and not (isinstance(statement, Loop) and not statement.extents)
