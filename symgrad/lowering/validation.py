"""What a legal kernel program is, as a check that raises."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from symgrad.core.dims import element_count
from symgrad.core.numeric import Instruction, IntegerPower, Libm, Scalar, Special
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    BufferKind,
    Call,
    Compute,
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
    code_text,
)

_REDUCTIONS = (Instruction.ADD, Instruction.MUL, Instruction.MAXIMUM, Instruction.MINIMUM)
_UNARY = (Instruction.NEG, Instruction.ABS, Instruction.SQRT, Instruction.SIGN)


class IllegalProgram(AssertionError):
    """A kernel program that breaks a rule of the IR."""


def check(program: Program) -> None:
    """Raise IllegalProgram unless every rule holds.

    Buffers are written before they are read, inputs never written, outputs all written; values of a body are used
    after their definition; addresses have one stride for each index; work buffers alive at once have their own slot.
    """
    defined = {*program.select(BufferKind.INPUT), *program.select(BufferKind.TABLE)}
    for statement in program.statements:
        _check_statement(program, statement, defined)
    missing = set(program.select(BufferKind.OUTPUT)) - defined
    _require(not missing, f"outputs never written: {sorted(missing)}")
    _check_slots(program)


def _require(condition: bool, message: str) -> None:
    if not condition:
        raise IllegalProgram(message)


def _check_statement(program: Program, statement: Statement, defined: set[int]) -> None:
    if isinstance(statement, Strip):
        _require(program.block is not None and program.block.name == statement.name, "a strip without its block")
        for inner in statement.body:
            _require(not isinstance(inner, Strip), "a strip in a strip")
            _check_statement(program, inner, defined)
        return
    where = next(iter(statement.lines()))
    read, written = accesses(statement)
    targets = {statement.buffer} if isinstance(statement, Fill) else {access.buffer for access in written}
    for buffer in targets:
        kind = program.buffers[buffer].kind
        _require(kind not in (BufferKind.INPUT, BufferKind.TABLE), f"{where}: writes the {kind.value} b{buffer}")
    for access in read:
        _require(access.buffer in defined, f"{where}: reads b{access.buffer} before it is written")
    for access in (*read, *written):
        _check_table(program, access, statement, where)
    match statement:
        case Loop():
            _check_loop(statement, where, defined)
            _require(not targets & {a.buffer for a in read}, f"{where}: reads what it writes")
        case Matmul():
            _check_rank((statement.a, statement.b, statement.c), len(statement.batch) + 2, where)
            _require(not statement.accumulate or statement.c.buffer in defined, f"{where}: adds to what was never set")
        case Recur():
            _check_rank((statement.a, statement.b, statement.c), len(statement.extents) + 1, where)
            _require(not targets & {a.buffer for a in read}, f"{where}: reads what it writes")
        case Interpret():
            _check_rows(program, statement, where)
        case Call():
            _check_rank((*statement.operands, statement.result), len(statement.batch), where)
        case Fill():
            pass
    defined |= targets


def _check_table(program: Program, access: Access, statement: Statement, where: str) -> None:
    """Positions are read from a table of them, by loops only, and lie in the buffer where its size is a number."""
    if access.through is None:
        return
    table, size = program.buffers[access.through].table, element_count(program.buffers[access.buffer].shape)
    _require(isinstance(statement, Loop), f"{where}: goes through a table, which only loops can")
    _require(table is not None and table.typecode == "i", f"{where}: b{access.through} is no table of positions")
    assert table is not None
    positions = table.values()
    _require(min(positions) >= 0, f"{where}: b{access.through} holds negative positions")
    _require(not isinstance(size, int) or max(positions) < size, f"{where}: leaves b{access.buffer}")


def _check_rows(program: Program, statement: Interpret, where: str) -> None:
    """Every row has the number of a code, and places among the registers."""
    table = program.buffers[statement.table].table
    _require(table is not None and table.typecode == "i", f"{where}: b{statement.table} is no table of integers")
    assert table is not None
    words, width = table.values(), statement.width
    count = element_count(program.buffers[statement.registers].shape)
    _require(len(words) == (statement.count + 1) * width, f"{where}: has not {statement.count} rows of {width}")
    _require(all(0 <= k < len(statement.codes) for k in words[:-width:width]), f"{where}: a code is missing")
    _require(words[-width] == len(statement.codes), f"{where}: does not end")
    for column in range(1, width):
        _require(all(0 <= k < count for k in words[column::width]), f"{where}: a row leaves the registers")
    for code, arity in statement.codes:
        _require(_arity_fits(code, arity), f"{where}: {code_text(code)} has {arity} operands")


def _check_loop(loop: Loop, where: str, defined: set[int]) -> None:
    rank = len(loop.extents)
    for position, item in enumerate(loop.body):
        match item:
            case Load(access):
                _check_affine(access.at, rank, where)
            case Inside(at):
                _check_affine(at, rank, where)
            case Compute(code, operands):
                _require(all(0 <= k < position for k in operands), f"{where}: %{position} uses a later value")
                _require(_arity_fits(code, len(operands)), f"{where}: %{position} has {len(operands)} operands")
            case _:
                pass
    known = set(defined)
    for effect in loop.effects:
        _check_affine(effect.target.at, rank, where)
        gathered = isinstance(effect, Store) and effect.target.through is not None
        _require(not gathered, f"{where}: stores through a table, where two indices may meet")
        _require(0 <= effect.value < len(loop.body), f"{where}: an effect uses no value of the body")
        if isinstance(effect, Accumulate):
            _require(effect.combine in _REDUCTIONS, f"{where}: {effect.combine.value} is no reduction")
            _require(effect.target.buffer in known, f"{where}: accumulates into b{effect.target.buffer}, never set")
        known.add(effect.target.buffer)


def _arity_fits(code: Scalar, count: int) -> bool:
    match code:
        case Instruction.SELECT:
            return count == 3
        case Instruction():
            return count == (1 if code in _UNARY else 2)
        case IntegerPower():
            return count == 1
        case Libm() | Special():
            return count >= 1


def _check_rank(targets: Sequence[Access], rank: int, where: str) -> None:
    for access in targets:
        _check_affine(access.at, rank, where)


def _check_affine(at: Affine, rank: int, where: str) -> None:
    _require(len(at.strides) == rank, f"{where}: {len(at.strides)} strides for {rank} indices")


def _flat(statements: Sequence[Statement]) -> Iterator[Statement]:
    """Yield the statements, those of strips twice: what a strip leaves behind is there for the next."""
    for statement in statements:
        yield from (*statement.body, *statement.body) if isinstance(statement, Strip) else (statement,)


def _check_slots(program: Program) -> None:
    owner: dict[int, int] = {}
    for statement in _flat(program.statements):
        read, written = accesses(statement)
        for access in read:
            buffer = program.buffers[access.buffer]
            if buffer.kind is BufferKind.WORK:
                kept = owner.get(buffer.slot) == access.buffer
                _require(kept, f"b{access.buffer} is overwritten before its last use")
        targets = [statement.buffer] if isinstance(statement, Fill) else [access.buffer for access in written]
        for target in targets:
            if program.buffers[target].kind is BufferKind.WORK:
                owner[program.buffers[target].slot] = target
    counts: dict[int, object] = {}
    for buffer in program.buffers:
        if buffer.kind is BufferKind.WORK:
            count = counts.setdefault(buffer.slot, element_count(buffer.shape))
            _require(count == element_count(buffer.shape), f"slot {buffer.slot} holds buffers of different sizes")
