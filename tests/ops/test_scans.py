"""Running sums and products: against NumPy, at zeros, without elements."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import OperandError, ShapeError

X = np.array([[2.0, -1.0, 0.5], [3.0, 4.0, -2.0]])


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
@pytest.mark.parametrize(("axis", "text"), [(0, "axis=0"), (1, "axis=-1"), (None, "axis=None")])
def test_kernels_do_what_numpy_does(name, axis, text):
    found = sg.compile(f"{name}(X, {text})")(X=X)
    np.testing.assert_allclose(found, getattr(np, name)(X, axis=axis), rtol=1e-15)


@pytest.mark.parametrize("name", ["cumsum", "cumprod"])
def test_from_the_end(name):
    found = sg.compile(f"{name}(X.T, axis=0, reverse=True)")(X=X)
    np.testing.assert_allclose(found, getattr(np, name)(X.T[::-1], axis=0)[::-1], rtol=1e-15)


@pytest.mark.parametrize("x", [[2.0, 0.0, 3.0, 5.0], [0.0, 2.0, 0.0, 5.0], [0.0, 0.0, 0.0]])
def test_the_derivative_of_a_running_product_is_right_at_zeros(x):
    x = np.array(x)
    n = len(x)
    expected = [[np.prod(np.delete(x[: i + 1], j)) if j <= i else 0.0 for j in range(n)] for i in range(n)]
    np.testing.assert_array_equal(sg.compile(sg.jacobian("cumprod(x)", "x"))(x=x), expected)


def test_no_elements():
    kernel = sg.compile("sum(cumprod(x) + cumsum(x))")
    value, gradients = kernel.value_and_grad(x=np.zeros(0))
    assert value == 0 and gradients["x"].shape == (0,)


def test_the_recurrence():
    a, b = np.array([2.0, 3.0, -1.0]), np.array([1.0, 0.0, 5.0])
    forward = sg.compile("f(a[n], b[n]) = recurrence(a, b, initial=7)")(a=a, b=b)
    np.testing.assert_array_equal(forward, [7, 15, 45])
    np.testing.assert_array_equal(sg.compile("f(a[n], b[n]) = recurrence(a, b, reverse=True)")(a=a, b=b), [15, 5, 0])


@pytest.mark.parametrize("chosen", [{}, {"reverse": True}])
def test_broadcast_coefficients(chosen):
    """One coefficient for each row, read without a copy for each entry."""
    a, b = sg.matrix("a", "m", 1), sg.matrix("B", "m", "n")
    numbers = {"a": np.array([[2.0], [3.0]]), "B": X}
    wide = np.broadcast_to(numbers["a"], X.shape)
    one, other = sg.recurrence(a, b, axis=1, **chosen), sg.recurrence(sg.matrix("W", "m", "n"), b, axis=1, **chosen)
    np.testing.assert_array_equal(sg.compile(one)(**numbers), sg.compile(other)(W=wide, B=X))


def test_derivatives_are_running_sums():
    assert str(sg.grad("sum(cumsum(x)*y)", "x")) == "cumsum(y, reverse=True)"


def test_numpy_source():
    namespace = {}
    exec(sg.grad("sum(cumprod(X, axis=1)*cumsum(X, axis=0, reverse=True))", "X").python(), namespace)
    wanted = sg.compile("sum(cumprod(X, axis=1)*cumsum(X, axis=0, reverse=True))").value_and_grad(X=X)[1]["X"]
    np.testing.assert_allclose(namespace["f"](X), wanted, rtol=1e-14)


def test_what_is_refused():
    x, a = sg.vector("x", "n"), sg.matrix("A", "m", "n")
    with pytest.raises(OperandError, match="axis is an integer or None"):
        sg.cumsum(a, axis=(0, 1))
    with pytest.raises(OperandError, match="reverse is True or False"):
        sg.cumprod(x, reverse=1)
    with pytest.raises(OperandError, match="initial is an integer"):
        sg.recurrence(x, x, initial=0.5)
    with pytest.raises(ShapeError, match="needs an axis"):
        sg.recurrence(a, a)
