"""Ways to call a kernel: in order, by name, into given arrays, from several threads; what is refused, and how."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier
from typing import Any

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends import programs

x, A = np.array([1.0, 2.0, 3.0]), np.arange(6.0).reshape(2, 3)


@pytest.fixture(scope="module")
def kernel() -> sg.Kernel:
    return sg.compile("f(A[m,n], x[n], c) = c*sum(exp(A @ x/10))")


@pytest.fixture(scope="module")
def scalars() -> sg.Kernel:
    return sg.compile("f(x, y) = x/y")


def slopes(c: float) -> dict[str, np.ndarray]:
    e = np.exp(A @ x / 10)
    return {"A": c * np.outer(e, x) / 10, "x": c * A.T @ e / 10, "c": np.asarray(e.sum())}


def test_the_order_is_that_of_the_head(scalars: sg.Kernel) -> None:
    assert list(scalars.inputs) == ["x", "y"]
    assert scalars(1.0, 2.0) == scalars(y=2.0, x=1.0) == scalars({"x": 1, "y": 2}) == 0.5
    assert list(sg.compile("f(y, x) = x/y").inputs) == ["y", "x"]
    assert list(sg.compile("x/y").inputs) == ["x", "y"] == list(sg.compile(sg.parse("x/y")).inputs)


@pytest.mark.parametrize("repeat", [1, 2, 3])  # the first call compiles, the next may go the fast way
def test_the_fast_and_the_careful_way_agree(kernel: sg.Kernel, scalars: sg.Kernel, repeat: int) -> None:
    for given in ((A, x, 2.0), (A.tolist(), [1, 2, 3], 2), (np.asfortranarray(A), x[::1], np.float32(2))):
        value, gradients = kernel.value_and_grad(*given)
        assert type(value) is type(kernel(*given)) is type(gradients["c"]) is float
        assert value == kernel(*given) == kernel(A=given[0], x=given[1], c=given[2])
        for name, expected in slopes(2.0).items():
            np.testing.assert_allclose(gradients[name], expected, rtol=1e-14)
    for pair in ((3.0, 4.0), (3, 4), (np.float64(3), np.array(4)), (np.float32(3), True * 4)):
        assert scalars(*pair) == 0.75 and scalars.value_and_grad(*pair) == (0.75, {"x": 0.25, "y": -0.1875})


def test_numbers_of_float32_kernels_are_float32() -> None:
    kernel = sg.compile("f(x[n], c) = c*sum(x)", dtype="float32")
    for _ in range(2):
        value, gradients = kernel.value_and_grad(np.ones(2, "float32"), 0.1)
        assert type(value) is type(gradients["c"]) is type(kernel(np.ones(2, "float32"), 0.1)) is np.float32
        assert value == np.float32(0.1) * 2 and gradients["x"].dtype == np.float32


@pytest.mark.parametrize(
    ("given", "named", "message"),
    [
        ((A, x), {}, "inputs are given in order (A, x, c)"),
        ((A, x, 1.0, 2.0), {}, "inputs are given in order (A, x, c)"),
        ((A, x), {"c": 1.0}, "not mixed"),
        ((A, x, 1.0), {"c": 1.0}, "not mixed"),
        ((A, x, 1.0), {"z": 1.0}, "not mixed"),
        ((), {"A": A, "x": x, "z": 1.0}, "z is not an input"),
        ((A, x, "1.0"), {}, "c must hold real numbers"),
        ((A, x, 1j), {}, "c must hold real numbers"),
        ((A, A[0], x), {}, "c has shape (3,)"),
        ((A, x[:2], 1.0), {}, "x has shape (2,), so n = 2, but A of shape (2, 3) has n = 3"),
        ((A[0], x, 1.0), {}, "A has shape (3,)"),
        ((np.ones((2, 3, 1)), x, 1.0), {}, "A has shape (2, 3, 1)"),
    ],
)
def test_what_does_not_fit_is_refused_after_fast_calls_too(
    kernel: sg.Kernel, given: tuple[Any, ...], named: dict[str, Any], message: str
) -> None:
    for call in (kernel, kernel.value_and_grad):
        call(A, x, 1.0)
        with pytest.raises(sg.SymgradError) as caught:
            call(*given, **named)
        assert message in str(caught.value)


def test_requirements_on_sizes_are_checked_in_machine_code() -> None:
    kernel = sg.compile("f(x[n]) = x[2] + max(x[1:])")
    for _ in range(2):
        assert kernel(x) == 6.0
    for short in (x[:2], x[:1], x[:0]):
        with pytest.raises(sg.SymgradError):
            kernel(short)
        with pytest.raises((TypeError, ValueError)):
            kernel._value.direct(short)
    extremum = sg.compile("f(x[n]) = max(x)")
    assert extremum(x) == 3.0
    with pytest.raises(sg.SymgradError, match="n = 0"):
        extremum(x[:0])


def test_what_is_assumed_is_checked_at_every_call() -> None:
    kernel = sg.compile("f(S[n,n]: symmetric) = sum(S**2)")
    for _ in range(3):
        assert kernel(np.eye(2)) == 2.0
        with pytest.raises(sg.SymgradError, match="assumed symmetric"):
            kernel(np.array([[1.0, 2.0], [3.0, 4.0]]))


# --- out -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("repeat", [1, 2])
def test_results_go_into_given_arrays(kernel: sg.Kernel, repeat: int) -> None:
    out = {"A": np.full((2, 3), np.nan), "x": np.full(3, np.nan), "c": np.full((), np.nan)}
    for given in (out, {"x": out["x"]}, {}):
        value, gradients = kernel.value_and_grad(A, x, 2.0, out=given)
        assert value == kernel(A, x, 2.0) and all(gradients[name] is given[name] for name in given)
        for name, expected in slopes(2.0).items():
            np.testing.assert_allclose(gradients[name], expected, rtol=1e-14)
    plain = sg.compile("f(x[n]) = 2*x")
    result, jacobian = np.empty(3), np.empty((3, 3))
    for _ in range(2):
        assert plain(x, out=result) is result and plain(x=[1, 2, 3], out=result) is result
        np.testing.assert_array_equal(result, 2 * x)
        value, found = plain.value_and_grad(x, out={"value": result, "x": jacobian})
        assert value is result and found["x"] is jacobian
        np.testing.assert_array_equal(jacobian, 2 * np.eye(3))


def test_gradients_that_are_all_arrays_go_the_fast_way() -> None:
    kernel, out = sg.compile("f(x[n], y[n]) = sum(x*y)"), {"x": np.empty(3), "y": np.empty(3)}
    for _ in range(3):
        value, gradients = kernel.value_and_grad(x, 2 * x, out=out)
        assert value == 28.0 and gradients["x"] is out["x"]
        np.testing.assert_array_equal(out["y"], x)
    with pytest.raises(sg.SymgradError, match="out for x shares memory with an input"):
        kernel.value_and_grad(x, 2 * x, out={"x": x, "y": out["y"]})
    with pytest.raises(sg.SymgradError, match="out for y shares memory"):
        kernel.value_and_grad(x, 2 * x, out={"x": out["x"], "y": out["x"]})
    half = np.empty(4)
    with pytest.raises(sg.SymgradError, match="out for y shares memory"):
        kernel.value_and_grad(x, 2 * x, out={"x": half[:3], "y": half[1:]})
    assert x.tolist() == [1.0, 2.0, 3.0]


def read_only(shape: Any) -> np.ndarray:
    array = np.empty(shape)
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"A": np.empty((3, 2))}, "out for A has shape (3, 2), but the result (2, 3)"),
        ({"A": np.empty((2, 3), "float32")}, "must be an array of float64, not an array of float32"),
        ({"A": np.empty((2, 3), order="F")}, "writeable, aligned and C-contiguous"),
        ({"A": np.empty((2, 6))[:, ::2]}, "writeable, aligned and C-contiguous"),
        ({"A": read_only((2, 3))}, "writeable, aligned and C-contiguous"),
        ({"A": [[0.0] * 3] * 2}, "must be an array of float64, not list"),
        ({"B": np.empty((2, 3))}, "out names B, but the results are value, A, x, c"),
        ({"c": 1.0}, "must be an array of float64, not float"),
        (np.empty(3), "out maps names of results to arrays"),
    ],
)
def test_arrays_that_cannot_take_a_result(kernel: sg.Kernel, given: Any, message: str) -> None:
    for _ in range(2):
        with pytest.raises(sg.SymgradError) as caught:
            kernel.value_and_grad(A, x, 1.0, out=given)
        assert message in str(caught.value)


def test_an_input_may_be_called_out() -> None:
    kernel = sg.compile("f(out[n], value) = value*sum(out)")
    for _ in range(2):
        assert kernel(out=[1, 2], value=2.0) == kernel([1, 2], 2.0) == 6.0
        assert kernel.value_and_grad(out=[1, 2], value=2.0)[1]["value"] == 3.0
    slope = np.empty(2)
    assert kernel.value_and_grad([1, 2], 2.0, out={"out": slope})[1]["out"] is slope


# --- threads ---------------------------------------------------------------------------------------------------------


def test_the_first_call_from_several_threads_compiles_once(monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    compile_now = programs.Program.compile

    def watched(program: programs.Program) -> Any:
        compiled.append(program)
        return compile_now(program)

    monkeypatch.setattr(programs.Program, "compile", watched)
    kernel, start = sg.compile("f(x[n]) = sum(sin(x)**3)"), Barrier(4)

    def call(k: int) -> tuple[float, np.ndarray]:
        start.wait()
        value, gradients = kernel.value_and_grad(np.full(5, float(k)))
        return value, gradients["x"]

    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(call, range(4)))
    assert len(compiled) == 1
    for k, (value, slope) in enumerate(found):
        assert value == pytest.approx(5 * np.sin(k) ** 3)
        np.testing.assert_allclose(slope, 3 * np.sin(k) ** 2 * np.cos(k))


def test_threads_do_not_share_work_memory() -> None:
    """A product of matrices needs work memory, here more than fits on the stack."""
    kernel = sg.compile("f(A[n,n], x[n]) = sum(exp(A @ A @ x)**2)")
    rng = np.random.default_rng(0)
    cases = [(rng.normal(size=(n, n)) / n, rng.normal(size=n)) for n in (3, 70, 90, 130, 5, 64)] * 10
    expected = [kernel.value_and_grad(*case) for case in cases]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: kernel.value_and_grad(*case), cases))
    for (value, gradients), (wanted, slopes) in zip(found, expected, strict=True):
        assert value == wanted
        np.testing.assert_array_equal(gradients["A"], slopes["A"])
