"""Kernels in the user's own compiled code: `njit` functions and C function pointers."""

from __future__ import annotations

import ctypes
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit, prange
from numba.core.errors import TypingError
from scipy import LowLevelCallable
from scipy.integrate import quad

import symgrad as sg
from symgrad.ops.tables import constant_vector

X, w, y = np.arange(6.0).reshape(3, 2), np.array([0.5, -1.0]), np.array([1.0, -1.0, 2.0])
LOSS = "f(X[m,n], w[n], y[m], lam) = sum(softplus(-y*(X @ w))) + lam/2*sum(w**2)"


@pytest.fixture(scope="module")
def kernel() -> sg.Kernel:
    return sg.compile(LOSS, wrt=["w", "lam"])


def test_njit_functions_from_python_and_from_compiled_code(kernel: sg.Kernel) -> None:
    value, value_and_grad = kernel.njit.value, kernel.njit.value_and_grad

    @njit
    def descend(X, w, y, steps):  # type: ignore[no-untyped-def]
        for _ in range(steps):
            _, (slope, _) = value_and_grad(X, w, y, 0.1)
            w = w - 0.1 * slope
        return w, value(X, w, y, 1)

    expected, (slope, by_lam) = kernel.value_and_grad(X, w, y, 0.1)[0], kernel.value_and_grad(X, w, y, 0.1)[1].values()
    found = value_and_grad(X, w, y, 0.1)
    assert found[0] == expected == value(X=X, w=w, y=y, lam=0.1) and found[1][1] == by_lam
    np.testing.assert_array_equal(found[1][0], slope)
    by_hand = w
    for _ in range(5):
        by_hand = by_hand - 0.1 * kernel.value_and_grad(X, by_hand, y, 0.1)[1]["w"]
    there, last = descend(X, w, y, 5)
    np.testing.assert_allclose(there, by_hand, rtol=1e-14)
    assert last == kernel(X, by_hand, y, 1)


def test_the_two_halves(kernel: sg.Kernel) -> None:
    value, residuals = kernel.njit.forward(X, w, y, 0.1)
    slopes = kernel.njit.backward(residuals, 2.0)
    expected, gradients = kernel.value_and_grad(X, w, y, 0.1)
    assert value == expected
    np.testing.assert_allclose(slopes[0], 2 * gradients["w"], rtol=1e-13)
    assert slopes[1] == pytest.approx(2 * gradients["lam"])


def test_in_prange_with_work_memory_of_its_own() -> None:
    """The product needs more work memory than the stack has: threads must not share it."""
    kernel = sg.compile("f(A[n,n], x[n]) = exp(A @ A @ x) @ x")
    value_and_grad = kernel.njit.value_and_grad

    @njit(parallel=True)
    def every(A, points):  # type: ignore[no-untyped-def]
        values, slopes = np.empty(len(points)), np.empty_like(points)
        for k in prange(len(points)):
            values[k], (_, slope) = value_and_grad(A, points[k])
            slopes[k] = slope
        return values, slopes

    rng = np.random.default_rng(0)
    A, points = rng.normal(size=(60, 60)) / 60, rng.normal(size=(200, 60))
    values, slopes = every(A, points)
    for point, value, slope in zip(points, values, slopes, strict=True):
        expected, gradients = kernel.value_and_grad(A, point)
        assert value == expected
        np.testing.assert_array_equal(slope, gradients["x"])


def test_float32_and_array_values() -> None:
    kernel = sg.compile("f(x[n], c) = c*x", dtype="float32")
    value, (by_x, by_c) = kernel.njit.value_and_grad(np.array([1, 2], "float32"), 0.1)
    assert value.dtype == by_x.dtype == by_c.dtype == np.float32 and by_x.shape == (2, 2)
    np.testing.assert_array_equal(value, np.float32(0.1) * np.array([1, 2], "float32"))


def test_names_that_python_keeps_for_itself() -> None:
    assert sg.compile("f(lambda, x) = lambda*x").njit.value(2.0, 3.0) == 6.0


def test_what_compiled_code_refuses(kernel: sg.Kernel) -> None:
    with pytest.raises(ValueError, match="shapes of the arrays do not fit"):
        kernel.njit.value(X, y, y, 0.1)
    for wrong in ((X.T, w, y, 0.1), (X, w[::-1], y, 0.1), (X, w.astype("f4"), y, 0.1), (X, w, y, 1j), (X, w, y, w)):
        with pytest.raises(TypingError, match="must be"):
            kernel.njit.value(*wrong)
    short = sg.compile("f(x[n]) = x[2]").njit.value
    assert short(y) == 2.0
    with pytest.raises(ValueError, match="shapes"):
        short(w)
    assumed = sg.compile("f(S[n,n]: spd) = logdet(S)")
    for refused in (lambda: assumed.njit, assumed.address):
        with pytest.raises(sg.SymgradError, match="S is assumed spd"):
            refused()


USER_MODULE = """
import numpy as np, symgrad as sg
from numba import njit
value_and_grad = sg.compile({formula!r}).njit.value_and_grad

@njit(cache=True)
def twice(x):
    value, (slope,) = value_and_grad(x)
    return value + slope.sum()

print(twice(np.array([1.0, 2.0])))
"""


def test_a_cached_caller_never_finds_an_old_kernel(tmp_path: Path) -> None:
    """Numba does not cache what uses an address, and says so."""
    module, printed = tmp_path / "user.py", []
    for formula in ("f(x[n]) = sum(x**2)", "f(x[n]) = sum(x**2)", "f(x[n]) = sum(x**3)"):
        module.write_text(USER_MODULE.format(formula="f(x[n]) = sum(x**2)"))
        script = f"import symgrad as sg; old = sg.compile; sg.compile = lambda f: old({formula!r}); import user"
        done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
        printed.append(float(done.stdout))
        assert "Cannot cache compiled function" in done.stderr
    assert printed == [11.0, 11.0, 24.0]


def test_the_address_of_a_c_function(kernel: sg.Kernel) -> None:
    expected, gradients = kernel.value_and_grad(X, w, y, 0.1)
    function, slope = kernel.address(), np.empty(2)
    numbers, sizes = np.array([0.1, np.nan, np.nan]), np.array([3, 2])
    arrays = (X, w, y, slope, numbers)
    pointers = (ctypes.c_void_p * 6)(*(array.ctypes.data for array in arrays), None)
    assert function(pointers, sizes.ctypes.data) == 0
    np.testing.assert_array_equal(numbers, [0.1, expected, gradients["lam"]])
    np.testing.assert_array_equal(slope, gradients["w"])


@pytest.mark.parametrize("extra", ["", ", void *"])
def test_quad_integrates_a_kernel(extra: str) -> None:
    wave = sg.compile("f(x, a, b) = exp(-a*x)*cos(b*x)").address("value", f"double (int, double *{extra})")
    found, _ = quad(LowLevelCallable(wave), 0, np.inf, args=(1.0, 2.0))
    assert found == pytest.approx(1 / 5)
    bell = sg.compile("exp(-x**2)").address("value", f"double(double{extra})")
    assert quad(LowLevelCallable(bell), -np.inf, np.inf)[0] == pytest.approx(np.sqrt(np.pi))


def test_addresses_that_there_are_not(kernel: sg.Kernel) -> None:
    pair = sg.compile("x*y")
    for call, message in (
        (lambda: kernel.address("value", "double (double)"), "formula of numbers"),
        (lambda: pair.address("value", "double (double)"), "of one input, not of 2"),
        (lambda: pair.address("value", "float (float)"), "signature is one of"),
        (lambda: pair.address("value_and_grad", "double (double)"), "formula of numbers"),
        (lambda: pair.address("gradient"), "the parts are 'value', 'value_and_grad'"),
        (lambda: sg.compile("x", dtype="float32").address("value", "double (double)"), "float64"),
    ):
        with pytest.raises(sg.SymgradError) as caught:
            call()
        assert message in str(caught.value)
    assert np.isnan(pair.address("value", "double (int, double *)")(1, (ctypes.c_double * 1)(2.0)))


def is_called(function: Any, kernel_name: str = "numba.dynamic.globals") -> bool:
    """Say whether the compiled code of `function` loads the address of a kernel."""
    code = "\n".join(function.inspect_llvm().values())
    return any("load" in line and kernel_name in line for line in code.splitlines())


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_short_kernel_is_part_of_its_caller_and_a_loop_is_called(dtype: str) -> None:
    short = sg.compile("f(x, y) = exp(x)*sin(y)/x", wrt=["x"], dtype=dtype).njit.value_and_grad
    long = sg.compile("f(x[n]) = sum(sin(x))", wrt=["x"], dtype=dtype).njit.value_and_grad

    @njit
    def slope(x, y):
        _, (found,) = short(x, y)
        return found

    @njit
    def slopes(x):
        _, (found,) = long(x)
        return found

    expected = np.exp(1.5) * np.sin(0.5) * (1 / 1.5 - 1 / 1.5**2)
    np.testing.assert_allclose(slope(1.5, 0.5), expected, rtol=1e-6 if dtype == "float32" else 1e-14)
    np.testing.assert_allclose(slopes(np.ones(3, dtype)), np.cos(np.ones(3)), rtol=1e-6)
    assert not is_called(slope) and is_called(slopes)


def test_a_short_kernel_that_reads_a_table_is_called() -> None:
    v, c = sg.vector("v", 3), constant_vector([2.0, 5.0, 7.0])
    kernel = sg.compile(v[0] * c[1] + v[2] ** 2, wrt=[])
    assert "table" in kernel.ir("value")
    assert kernel.njit.value(np.array([3.0, 11.0, 4.0])) == 31.0


SHORT_USER_MODULE = """
import symgrad as sg, sys
from numba import njit
value = sg.compile(sys.argv[1]).njit.value

@njit(cache=True)
def twice(x):
    return 2 * value(x)

print(twice(2.0))
"""


def test_the_caller_of_a_short_kernel_is_not_cached_either(tmp_path: Path) -> None:
    script = tmp_path / "user.py"
    script.write_text(SHORT_USER_MODULE)
    for formula, expected in (("f(x) = x**2", 8.0), ("f(x) = x**3", 16.0)):
        done = subprocess.run([sys.executable, str(script), formula], capture_output=True, text=True, check=True)
        assert float(done.stdout) == expected and "Cannot cache compiled function" in done.stderr
