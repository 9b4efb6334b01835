"""Derivatives of derivatives: repeated `jacobian` and `grad` against differences of the order below."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_reference
from symgrad.core.dims import evaluate
from symgrad.core.expr import Expr

SIZES = {"m": 2, "n": 3}
STEP = 1e-5
Values = dict[str, np.ndarray]


def value(expr: Expr, values: Values) -> np.ndarray:
    given = {name: values[name] for name in expr.inputs}
    return evaluate_reference([expr], given, sizes=SIZES)[0]


def values_of(f: Expr, name: str) -> Values:
    rng = np.random.default_rng(3)
    values = {node.name: rng.normal(size=[evaluate(s, SIZES) for s in node.shape]) for node in f.inputs.values()}
    if values[name].ndim == 2 and len(set(values[name].shape)) == 1:
        values[name] += 3 * np.eye(len(values[name]))  # far from singular
    return values


def difference(expr: Expr, values: Values, name: str) -> np.ndarray:
    """Return the central difference quotient by each entry, its axes behind those of the value."""
    x = values[name]
    slopes = []
    for place in np.ndindex(x.shape):
        shift = np.zeros(x.shape)
        shift[place] = STEP
        up, down = (value(expr, {**values, name: x + sign * shift}) for sign in (1, -1))
        slopes.append((up - down) / (2 * STEP))
    stacked = np.stack(slopes, axis=-1)
    return stacked.reshape(stacked.shape[:-1] + x.shape)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("sum(x**4)", "x"),
        ("x**5 + sin(x)", "x"),
        ("f(x[n]) = outer(x, x)", "x"),
        ("f(x[n]) = x*sum(x**2)", "x"),
        ("sum(exp(A @ x))", "x"),
        ("f(x[n], A[n,n]) = (x @ A @ x)**2", "x"),
        ("f(x[n]) = logsumexp(x)", "x"),
        ("f(x[n]) = norm(x)", "x"),
        ("softmax(x)", "x"),
        ("f(X[n,n]) = logdet(X)", "X"),
        ("f(X[n,n]) = inv(X)", "X"),
        ("f(X[n,n]) = X @ X @ X", "X"),
        ("f(X[m,n], w[n]) = tanh(X @ w)", "X"),
    ],
)
def test_third_derivatives_agree_with_differences_of_second_ones(text: str, name: str) -> None:
    f = sg.parse(text)
    values, wrt = values_of(f, name), f.inputs[name]
    below, rank = f, f.ndim
    for order in (1, 2, 3):
        above = sg.jacobian(below, wrt)
        rank += wrt.ndim
        assert above.ndim == rank
        wanted = difference(below, values, name)
        np.testing.assert_allclose(
            value(above, values), wanted, rtol=1e-6, atol=1e-7 * np.abs(wanted).max() + 1e-9, err_msg=f"order {order}"
        )
        below = above


def test_kernels_of_third_derivatives() -> None:
    for text in ("f(X[n,n]) = logdet(X)", "f(X[n,n], A[n,n]) = trace(A @ X @ X @ X)"):
        f = sg.parse(text)
        values = values_of(f, "X")
        third = sg.jacobian(sg.jacobian(sg.jacobian(f, "X"), "X"), "X")
        found = sg.compile(third)({name: values[name] for name in third.inputs})
        np.testing.assert_allclose(found, value(third, values), rtol=1e-12, atol=1e-13)


def test_repeated_gradients_of_a_number() -> None:
    slope = sg.parse("x**4")
    for form in ("4*x**3", "12*x**2", "24*x", "24", "0"):
        slope = sg.grad(slope, "x") if "x" in slope.inputs else sg.grad(slope, sg.scalar("x"))
        assert str(slope) == form


def test_a_derivative_of_a_linear_function_is_constant_and_the_next_is_zero() -> None:
    slope = sg.jacobian("f(x[n]) = outer(x, x)", "x")
    second = sg.jacobian(slope, "x")
    assert second.ndim == 4 and not second.inputs
    third = sg.jacobian(second, sg.vector("x", "n"))
    assert third.formula() == "zeros((n, n, n, n, n))"


def test_a_hessian_of_an_array_is_an_error_that_says_what_to_do() -> None:
    with pytest.raises(sg.ShapeError, match=r"a Hessian needs a scalar formula.*jacobian\(jacobian\(f, x\), x\)"):
        sg.hessian("f(x[n]) = outer(x, x)", "x")
