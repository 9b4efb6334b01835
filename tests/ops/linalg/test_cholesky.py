"""Cholesky factors and what is computed from them."""

import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.verification import Verdict

RNG = np.random.default_rng(8)
L, b, B = np.tril(RNG.normal(size=(5, 5))) + 3 * np.eye(5), RNG.normal(size=5), RNG.normal(size=(5, 3))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_kernels_agree_with_scipy(dtype):
    digits = 1e-12 if dtype == "float64" else 1e-4
    solved = sg.compile("cholesky_solve(L, b)", dtype=dtype)(L=L, b=b)
    columns = sg.compile("f(L[n, n], B[n, k]) = cholesky_solve(L, B)", dtype=dtype)(L=L, B=B)
    inverse = sg.compile("cholesky_inverse(L)", dtype=dtype)(L=L)
    np.testing.assert_allclose(solved, scipy.linalg.cho_solve((L, True), b), rtol=digits, atol=digits)
    np.testing.assert_allclose(columns, scipy.linalg.cho_solve((L, True), B), rtol=digits, atol=digits)
    np.testing.assert_allclose(inverse, np.linalg.inv(L @ L.T), rtol=digits, atol=digits)


@pytest.mark.parametrize("text", ["sum(cholesky_solve(L, b)**2)", "sum(cholesky_inverse(L)**2)"])
def test_what_is_above_the_diagonal_does_not_count(text):
    spoilt = L.copy()
    spoilt[np.triu_indices(5, 1)] = np.nan
    kernel, values = sg.compile(text), {"L": L, "b": b} if "b" in text.split("(")[-1] else {"L": L}
    value, gradients = kernel.value_and_grad({**values, "L": spoilt})
    wanted, slopes = kernel.value_and_grad(values)
    np.testing.assert_allclose(value, wanted)
    np.testing.assert_allclose(gradients["L"], slopes["L"])
    assert not np.triu(slopes["L"], 1).any()


@pytest.mark.parametrize(
    "text",
    [
        "b @ cholesky_solve(L, b)",
        "sum(cholesky_solve(L, B)**2)",
        "sum(cholesky_inverse(L)*W)",
        "sum(cholesky(A)*W)",
        "b @ cholesky_solve(cholesky(A), b)",
    ],
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


def test_stacks():
    stack = np.tril(RNG.normal(size=(2, 4, 4))) + 3 * np.eye(4)
    factor = sg.tensor("S", "b", "n", "n")
    products = stack @ np.swapaxes(stack, 1, 2)
    np.testing.assert_allclose(sg.compile(sg.cholesky_inverse(factor))(S=stack), np.linalg.inv(products), atol=1e-12)
    solved = sg.cholesky_solve(factor, sg.matrix("B", "n", "k"))
    np.testing.assert_allclose(sg.compile(solved)(S=stack, B=B[:4]), np.linalg.solve(products, B[:4]), atol=1e-12)
    for expr in (sg.sum(sg.cholesky_inverse(factor) ** 2), sg.sum(solved**2)):
        assert sg.verify(expr).verdict is Verdict.PASS


def test_the_inverse_for_a_factor_with_a_zero_on_its_diagonal():
    assert np.isnan(sg.compile("cholesky_inverse(L)")(L=np.tril(np.ones((3, 3)), -1))).all()


@pytest.mark.parametrize("n", [0, 1])
def test_small_sizes(n):
    np.testing.assert_allclose(sg.compile("cholesky_inverse(L)")(L=2 * np.eye(n)), np.eye(n) / 4)


def test_the_triangle_of_a_factor_is_the_factor():
    assert "tril(cholesky(A))" not in str(sg.grad("sum(cholesky_inverse(cholesky(A)))", "A"))
