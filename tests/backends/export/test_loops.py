"""Programs of the kernel IR as loops: how arrays are addressed, and what is refused."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

import symgrad as sg
from symgrad.backends.export.loops import LoopWriter
from symgrad.core.dims import named
from symgrad.core.expr import Expr, Input, lookup
from symgrad.core.numeric import Libm
from symgrad.errors import OperandError
from symgrad.lowering import Program, lower
from symgrad.lowering.kernel_ir import Compute, Loop
from symgrad.syntax.python_source import Scope

m, n, b = named("m"), named("n"), named("b")
X, x, S = Input("X", (m, n)), Input("x", (n,)), Input("S", (b, n, n))


def writer(program: Program, *inputs: Input) -> LoopWriter:
    return LoopWriter(program, Scope.of(inputs, inputs), ["out"])


def written(expr: Expr, *inputs: Input) -> str:
    return "\n".join(writer(lower([expr], list(inputs), tuned=False, factored=False), *inputs).write())


def test_a_loop_over_whole_axes_indexes_them() -> None:
    assert "out[i, j] = X[i, j] * x[j]" in written(X * x, X, x)


def test_what_runs_over_part_of_an_axis_goes_by_the_position_in_memory() -> None:
    text = written(X[1:, :] * x, X, x)
    assert text.startswith("X_flat = X.ravel()\n") and "out[i, j] = X_flat[n * i + j + n] * x[j]" in text


def test_products_read_transposes_and_matrices_of_a_stack_in_place() -> None:
    assert "out[:] = np.dot(X.T, X)" in written(X.T @ X, X)
    assert "out[i] = np.dot(S[i], S[i])" in written(S @ S, S)
    assert "out[i] = np.linalg.inv(S[i])" in written(sg.inv(S), S)


def test_sums_over_the_innermost_loop_run_in_a_variable() -> None:
    lines = written(sg.sum(lookup("exp")(X * x), axis=1), X, x).splitlines()
    assert "        total1 += np.exp(X[i, j] * x[j])" in lines and "    out[i] += total1" in lines


def test_a_function_that_numba_lacks_is_refused() -> None:
    program = lower([lookup("exp")(x)], [x])
    (loop,) = program.statements
    assert isinstance(loop, Loop)
    body = tuple(Compute(Libm("y0"), item.operands) if isinstance(item, Compute) else item for item in loop.body)
    with pytest.raises(OperandError, match="the C function y0 cannot be written"):
        writer(replace_statements(program, replace(loop, body=body)), x).write()


def test_a_statement_it_does_not_know_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    @dataclass(frozen=True)
    class Unknown:
        pass

    monkeypatch.setattr("symgrad.backends.export.loops.accesses", lambda _statement: ([], []))
    monkeypatch.setattr("symgrad.lowering.kernel_ir._statement_sizes", lambda _statements: iter(()))
    with pytest.raises(OperandError, match="a statement of the kind Unknown cannot be written"):
        writer(replace_statements(lower([x + 1], [x]), Unknown()), x).write()


def replace_statements(program: Program, *statements: object) -> Program:
    return Program(program.buffers, statements, program.nonempty)  # type: ignore[arg-type]
