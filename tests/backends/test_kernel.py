"""The kernel of a formula: when it compiles, and that it stays one for every shape."""

from __future__ import annotations

import subprocess
import sys
import tracemalloc
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.kernel import Program
from symgrad.backends.numba.workspace import STACK_BYTES
from symgrad.lowering import operation_count


@pytest.fixture
def compilations(monkeypatch: pytest.MonkeyPatch) -> list[Program]:
    """The programs that are compiled during a test."""
    done: list[Program] = []
    compile_now = Program.compile

    def watched(program: Program) -> object:
        done.append(program)
        return compile_now(program)

    monkeypatch.setattr(Program, "compile", watched)
    return done


def test_each_part_is_compiled_when_it_is_first_called(compilations: list[Program]) -> None:
    kernel = sg.compile("sum(x**2)*y", wrt="x")
    assert len(compilations) == 0
    kernel(x=[1.0, 2.0], y=3.0)
    assert len(compilations) == 1
    kernel.value_and_grad(x=[1.0, 2.0], y=3.0)
    assert len(compilations) == 2
    _, residuals = kernel.forward(x=[1.0, 2.0], y=3.0)
    assert len(compilations) == 3
    kernel.backward(residuals)
    assert len(compilations) == 4


def test_one_kernel_serves_every_shape(compilations: list[Program]) -> None:
    kernel = sg.compile("sum((X @ w)**2)", wrt="w")
    rng = np.random.default_rng(0)
    for m, n in [(3, 2), (1, 1), (0, 4), (4, 0), (70, 33)]:
        X, w = rng.normal(size=(m, n)), rng.normal(size=n)
        value, gradients = kernel.value_and_grad(X=X, w=w)
        assert value == pytest.approx(np.sum((X @ w) ** 2))
        np.testing.assert_allclose(gradients["w"], 2 * X.T @ (X @ w), rtol=1e-10, atol=1e-12)
    assert len(compilations) == 1


def test_residuals_belong_to_one_call() -> None:
    kernel = sg.compile("sum(exp(x))")
    residuals = [kernel.forward(x=np.full(n, float(n)))[1] for n in (1, 2, 3)]
    for n, kept in zip((1, 2, 3), residuals, strict=True):
        np.testing.assert_allclose(kernel.backward(kept)["x"], np.exp(np.full(n, float(n))))


def test_float32_stays_float32() -> None:
    kernel = sg.compile("A @ x + 0.1", dtype="float32")
    value, residuals = kernel.forward(A=np.eye(2), x=[1, 2])
    assert value.dtype == np.float32
    assert all(array.dtype == np.float32 for array in kernel.backward(residuals, [1, 1]).values())
    np.testing.assert_array_equal(value, np.float32([1, 2]) + np.float32(0.1))


def test_stability_reaches_the_kernel() -> None:
    kernel = sg.compile("sum(log(1 + exp(x)))")
    value, gradients = kernel.value_and_grad(x=[1000.0, -1000.0])
    assert value == 1000
    np.testing.assert_array_equal(gradients["x"], [1.0, 0.0])
    norm = sg.compile("sqrt(sum(x**2))")
    np.testing.assert_array_equal(norm.value_and_grad(x=[0.0, 0.0])[1]["x"], [0.0, 0.0])


def test_deriving_imports_no_numba() -> None:
    script = "import symgrad as sg, sys; k = sg.compile(sg.grad('sum(x**2)', 'x')); assert 'numba' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def test_it_shows_itself() -> None:
    assert repr(sg.compile("x**2")) == "<Kernel float64 of x**2>"


WORK = "f(A[n,n], x[n], c) = sum(exp(A @ A)*c) + sum((A @ x)**3)"


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("what", ["value", "value_and_grad"])
def test_peak_workspace_is_what_a_call_allocates(what: str, dtype: Any) -> None:
    """tracemalloc sees the block that the machine code takes: the work memory and 64 bytes in front of it."""
    kernel, n = sg.compile(WORK, dtype=dtype), 700
    A, x = np.full((n, n), 1e-3, dtype), np.ones(n, dtype)
    call, program = {"value": (kernel, kernel._value), "value_and_grad": (kernel.value_and_grad, kernel._fused())}[what]
    call(A[:2, :2], x[:2], 1.0)
    predicted = kernel.cost(what).at({"n": n}).workspace
    compiled = program.compiled()
    assert predicted == compiled.plan({"n": n}).work * A.itemsize > STACK_BYTES
    results = tuple(np.empty(shape, dtype) for shape in compiled.plan({"n": n}).shapes)
    tracemalloc.start()
    compiled.exact(A, x, 1.0, *([results] if results else []))
    allocated, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert predicted + 64 <= allocated < predicted + 64 + 4096


def test_work_memory_is_used_again() -> None:
    kernel, x = sg.compile("f(A[n,n], x[n]) = A @ A @ A @ x * sum(A @ A)"), np.ones(90)
    A = np.full((90, 90), 1e-3)
    tracemalloc.start()
    expected = kernel(A, x)
    first, _ = tracemalloc.get_traced_memory()
    for _ in range(20):
        np.testing.assert_array_equal(kernel(A, x), expected)
    last, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert kernel.cost("value").at({"n": 90}).workspace > STACK_BYTES and last - first < 50_000


def test_the_program_can_be_read() -> None:
    kernel = sg.compile("f(x[n], c) = c*sum(x**2)")
    assert "output value ()" in kernel.ir("value") and "output x (n,)" in kernel.ir() and "output c ()" in kernel.ir()
    assert "output value ()" in kernel.ir("forward") and "input output_bar ()" in kernel.ir("backward")
    for method in (kernel.ir, kernel.cost):
        with pytest.raises(sg.SymgradError, match="the parts are 'value', "):
            method("gradient")


@pytest.mark.parametrize(("m", "n"), [(20_000, 100), (50, 100), (3, 2)])
def test_the_cost_of_strips_is_known_at_any_size(m: int, n: int) -> None:
    kernel = sg.compile("f(X[m,n], w[n], y[m]) = sum(softplus(-y*(X @ w)))", wrt="w")
    sizes, program = {"m": m, "n": n}, kernel._fused()
    assert program.lowered().block is not None and "rows in a strip" in str(kernel.cost())
    assert kernel.cost().at(sizes).workspace == 8 * program.compiled().plan(sizes).work
    assert kernel.cost().at(sizes).flops == operation_count(program.lowered(), sizes) > 4 * m * n
