"""The executable specification of the IR refuses each kind of illegal program."""

from dataclasses import replace

import pytest

from symgrad.core.dims import named
from symgrad.core.numeric import Instruction, Table
from symgrad.lowering.kernel_ir import (
    Access,
    Accumulate,
    Affine,
    Buffer,
    BufferKind,
    Compute,
    Fill,
    Load,
    Loop,
    Matmul,
    Program,
    Store,
)
from symgrad.lowering.validation import IllegalProgram, check

n, m = named("n"), named("m")
AT = Affine(0, (1,))
BUFFERS = (Buffer(BufferKind.INPUT, (n,), "v"), Buffer(BufferKind.OUTPUT, (n,)), Buffer(BufferKind.WORK, (n,)))
COPY = Loop((n,), (Load(Access(0, AT)),), (Store(Access(1, AT), 0),))


def test_a_legal_program_passes():
    check(Program(BUFFERS, (COPY,)))


ILLEGAL = {
    "never written": (),
    "writes the input": (replace(COPY, effects=(Store(Access(0, AT), 0),)),),
    "before it is written": (replace(COPY, body=(Load(Access(2, AT)),)),),
    "reads what it writes": (COPY, replace(COPY, body=(Load(Access(1, AT)),))),
    "strides for": (replace(COPY, effects=(Store(Access(1, Affine(0, (1, 1))), 0),)),),
    "uses a later value": (replace(COPY, body=(Compute(Instruction.NEG, (1,)), Load(Access(0, AT)))),),
    "has 1 operands": (replace(COPY, body=(Load(Access(0, AT)), Compute(Instruction.ADD, (0,)))),),
    "uses no value": (replace(COPY, effects=(Store(Access(1, AT), 7),)),),
    "never set": (replace(COPY, effects=(Accumulate(Access(1, AT), Instruction.ADD, 0),)),),
    "is no reduction": (Fill(1, 0.0), replace(COPY, effects=(Accumulate(Access(1, AT), Instruction.SUB, 0),))),
}


@pytest.mark.parametrize("message", ILLEGAL)
def test_each_broken_rule_is_named(message):
    with pytest.raises(IllegalProgram, match=message):
        check(Program(BUFFERS, ILLEGAL[message]))


def test_a_slot_in_use_is_not_given_away():
    to_first = replace(COPY, effects=(Store(Access(2, AT), 0),))
    to_second = replace(COPY, effects=(Store(Access(3, AT), 0),))
    back = replace(COPY, body=(Load(Access(2, AT)),))
    buffers = (*BUFFERS, Buffer(BufferKind.WORK, (n,)))
    with pytest.raises(IllegalProgram, match="overwritten"):
        check(Program(buffers, (to_first, to_second, back)))
    check(Program((*buffers[:3], replace(buffers[3], slot=1)), (to_first, to_second, back)))


def test_a_slot_has_one_size():
    buffers = (*BUFFERS, Buffer(BufferKind.WORK, (m,)))
    with pytest.raises(IllegalProgram, match="different sizes"):
        check(Program(buffers, (COPY,)))


POSITIONS = Buffer(BufferKind.TABLE, (3,), table=Table.of("i", [0, 4, 2]))
TAKE = Loop((3,), (Load(Access(0, AT, 2)),), (Store(Access(1, AT), 0),))
ADD = Accumulate(Access(1, AT, 2), Instruction.ADD, 0)


def through_table(statement, table=POSITIONS, size=5):
    buffers = (Buffer(BufferKind.INPUT, (size,), "v"), Buffer(BufferKind.OUTPUT, (size,)), table)
    return Program(buffers, (Fill(1, 0.0), statement))


def test_loops_take_and_add_through_tables():
    check(through_table(TAKE))
    check(through_table(TAKE, size=n))
    check(through_table(replace(TAKE, effects=(ADD,))))


ASTRAY = {
    "leaves b0": through_table(TAKE, size=4),
    "negative positions": through_table(TAKE, replace(POSITIONS, table=Table.of("i", [0, -1, 2]))),
    "no table of positions": through_table(TAKE, replace(POSITIONS, table=Table.of("d", [0, 1, 2]))),
    "writes the table": through_table(replace(TAKE, effects=(Store(Access(2, AT), 0),))),
    "stores through a table": through_table(replace(TAKE, effects=(Store(Access(1, AT, 2), 0),))),
    "only loops can": through_table(
        Matmul((), 1, 1, 1, *(Access(k, Affine(0, (1, 1)), 2 if k == 0 else None) for k in (0, 0, 1)))
    ),
}


@pytest.mark.parametrize("message", ASTRAY)
def test_each_broken_rule_of_tables_is_named(message):
    with pytest.raises(IllegalProgram, match=message):
        check(ASTRAY[message])
