"""Interpreted straight-line code gives what compiled code gives, to the last bit."""

from __future__ import annotations

import random
import sys
from dataclasses import replace

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program
from symgrad.core.expr import Expr
from symgrad.core.numeric import Table
from symgrad.diff.jacobian import jacobian
from symgrad.lowering import IllegalProgram, Program, check, lower, operation_count
from symgrad.lowering.kernel_ir import BufferKind, Interpret

MODULE = sys.modules["symgrad.lowering.lower"]  # the package has a function of this name


def programs(outputs: list[Expr], monkeypatch: pytest.MonkeyPatch) -> tuple[Program, Program]:
    """Return the same program compiled and interpreted."""
    inputs = list(outputs[0].inputs.values())
    compiled = lower(outputs, inputs)
    monkeypatch.setattr(MODULE, "LONGEST_COMPILED", 50)
    interpreted = lower(outputs, inputs)
    check(interpreted)
    assert any(isinstance(statement, Interpret) for statement in interpreted.statements)
    return compiled, interpreted


def gradients(seed: int) -> list[Expr]:
    f = random_formula(seed)
    return [f, *jacobian(f, [node for node in f.inputs.values() if not node.shape])]


def random_formula(seed: int) -> Expr:
    draw = random.Random(seed)
    s, x, v = sg.scalar("s"), sg.vector("x", 4), sg.vector("v", "n")
    pool: list[Expr] = [s, *(x[k] for k in range(4)), sg.sum(v), sg.mean(v)]
    for _ in range(120):
        a, b = draw.choice(pool[-20:]), draw.choice(pool)
        ways = (a + b, a - 2.5 * b, a * b, sg.sin(a) * b, a / (2 + b * b), sg.where(a > b, a, -b), (a * b) ** 3)
        pool.append(draw.choice(ways))
    return sg.tanh(pool[-1]) + sg.tanh(pool[-2]) + s * x[0]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("seed", range(3))
def test_interpreted_and_compiled_code_agree_to_the_bit(seed, dtype, monkeypatch):
    both = programs(gradients(seed), monkeypatch)
    given = {"s": np.array(0.7), "x": np.linspace(-1, 2, 4), "v": np.linspace(0, 1, 7)}
    names = [both[0].buffers[k].name for k in both[0].select(BufferKind.INPUT)]
    arrays = [given[name].astype(dtype) for name in names]
    found = [compile_program(program, dtype, cache=False)(arrays, {"n": 7}) for program in both]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("special", [np.nan, np.inf, -0.0])
def test_special_values_go_through(special, monkeypatch):
    both = programs(gradients(5), monkeypatch)
    given = {"s": np.array(special), "x": np.array([1.0, special, -2.0, 0.0]), "v": np.ones(3)}
    arrays = [given[both[0].buffers[k].name] for k in both[0].select(BufferKind.INPUT)]
    found = [compile_program(program, cache=False)(arrays, {"n": 3}) for program in both]
    for one, other in zip(*found, strict=True):
        np.testing.assert_array_equal(one, other)


def test_operations_are_counted_alike(monkeypatch):
    compiled, interpreted = programs(gradients(1), monkeypatch)
    assert operation_count(compiled, {"n": 5}) == operation_count(interpreted, {"n": 5})


def test_the_text_of_a_program_tells_tables_apart(monkeypatch):
    _, program = programs(gradients(1), monkeypatch)
    assert str(program) != str(with_words(program, 1, 2))


@pytest.mark.parametrize(
    ("place", "word", "message"),
    [(0, 99, "a code is missing"), (1, 10**6, "leaves the registers"), (2, -1, "leaves the registers")],
)
def test_a_table_that_leads_astray_is_illegal(place, word, message, monkeypatch):
    _, program = programs(gradients(1), monkeypatch)
    with pytest.raises(IllegalProgram, match=message):
        check(with_words(program, place, word))


def test_a_table_without_an_end_is_illegal(monkeypatch):
    _, program = programs(gradients(1), monkeypatch)
    (statement,) = [each for each in program.statements if isinstance(each, Interpret)]
    with pytest.raises(IllegalProgram, match="does not end"):
        check(with_words(program, statement.count * statement.width, 0))


def with_words(program: Program, place: int, word: int) -> Program:
    """Return the program with one number of the table of instructions changed."""
    (statement,) = [each for each in program.statements if isinstance(each, Interpret)]
    table = program.buffers[statement.table].table
    assert table is not None
    words = table.values()
    words[place] = word
    buffers = list(program.buffers)
    buffers[statement.table] = replace(buffers[statement.table], table=Table.of("i", words))
    return Program(tuple(buffers), program.statements, program.nonempty)
