"""Formulas at many points: the same as a loop over the points."""

from typing import Any, TypeAlias

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.options import DType

Shapes: TypeAlias = dict[str, tuple[int | str, ...]]
Values: TypeAlias = dict[str, np.ndarray]

POINTS = 5
CASES: list[tuple[str, Shapes]] = [
    ("a*sum(x**2)", {"a": (), "x": (3,)}),
    ("exp(-x**2)*a", {"a": (), "x": ()}),
    ("A @ x", {"A": ("m", "n"), "x": ("n",)}),
    ("A @ X[:, 0]", {"A": ("m", "n"), "X": ("n", "k")}),
    ("x @ A @ y", {"A": ("m", "n"), "x": ("m",), "y": ("n",)}),
    ("sum(cholesky(S @ S.T + eye(n))*S)", {"S": ("n", "n")}),
    ("sum(cumprod(x)*y)", {"x": ("n",), "y": ("n",)}),
    ("where(x > y, x*y, x - y)", {"x": ("n",), "y": ("n",)}),
    ("max(x) + min(y) + x[0]*y[1]", {"x": ("n",), "y": ("n",)}),
    ("logsumexp(x) + gammaln(y[0])", {"x": (5,), "y": (5,)}),
    ("tril(A) @ x", {"A": (5, 5), "x": (5,)}),
    ("tril(A) @ x", {"A": ("n", "n"), "x": ("n",)}),
    ("concatenate((x, 2*y))", {"x": ("n",), "y": ("n",)}),
    ("sum(X, axis=0)*y", {"X": ("m", "n"), "y": ("n",)}),
    ("trace(X @ Y)", {"X": ("m", "n"), "Y": ("n", "m")}),
    ("x @ solve(A, x)", {"A": (3, 3), "x": (3,)}),
    ("solve(A, B)", {"A": ("n", "n"), "B": ("n", "k")}),
    ("sum(inv(A)*B) + x @ inv(A) @ x", {"A": ("n", "n"), "x": ("n",), "B": ("n", "n")}),
    ("3*x[0] + y", {"x": (2,), "y": ()}),
    ("prod(x)*max(x)*min(x)", {"x": (4,)}),
]
SIZES = {"m": 4, "n": 3, "k": 2}


def mapped_sets(shapes: Shapes) -> list[set[str]]:
    """The last input alone, and all."""
    return [{list(shapes)[-1]}, set(shapes)][-len(shapes) :]


def draw(rng: np.random.Generator, shapes: Shapes, mapped: set[str]) -> Values:
    def shape(name: str) -> tuple[int, ...]:
        core = [SIZES[size] if isinstance(size, str) else size for size in shapes[name]]
        return (*([POINTS] if name in mapped else []), *core)

    return {name: rng.uniform(0.5, 1.5, shape(name)) for name in shapes}


def one_by_one(kernel: sg.Kernel, values: Values) -> tuple[Any, Values]:
    def at(k: int) -> Values:
        return {name: x[k] if x.ndim > kernel.inputs[name].ndim else x for name, x in values.items()}

    results = [kernel.value_and_grad(at(k)) for k in range(POINTS)]
    derivatives = {name: np.array([found[name] for _, found in results]) for name in results[0][1]}
    return np.array([value for value, _ in results]), derivatives


def check_one_by_one(text: str, shapes: Shapes, dtype: DType, tolerance: float) -> None:
    rng = np.random.default_rng(1)
    kernel = sg.compile(sg.parse(text, shapes=shapes), dtype=dtype)
    for mapped in mapped_sets(shapes):
        values = draw(rng, shapes, mapped)
        wanted, derivatives = one_by_one(kernel, values)
        found, found_derivatives = kernel.batch.value_and_grad(values)
        np.testing.assert_allclose(found, wanted, rtol=tolerance, atol=tolerance)
        for name, derivative in derivatives.items():
            assert found_derivatives[name].dtype == dtype
            np.testing.assert_allclose(found_derivatives[name], derivative, rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("text, shapes", CASES)
def test_the_same_as_a_loop_over_the_points(text: str, shapes: Shapes) -> None:
    check_one_by_one(text, shapes, "float64", 1e-11)


@pytest.mark.parametrize("text, shapes", [CASES[0], CASES[2], CASES[-1]])
def test_single_precision(text: str, shapes: Shapes) -> None:
    check_one_by_one(text, shapes, "float32", 2e-3)


@pytest.mark.parametrize("text, shapes", CASES)
def test_threads_give_the_same(text: str, shapes: Shapes) -> None:
    kernel = sg.compile(sg.parse(text, shapes=shapes))
    for mapped in mapped_sets(shapes):
        values = draw(np.random.default_rng(2), shapes, mapped)
        wanted, derivatives = kernel.batch.value_and_grad(values)
        found, found_derivatives = kernel.batch.value_and_grad(values, parallel=True)
        np.testing.assert_allclose(found, wanted, rtol=1e-13, atol=1e-13)
        for name, derivative in derivatives.items():
            np.testing.assert_allclose(found_derivatives[name], derivative, rtol=1e-12, atol=1e-13)


def test_many_points_in_many_blocks_and_threads() -> None:
    kernel = sg.compile(sg.parse("sum((A @ x)**2)", shapes={"A": ("n", "n"), "x": ("n",)}), wrt=["x"])
    rng = np.random.default_rng(3)
    A, x = rng.normal(size=(7, 7)), rng.normal(size=(20_011, 7))
    for parallel in (False, True):
        values, gradients = kernel.batch.value_and_grad(A=A, x=x, parallel=parallel)
        np.testing.assert_allclose(values, np.sum((x @ A.T) ** 2, axis=1), rtol=1e-12)
        np.testing.assert_allclose(gradients["x"], 2 * (x @ A.T) @ A, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("size", ["n", 3])
@pytest.mark.parametrize("parallel", [False, True])
def test_no_points(size: int | str, parallel: bool) -> None:
    kernel = sg.compile(sg.parse("a*sum(x)*x", shapes={"x": (size,), "a": ()}))
    values, gradients = kernel.batch.value_and_grad(x=np.empty((0, 3)), a=2, parallel=parallel)
    assert values.shape == (0, 3)
    assert gradients["x"].shape == (0, 3, 3)
    assert gradients["a"].shape == (0, 3)


def test_axes_in_front_broadcast() -> None:
    kernel = sg.compile(sg.parse("a*sum(x**2)", shapes={"x": (3,), "a": ()}))
    rng = np.random.default_rng(4)
    x, a = rng.normal(size=(4, 1, 3)), rng.normal(size=5)
    values, gradients = kernel.batch.value_and_grad(x=x, a=a)
    np.testing.assert_allclose(values, a * np.sum(x**2, axis=-1), rtol=1e-14)
    np.testing.assert_allclose(gradients["x"], 2 * a[:, None] * x, rtol=1e-14)
    np.testing.assert_allclose(gradients["a"], np.broadcast_to(np.sum(x**2, axis=-1), (4, 5)), rtol=1e-14)
    assert kernel.batch(x=x[:1], a=a).shape == (1, 5)
    assert kernel.batch(x=x[:1], a=a[:1]).shape == (1, 1)


def test_numbers_and_lists_of_any_dtype_are_converted() -> None:
    kernel = sg.compile(sg.parse("a*x", shapes={"x": (), "a": ()}))
    assert kernel.batch(a=2, x=[1, 2, 3]).tolist() == [2, 4, 6]
    assert kernel.batch(a=2, x=np.arange(6)[::2]).tolist() == [0, 4, 8]
    assert kernel.batch(a=2, x=3) == 6
    assert np.isscalar(kernel.batch(a=2, x=3))


def test_out_is_written_and_returned() -> None:
    kernel = sg.compile(sg.parse("sum(x)*x", shapes={"x": (2,)}))
    x = np.arange(6.0).reshape(3, 2)
    wanted, derivatives = kernel.batch.value_and_grad(x=x)
    out = {"value": np.empty((3, 2)), "x": np.empty((3, 2, 2))}
    values, gradients = kernel.batch.value_and_grad(x=x, out=out)
    assert values is out["value"]
    assert gradients["x"] is out["x"]
    np.testing.assert_array_equal(out["value"], wanted)
    np.testing.assert_array_equal(out["x"], derivatives["x"])
    only = {"x": np.empty((3, 2, 2))}
    kernel.batch.value_and_grad(x=x, out=only)
    np.testing.assert_array_equal(only["x"], derivatives["x"])


def test_out_may_be_an_input_or_have_strides() -> None:
    kernel = sg.compile(sg.parse("sum(x)*x", shapes={"x": (2,)}))
    x = np.arange(6.0).reshape(3, 2)
    wanted = kernel.batch(x=x)
    strided = np.zeros((3, 4))
    assert kernel.batch(x=x, out=strided[:, ::2]).base is strided
    np.testing.assert_array_equal(strided[:, ::2], wanted)
    assert not strided[:, 1::2].any()
    np.testing.assert_array_equal(kernel.batch(x=x, out=x), wanted)


def test_two_results_in_the_same_memory_do_not_meet_in_the_kernel() -> None:
    kernel = sg.compile(sg.parse("x*y", shapes={"x": (), "y": ()}))
    same = np.empty(3)
    kernel.batch.value_and_grad(x=[1, 2, 3], y=5, out={"x": same, "y": same})
    assert same.tolist() == [1, 2, 3]  # the last one written


def test_out_that_does_not_fit() -> None:
    kernel = sg.compile(sg.parse("sum(x)*x", shapes={"x": (2,)}))
    x = np.ones((3, 2))
    with pytest.raises(sg.ShapeError, match=r"out for the values has shape \(3,\), but \(3, 2\)"):
        kernel.batch(x=x, out=np.empty(3))
    with pytest.raises(sg.OperandError, match="float32"):
        kernel.batch(x=x, out=np.empty((3, 2), np.float32))
    with pytest.raises(sg.OperandError, match="list"):
        kernel.batch(x=x, out=[1, 2])
    with pytest.raises(sg.UnknownNameError, match="out names z"):
        kernel.batch.value_and_grad(x=x, out={"z": x})
    with pytest.raises(sg.ShapeError, match="derivatives by x"):
        kernel.batch.value_and_grad(x=x, out={"x": x})


def test_errors_name_the_input() -> None:
    kernel = sg.compile(sg.parse("A @ x", shapes={"A": ("m", "n"), "x": ("n",)}))
    with pytest.raises(sg.ShapeError, match=r"A has shape \(3,\)"):
        kernel.batch(A=np.ones(3), x=np.ones(3))
    with pytest.raises(sg.ShapeError, match="x has shape"):
        kernel.batch(A=np.ones((2, 3)), x=np.ones((5, 4)))
    with pytest.raises(sg.ShapeError, match=r"the axes of points of x are \(6,\).* A \(5,\)"):
        kernel.batch(A=np.ones((5, 2, 3)), x=np.ones((6, 3)))
    with pytest.raises(sg.UnknownNameError, match="y is not an input"):
        kernel.batch(A=np.ones((2, 3)), y=1)


def test_a_maximum_of_nothing_is_an_error_with_points_too() -> None:
    kernel = sg.compile(sg.parse("max(x)", shapes={"x": ("n",)}))
    with pytest.raises(sg.ShapeError, match="maximum"):
        kernel.batch(x=np.empty((3, 0)))


def test_what_is_assumed_holds_at_every_point() -> None:
    kernel = sg.compile(sg.assume(sg.parse("logdet(S)", shapes={"S": (2, 2)}), {"S": "spd"}))
    S = np.array([np.eye(2), 2 * np.eye(2)])
    np.testing.assert_allclose(kernel.batch(S=S), [0, 2 * np.log(2)], atol=1e-15)
    S[1, 0, 1] = 1
    with pytest.raises(sg.SymgradError, match=r"symmetric|spd"):
        kernel.batch(S=S)


def test_it_is_called_like_a_gufunc() -> None:
    f = sg.compile("f(A[m,n], x[n]) = A @ x").batch
    assert f.signature == "(m,n),(n)->(m)"
    rng = np.random.default_rng(5)
    A, x = rng.normal(size=(4, 1, 2, 3)), rng.normal(size=(5, 3))
    out = np.empty((4, 5, 2))
    assert f(A, x, out=out) is out
    np.testing.assert_allclose(out, (A @ x[..., None])[..., 0])
    np.testing.assert_array_equal(f({"A": A, "x": x}), out)
    np.testing.assert_array_equal(f(A, x, parallel=True), out)
    with pytest.raises(sg.OperandError, match=r"in order \(A, x\)"):
        f(A)


def test_inputs_called_like_the_options() -> None:
    kernel = sg.compile("f(out, parallel, value) = out*parallel + value")
    assert kernel.batch([1, 2], 3, 4).tolist() == [7, 10]
    values, gradients = kernel.batch.value_and_grad(
        {"out": [1, 2], "parallel": 3, "value": 4}, out={"value": np.ones(2)}
    )
    assert values.tolist() == [7, 10]
    assert gradients["value"].tolist() == [1, 1]
