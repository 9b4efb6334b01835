"""Eigenvalues and eigenvectors: conventions, and what happens where they are no functions."""

import numpy as np
import pytest
import scipy.linalg

import symgrad as sg
from symgrad.lowering import lower
from symgrad.lowering.kernel_ir import Call
from symgrad.verification import Verdict

RNG = np.random.default_rng(4)
A = RNG.normal(size=(5, 5))


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_the_kernel_agrees_with_numpy(dtype):
    values = sg.compile("eigvalsh(A)", dtype=dtype)(A=A)
    vectors = sg.compile("eigenvectors(A)", dtype=dtype)(A=A)
    digits = 1e-12 if dtype == "float64" else 1e-4
    np.testing.assert_allclose(values, np.linalg.eigvalsh((A + A.T) / 2), rtol=digits, atol=digits)
    np.testing.assert_allclose(vectors * values @ vectors.T, (A + A.T) / 2, atol=digits)


def test_one_routine_gives_values_and_vectors():
    gradient = sg.grad("sum(eigvalsh(A)**2)", "A")
    assert str(gradient) == "2*eigenvectors(A) @ diag(eigvalsh(A)) @ eigenvectors(A).T"
    calls = [s for s in lower([gradient], list(gradient.inputs.values())).statements if isinstance(s, Call)]
    assert [call.name for call in calls] == ["eigh"]


def test_symmetric_functions_are_right_where_eigenvalues_are_equal():
    gradient = sg.compile(sg.grad("sum(eigvalsh(A)**2)", "A"))
    np.testing.assert_allclose(gradient(A=3 * np.eye(4)), 6 * np.eye(4))


ROTATION = np.linalg.qr(A)[0]
REPEATED = {
    "the identity": np.eye(5),
    "a multiple, rotated": 3 * ROTATION @ ROTATION.T,
    "two of five": ROTATION @ np.diag([1.0, 2.0, 2.0, 3.0, 4.0]) @ ROTATION.T,
    "zeros": np.zeros((5, 5)),
}


@pytest.mark.parametrize("a", REPEATED.values(), ids=REPEATED)
def test_the_trace_of_the_exponential_is_right_where_eigenvalues_are_equal(a):
    gradient = sg.compile(sg.grad("sum(exp(eigvalsh(A)))", "A"))(A=a)
    np.testing.assert_allclose(gradient, scipy.linalg.expm(a), rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("a", REPEATED.values(), ids=REPEATED)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_eigenvectors_of_equal_eigenvalues_have_no_derivative(a, dtype):
    """Also where rounding tells the eigenvalues apart: the reciprocal of that difference would be noise."""
    gradient = sg.compile(sg.grad("sum(eigenvectors(A)*B)", "A"), dtype=dtype)
    assert np.isnan(gradient(A=a, B=A)).all()


@pytest.mark.parametrize("a", REPEATED.values(), ids=REPEATED)
def test_second_derivatives_at_equal_eigenvalues_are_nan_and_no_noise(a):
    hessian = sg.compile(sg.hessian("sum(exp(eigvalsh(A)))", "A"))(A=a)
    assert np.isnan(hessian).any() and not np.isinf(hessian).any()


def test_close_eigenvalues_still_have_a_derivative():
    gaps = sg.compile("reciprocal_gaps(w)")(w=np.array([1.0, 1.0 + 1e-12, 5.0]))
    np.testing.assert_allclose(gaps[0, 1], 1e12, rtol=1e-3)
    np.testing.assert_allclose(gaps[0, 2], 0.25)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_not_finite_gives_nan(bad):
    assert np.isnan(sg.compile("eigvalsh(A)")(A=np.full((3, 3), bad))).all()


def test_no_rows():
    assert sg.compile("eigvalsh(A)")(A=np.zeros((0, 0))).shape == (0,)


def test_stacks():
    stack = RNG.normal(size=(3, 4, 4))
    found = sg.compile(sg.eigvalsh(sg.tensor("S", "b", "n", "n")))(S=stack)
    np.testing.assert_allclose(found, np.linalg.eigvalsh((stack + np.swapaxes(stack, 1, 2)) / 2), atol=1e-12)


@pytest.mark.parametrize("text", ["sum(eigvalsh(A)**3)", "log(sum(exp(eigvalsh(X.T @ X))))", "sum(eigenvectors(A)*B)"])
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS
