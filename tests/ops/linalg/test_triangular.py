"""Triangular systems: one triangle counts, in the value and in the derivative."""

import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.errors import OperandError
from symgrad.verification import Verdict

RNG = np.random.default_rng(7)
L, b, B = RNG.normal(size=(5, 5)) + 3 * np.eye(5), RNG.normal(size=5), RNG.normal(size=(5, 3))


@pytest.mark.parametrize("lower", [True, False])
@pytest.mark.parametrize("right", [b, B], ids=["vector", "columns"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_kernel_agrees_with_scipy(lower, right, dtype):
    formula = f"f(L[n, n], b[{', '.join(['n', 'k'][: right.ndim])}]) = solve_triangular(L, b, lower={lower})"
    found = sg.compile(formula, dtype=dtype)(L=L, b=right)
    digits = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(found, scipy.linalg.solve_triangular(L, right, lower=lower), rtol=digits, atol=digits)


@pytest.mark.parametrize(("lower", "unread"), [(True, np.triu_indices(5, 1)), (False, np.tril_indices(5, -1))])
def test_the_other_triangle_does_not_count(lower, unread):
    spoilt = L.copy()
    spoilt[unread] = np.nan
    text = f"sum(solve_triangular(L, b, lower={lower})**2)"
    value, gradients = sg.compile(text).value_and_grad(L=spoilt, b=b)
    assert np.isfinite(value) and not gradients["L"][unread].any() and np.isfinite(gradients["L"]).all()


@pytest.mark.parametrize("text", ["b @ solve_triangular(L, b)", "sum(solve_triangular(L, B, lower=False)**2)"])
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


def test_stacks():
    stack, right = RNG.normal(size=(2, 4, 4)) + 3 * np.eye(4), RNG.normal(size=(4, 2))
    expr = sg.solve_triangular(sg.tensor("S", "b", "n", "n"), sg.matrix("B", "n", "k"))
    np.testing.assert_allclose(sg.compile(expr)(S=stack, B=right), np.linalg.solve(np.tril(stack), right), rtol=1e-12)
    assert sg.verify(sg.sum(expr**2)).verdict is Verdict.PASS


def test_a_jacobian_by_each_operand():
    slope = sg.compile(sg.jacobian("solve_triangular(L, b)", "b"))(L=L)
    np.testing.assert_allclose(slope, np.linalg.inv(np.tril(L)), atol=1e-12)
    assert sg.jacobian("solve_triangular(L, b)", "L").ndim == 3


@pytest.mark.parametrize("name", ["solve_triangular", "cholesky_solve"])
def test_a_zero_on_the_diagonal_gives_nan(name):
    assert np.isnan(sg.compile(f"{name}(L, b)")(L=np.tril(np.ones((3, 3)), -1), b=np.ones(3))).all()


@pytest.mark.parametrize("name", ["solve_triangular", "cholesky_solve"])
@pytest.mark.parametrize("n", [0, 1])
def test_small_sizes(name, n):
    found = sg.compile(f"{name}(L, b)")(L=2 * np.eye(n), b=np.ones(n))
    np.testing.assert_allclose(found, np.full(n, 0.5 if name == "solve_triangular" else 0.25))


def test_lower_is_a_flag():
    with pytest.raises(OperandError, match="lower is True or False"):
        sg.solve_triangular(sg.matrix("L", "n", "n"), sg.vector("b", "n"), lower=1)


def test_numpy_source():
    namespace, gradient = {}, sg.grad("sum(solve_triangular(L, b)**2)", "L")
    exec(gradient.python(), namespace)
    np.testing.assert_allclose(namespace["f"](L, b), sg.compile(gradient)(L=L, b=b), rtol=1e-9, atol=1e-12)
