"""The loop that carries out a table of instructions."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir
from numba.core import cgutils

from symgrad.backends.numba.scalars import emit_scalar
from symgrad.backends.numba.scope import I32, I64, Scope
from symgrad.backends.numba.symbols import Symbol
from symgrad.lowering.kernel_ir import Interpret


def emit_interpreter(scope: Scope, statement: Interpret, use: Callable[[Symbol], None]) -> None:
    """Emit one case for each code. Each ends with a jump of its own to the next, which processors predict better."""
    b = scope.builder
    words = b.bitcast(scope.pointers(statement.table), I32.as_pointer())
    registers = scope.pointers(statement.registers)
    place = cgutils.alloca_once(b, words.type)
    b.store(words, place)
    cases = [b.append_basic_block("case") for _ in statement.codes]
    after = b.append_basic_block("after")

    def word(row: ir.Value, position: int) -> ir.Value:
        return b.load(b.gep(row, [ir.Constant(I64, position)], inbounds=True))

    def register(row: ir.Value, position: int) -> ir.Value:
        return b.gep(registers, [b.sext(word(row, position), I64)], inbounds=True)

    def jump() -> None:
        switch = b.switch(word(b.load(place), 0), after)
        for number, case in enumerate(cases):
            switch.add_case(ir.Constant(I32, number), case)

    jump()
    for case, (code, arity) in zip(cases, statement.codes, strict=True):
        b.position_at_end(case)
        row = b.load(place)
        value = emit_scalar(scope, code, [b.load(register(row, 2 + k)) for k in range(arity)], use)
        b.store(value, register(row, 1))
        b.store(b.gep(row, [ir.Constant(I64, statement.width)], inbounds=True), place)
        jump()
    b.position_at_end(after)
