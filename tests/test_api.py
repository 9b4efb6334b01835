"""The library as its users see it: the verbs, what they take and what they say."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy

import symgrad as sg

LOSS = "sum((X @ w - y)**2)"
X = np.arange(6.0).reshape(3, 2)
w, y = np.array([1.0, 2.0]), np.ones(3)
VALUE, SLOPE = 219.0, [132.0, 174.0]


@pytest.fixture(scope="module")
def kernel() -> sg.Kernel:
    return sg.compile(LOSS, wrt=["w"])


# --- building and deriving -------------------------------------------------------------------------------------------


def test_every_public_name_is_there() -> None:
    assert len(set(sg.__all__)) == len(sg.__all__)
    for name in sg.__all__:
        assert getattr(sg, name).__doc__


def test_text_and_operators_build_the_same_node() -> None:
    nodes = sg.matrix("X", "m", "n"), sg.vector("w", "n"), sg.vector("y", "m")
    built = sg.sum((nodes[0] @ nodes[1] - nodes[2]) ** 2)
    assert sg.parse(LOSS) is built
    assert sg.parse(LOSS, shapes={"X": ("m", "n"), "w": ("n",), "y": ("m",)}) is built
    assert built.shape == () and list(built.inputs) == ["X", "w", "y"]
    assert built.inputs["X"] is nodes[0]


@pytest.mark.parametrize("formula", [LOSS, sg.parse(LOSS)])
def test_gradients_by_name_by_node_or_of_all_inputs(formula: Any) -> None:
    expected = "2*X.T @ (X @ w - y)"
    assert str(sg.grad(formula, "w")) == str(sg.grad(formula, sg.vector("w", "n"))) == expected
    assert list(sg.grad(formula)) == ["X", "w", "y"]
    assert {name: str(each) for name, each in sg.grad(formula, ["w"]).items()} == {"w": expected}
    value, gradient = sg.value_and_grad(formula, "w")
    assert value is sg.parse(LOSS) and str(gradient) == expected


def test_hessian_of_several_inputs_is_a_dict_of_dicts() -> None:
    found = sg.hessian("x*y**2")
    assert str(found["x"]["y"]) == str(found["y"]["x"]) == "2*y"
    assert str(found["y"]["y"]) == "2*x" and str(found["x"]["x"]) == "0"


def test_products_with_the_jacobian() -> None:
    x, v = sg.vector("x", "n"), sg.vector("v", "n")
    assert str(sg.jvp("A @ x", {"x": v})) == str(sg.jvp("A @ x", {x: v})) == "A @ v"
    assert str(sg.jvp("x*y", {"x": 1, "y": "x"})) == "y + x**2"
    assert str(sg.jvp("x_dot*x", "x")) == "x_dot*x_dot_"
    assert str(sg.vjp("A @ x", "x", sg.vector("u", "m"))) == "A.T @ u"
    assert set(sg.vjp("A @ x")) == {"A", "x"}


def test_sympy_goes_into_every_verb() -> None:
    s, u = sympy.symbols("s u")
    formula = sympy.sin(s) * u**2
    assert str(sg.grad(formula, "s")) == str(sg.grad(formula, s)) == str(sg.jacobian(formula, s)) == "u**2*cos(s)"
    assert str(sg.hessian(formula, s)) == "-u**2*sin(s)"
    assert set(sg.vjp(formula)) == {"s", "u"} and sg.jvp(formula, {s: 1}) is sg.grad(formula, "s")
    assert sg.compile(formula)(s=1.0, u=2.0) == pytest.approx(4 * np.sin(1.0))
    assert sg.verify(formula).passed
    assert sg.from_sympy(formula).to_sympy() == formula


def test_expressions_show_themselves() -> None:
    f = sg.parse("sqrt(x)/2")
    assert f._repr_latex_() == f"$\\displaystyle {f.latex()}$" and "sqrt" in f.latex()
    names: dict[str, Any] = {}
    exec(f.python(), names)
    assert names["f"](4.0) == 1.0
    assert repr(f) == "<Apply (): sqrt(x)/2>"


# --- calling kernels -------------------------------------------------------------------------------------------------


def read_only() -> np.ndarray:
    array = X.copy()
    array.flags.writeable = False
    return array


@pytest.mark.parametrize(
    "matrix",
    [X.tolist(), np.asfortranarray(X), read_only(), X.astype(int), X.astype("f4"), X.astype(">f8"), X[::-1][::-1]],
    ids=["list", "fortran", "read-only", "int", "float32", "big-endian", "strided"],
)
def test_arrays_of_every_kind(kernel: sg.Kernel, matrix: Any) -> None:
    value, gradients = kernel.value_and_grad(X=matrix, w=w, y=y)
    assert value == VALUE and kernel({"X": matrix, "w": w, "y": y}) == VALUE
    np.testing.assert_array_equal(gradients["w"], SLOPE)


def test_strides_and_booleans(kernel: sg.Kernel) -> None:
    wide = np.zeros((6, 4))
    wide[::2, ::2] = X
    assert kernel(X=wide[::2, ::2], w=np.array([2.0, 0.0, 1.0])[::-2], y=np.array([True] * 3)) == VALUE
    assert kernel({"X": X}, w=(1, 2), y=[1, 1, 1]) == VALUE


def test_results_have_the_kind_of_the_kernel() -> None:
    kernel = sg.compile(LOSS, wrt="w", dtype="float32")
    value, gradients = kernel.value_and_grad(X=X, w=w, y=y)
    assert value.dtype == gradients["w"].dtype == np.float32 and value == VALUE
    assert sg.compile("x", dtype=np.dtype("float32")).dtype == "float32"  # type: ignore[arg-type]


def test_results_are_the_callers_own(kernel: sg.Kernel) -> None:
    copied = sg.compile("f(x[n]) = x")
    x = np.ones(3)
    assert not np.shares_memory(copied(x=x), x)
    _, first = kernel.value_and_grad(X=X, w=w, y=y)
    _, second = kernel.value_and_grad(X=X * 0, w=w, y=y)
    np.testing.assert_array_equal(first["w"], SLOPE)
    assert not second["w"].any()


def test_the_two_halves(kernel: sg.Kernel) -> None:
    given = X.copy()
    value, residuals = kernel.forward(X=given, w=w, y=y)
    given[:] = 0
    assert value == VALUE
    np.testing.assert_array_equal(kernel.backward(residuals)["w"], SLOPE)
    np.testing.assert_array_equal(kernel.backward(residuals, 2)["w"], np.multiply(2, SLOPE))


def test_a_gradient_has_the_shape_of_output_and_input() -> None:
    kernel = sg.compile("A @ x", wrt=["A", "x"])
    value, found = kernel.value_and_grad(A=X, x=w)
    assert value.shape == (3,) and found["A"].shape == (3, 3, 2) and found["x"].shape == (3, 2)
    _, residuals = kernel.forward(A=X, x=w)
    pulled = kernel.backward(residuals, [1, 2, 3])
    np.testing.assert_allclose(pulled["x"], X.T @ [1, 2, 3])
    np.testing.assert_allclose(pulled["A"], np.outer([1, 2, 3], w))


def test_any_name_is_good_for_an_input() -> None:
    kernel = sg.compile("self*out + inputs + cotangent*residuals*output_bar*residual_0")
    given = {name: float(k + 1) for k, name in enumerate(kernel.inputs)}
    expected = 1 * 2 + 3 + 4 * 5 * 6 * 7
    value, gradients = kernel.value_and_grad(**given)
    again, residuals = kernel.forward(given)
    assert value == again == kernel(**given) == expected
    assert gradients["self"] == 2 and gradients["out"] == 1
    assert kernel.backward(residuals) == gradients


def test_no_elements_and_no_inputs() -> None:
    assert sg.compile("sum(x)")(x=[]) == 0
    assert sg.compile(3)() == 3
    value, gradients = sg.compile(LOSS).value_and_grad(X=np.ones((0, 2)), w=w, y=[])
    assert value == 0 and gradients["X"].shape == (0, 2) and not gradients["w"].any()


# --- what is said about mistakes -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "kind", "message"),
    [
        ({"X": X, "w": w}, "name", "no value was given for y"),
        ({"X": X, "w": w, "y": y, "z": 1}, "name", "z is not an input; the inputs are X, w, y"),
        ({"X": X, "w": y, "y": y}, "shape", "w has shape (3,), so n = 3, but X of shape (3, 2) has n = 2"),
        ({"X": X, "w": w, "y": 1.0}, "shape", "y has shape (), but the formula needs (m,)"),
        ({"X": [[1, 2], [3]], "w": w, "y": y}, "shape", "rows have different lengths"),
        ({"X": X, "w": w, "y": y + 1j}, "type", "y must hold real numbers, not complex128"),
        ({"X": X, "w": w, "y": ["a", "b", "c"]}, "type", "y must hold real numbers"),
        ({"X": X, "w": w, "y": None}, "type", "y must hold real numbers"),
        (X, "type", "in order (X, w, y), as keywords or as one mapping, not as ndarray"),
    ],
)
def test_wrong_inputs(kernel: sg.Kernel, given: Any, kind: str, message: str) -> None:
    for call in (kernel, kernel.value_and_grad, kernel.forward):
        with pytest.raises(sg.SymgradError) as caught:
            call(given)
        assert caught.value.kind == kind and message in str(caught.value)


def test_a_wrong_cotangent() -> None:
    kernel = sg.compile("A @ x", wrt="x")
    _, residuals = kernel.forward(A=X, x=w)
    with pytest.raises(sg.ShapeError, match=r"has shape \(2,\), so m = 2, but A of shape \(3, 2\) has m = 3"):
        kernel.backward(residuals, [1, 2])
    with pytest.raises(sg.OperandError, match="real numbers"):
        kernel.backward(residuals, "abc")


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: sg.grad(LOSS, "q"), "name", "q is not an input; the inputs are X, w, y"),
        (lambda: sg.grad(LOSS, sg.vector("w", "k")), "shape", "input w has shape (n,), not (k,)"),
        (lambda: sg.grad(LOSS, sg.sin(sg.vector("w", "n"))), "type", "by the name of an input"),
        (lambda: sg.grad(LOSS, 3), "type", "by the name of an input"),
        (lambda: sg.grad("A @ x"), "shape", "needs a scalar formula, this one has shape (m,)"),
        (lambda: sg.hessian("A @ x"), "shape", "needs a scalar formula"),
        (lambda: sg.jvp("A @ x", {"x": sg.vector("v", "k")}), "shape", "tangent of x has shape (k,), not (n,)"),
        (lambda: sg.vjp("A @ x", "x", sg.vector("u", "n")), "shape", "cotangent has shape (n,), the output (m,)"),
        (lambda: sg.compile("x", dtype="float16"), "value", "float64 or float32, not 'float16'"),
        (lambda: sg.compile("x", dtype=None), "value", "float64 or float32, not None"),
        (lambda: sg.parse(3), "type", "a formula is a str"),
        (lambda: sg.parse("x", shapes={"q": ("n",)}), "name", "shapes= gives q"),
        (lambda: sg.parse("x + y", shapes={"x": (3,), "y": (-3,)}), "shape", "negative size -3"),
        (lambda: sg.vector("v", -1), "shape", "a size is a number or a name, not -1"),
        (lambda: sg.vector("v", True), "shape", "not True"),
        (lambda: sg.vector("2v", "n"), "name", "cannot name an input"),
        (lambda: sg.matrix("X", "m", "n") + sg.vector("v", "k"), "shape", "(m, n) and (k,) do not broadcast"),
        (lambda: sg.compile("x[5]")(x=[1.0, 2.0]), "shape", "index 5 is outside"),
        (lambda: sg.compile("max(x)")(x=[]), "shape", "n = 0 elements"),
        (lambda: sg.compile("sum(ones(n))*x")(x=1), "shape", "n cannot be read off"),
        (lambda: sg.verify("x**2", at={"q": 1.0}), "name", "there is no input q"),
    ],
)  # fmt: skip
def test_mistakes(call: Any, kind: str, message: str) -> None:
    with pytest.raises(sg.SymgradError) as caught:
        call()
    assert caught.value.kind == kind and message in str(caught.value)


def test_an_error_in_a_text_shows_the_place() -> None:
    with pytest.raises(sg.ShapeError) as caught:
        sg.parse("1 + x @ y", shapes={"x": ("n",), "y": ("m",)})
    assert caught.value.span == sg.Span(4, 9)
    assert str(caught.value).splitlines()[-1].strip() == "^^^^^"


@pytest.mark.parametrize(
    "other", [None, [1, 2], "x", 1j, np.ones(2), np.array(2.0), pytest.param(object(), id="object")], ids=repr
)
def test_what_is_no_operand(other: Any) -> None:
    x = sg.scalar("x")
    for build in (lambda: x + other, lambda: other * x, lambda: sg.maximum(x, other)):
        with pytest.raises(sg.OperandError, match="cannot stand in an expression"):
            build()


def test_numbers_of_every_kind_are_operands() -> None:
    x = sg.scalar("x")
    for two in (2, np.int64(2), sympy.Integer(2)):
        assert x * two is x * 2
    for half in (0.5, np.float32(0.5), np.float64(0.5), Fraction(1, 2)):
        assert x * half is x * 0.5
    for number in (float("nan"), float("inf"), 10**400):
        with pytest.raises(sg.InvalidValueError, match="must be finite"):
            x + number


# --- verification ----------------------------------------------------------------------------------------------------


def test_verify_reports() -> None:
    report = sg.verify(LOSS, wrt=["w"], seed=0)
    assert report.passed and "PASS" in str(report)
    assert str(report) == str(sg.verify(LOSS, wrt="w", seed=0))
    assert sg.verify("x**2", at={"x": 2.0}).passed and sg.verify("sum(x)", sizes={"n": 7}).passed


@pytest.mark.parametrize("text", ["digamma(x)", "besseli(-1, x)", "clip(x*y, y, cos(y))", "x**2/0.3"])
def test_what_verification_once_refused(text: str) -> None:
    assert sg.verify(text).passed


def test_formula_is_the_text_without_the_signature() -> None:
    gradient = sg.grad("f(x[n]) = sum(exp(x))", "x")
    assert str(gradient) == "f(x[n]) = exp(x)"
    assert gradient.formula() == "exp(x)"


def test_a_size_that_the_formula_does_not_have_is_refused():
    with pytest.raises(sg.UnknownNameError, match="there is no size q; the formula has n"):
        sg.verify("f(x[n]) = sum(x)", sizes={"q": 3})
