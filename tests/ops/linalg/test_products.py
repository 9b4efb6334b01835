"""kron, cross, triu and matrix_power: against NumPy, and what they refuse."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import OperandError, ShapeError

RNG = np.random.default_rng(6)
A, B = RNG.normal(size=(3, 3)), RNG.normal(size=(2, 4))


def test_kron():
    np.testing.assert_allclose(sg.compile("kron(A, B)")(A=A, B=B), np.kron(A, B))
    slope = sg.compile(sg.jacobian("f(a[3], b[n]) = kron(a, b)", "a"))(b=B[0])
    np.testing.assert_allclose(slope, np.kron(np.eye(3), B[0]).T)


def test_kron_refuses_mixed_ranks():
    with pytest.raises(ShapeError, match="two matrices or two vectors"):
        sg.kron(sg.matrix("A", "m", "n"), sg.vector("x", "n"))


def test_cross():
    a, b = A[0], A[1]
    np.testing.assert_allclose(sg.compile("cross(a, b)")(a=a, b=b), np.cross(a, b))
    assert sg.parse("cross(a, b)").inputs["a"].shape == (3,)
    assert str(sg.grad("c @ cross(a, b)", "a")) == "cross(b, c)"


def test_cross_takes_three_entries():
    with pytest.raises(ShapeError, match="cross"):
        sg.cross(sg.vector("a", 2), sg.vector("b", 2))


def test_triu():
    np.testing.assert_array_equal(sg.compile("triu(B)")(B=B), np.triu(B))


@pytest.mark.parametrize("k", [-3, -1, 0, 1, 2, 7])
def test_matrix_power(k):
    found = sg.compile(f"matrix_power(A, {k}) + 0*A")(A=A)
    np.testing.assert_allclose(found, np.linalg.matrix_power(A, k), rtol=1e-9)


def test_large_powers_are_written_by_squaring():
    assert sg.compile("trace(matrix_power(A, 1024))")(A=np.eye(2)) == 2
    assert sg.parse("matrix_power(A, 3)").latex() == "A^{3}"


def test_the_exponent_is_an_integer():
    with pytest.raises(OperandError, match="exponent of matrix_power is an integer"):
        sg.matrix_power(sg.matrix("A", "n", "n"), 0.5)
