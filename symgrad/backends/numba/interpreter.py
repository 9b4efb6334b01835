"""The loop that carries out a table of instructions."""

from __future__ import annotations

from collections.abc import Callable

from llvmlite import ir

from symgrad.backends.numba.scalars import emit_scalar
from symgrad.backends.numba.scope import I32, I64, Scope
from symgrad.backends.numba.symbols import Symbol
from symgrad.lowering.kernel_ir import Interpret


def emit_interpreter(scope: Scope, statement: Interpret, use: Callable[[Symbol], None]) -> None:
    """Emit a loop around a switch with one case for each code."""
    b = scope.builder
    words = b.bitcast(scope.pointers(statement.table), I32.as_pointer())
    registers = scope.pointers(statement.registers)
    with scope.loop(ir.Constant(I64, statement.count)) as index:
        first = b.gep(words, [b.mul(index, ir.Constant(I64, statement.width))], inbounds=True)

        def word(position: int) -> ir.Value:
            return b.load(b.gep(first, [ir.Constant(I64, position)], inbounds=True))

        def register(position: int) -> ir.Value:
            return b.gep(registers, [b.sext(word(position), I64)], inbounds=True)

        cases = [b.append_basic_block("case") for _ in statement.codes]
        after = b.append_basic_block("next")
        switch = b.switch(word(0), cases[0])
        for number, (case, (code, arity)) in enumerate(zip(cases, statement.codes, strict=True)):
            if number:
                switch.add_case(ir.Constant(I32, number), case)
            b.position_at_end(case)
            value = emit_scalar(scope, code, [b.load(register(2 + k)) for k in range(arity)], use)
            b.store(value, register(1))
            b.branch(after)
        b.position_at_end(after)
