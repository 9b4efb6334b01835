"""vec and the commutation matrix: against NumPy, and what Magnus & Neudecker (2019), chapter 3.7, say of them."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ShapeError

RNG = np.random.default_rng(8)
A, T = RNG.normal(size=(3, 2)), RNG.normal(size=(2, 3, 4))


def commutation(m: int, n: int) -> np.ndarray:
    return sg.compile("f(X[m,n]) = commutation(m, n) + 0*sum(X)")(X=np.zeros((m, n)))


def test_vec_stacks_columns():
    np.testing.assert_array_equal(sg.compile("f(A[m,n]) = vec(A)")(A=A), A.ravel(order="F"))
    np.testing.assert_array_equal(sg.compile("f(T[m,n,k]) = vec(T)")(T=T), T.ravel(order="F"))
    assert sg.vec(sg.vector("x", "n")) is sg.vector("x", "n")
    assert sg.vec(sg.scalar("t")).shape == (1,)


@pytest.mark.parametrize(("m", "n"), [(3, 2), (2, 3), (4, 4), (1, 5), (5, 1)])
def test_the_commutation_matrix_takes_vec_to_vec_of_the_transpose(m, n):
    x, k = RNG.normal(size=(m, n)), commutation(m, n)
    np.testing.assert_array_equal(k @ x.ravel(order="F"), x.T.ravel(order="F"))
    np.testing.assert_array_equal(k.T, commutation(n, m))
    np.testing.assert_array_equal(k @ k.T, np.eye(m * n))


def test_it_commutes_kronecker_products():
    """K_pm (A kron B) = (B kron A) K_qn for A of shape (m, n) and B of shape (p, q)."""
    b = RNG.normal(size=(4, 5))
    np.testing.assert_allclose(commutation(4, 3) @ np.kron(A, b), np.kron(b, A) @ commutation(5, 2))


def test_a_row_and_a_column_have_the_same_vec():
    assert sg.parse("commutation(1, n)") is sg.parse("eye(n)")
    assert sg.commutation(4, 1) is sg.eye(4)
    with pytest.raises(ShapeError, match="cannot be -1"):
        sg.commutation(-1, 2)


def test_gradients_through_vec():
    values = {"X": A, "a": RNG.normal(size=6)}
    _, slopes = sg.compile("f(X[m,n], a[m*n]) = sum(a*vec(X)**2)").value_and_grad(values)
    np.testing.assert_allclose(slopes["X"], 2 * values["a"].reshape(2, 3).T * A)
    assert sg.jacobian("f(X[m,n]) = vec(X)", "X", layout="vec").formula() == "eye(m*n)"
