"""The kernel of a formula: when it compiles, and that it stays one for every shape."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.kernel import Program


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
