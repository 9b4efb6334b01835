"""Statements that differ in nothing but their buffers share one function."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.numba import compile_program, emission
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import Loop


def test_equal_loops_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    emitted: Counter[str] = Counter()
    emit_loop = emission.emit_loop

    def counted(scope: Any, loop: Loop, use: Any) -> None:
        emitted["loop"] += 1
        emit_loop(scope, loop, use)

    monkeypatch.setattr(emission, "emit_loop", counted)
    x = sg.vector("x", "n")
    steps = x
    for _ in range(600):
        steps = sg.sin(steps) * 1.5
    program = lower([steps], [x])
    loops = sum(isinstance(statement, Loop) for statement in program.statements)
    kernel = compile_program(program, "float64", cache=False)
    assert 0 < emitted["loop"] < loops / 3

    values = np.linspace(-1, 1, 7)
    expected = values
    for _ in range(600):
        expected = np.sin(expected) * 1.5
    np.testing.assert_allclose(kernel([values], {"n": 7})[0], expected, rtol=1e-9)


def test_a_size_named_like_a_buffer_is_no_buffer() -> None:
    x, y = sg.tensor("x", "b1", "b2"), sg.tensor("y", "b2", "b1")
    program = lower([sg.exp(x.T), sg.exp(y.T)], [x, y])
    values = np.arange(6.0).reshape(2, 3) / 6, np.arange(6.0).reshape(3, 2) / 7
    found = compile_program(program, "float64", cache=False)(list(values), {"b1": 2, "b2": 3})
    for result, value in zip(found, values, strict=True):
        np.testing.assert_allclose(result, np.exp(value.T), rtol=1e-14)
