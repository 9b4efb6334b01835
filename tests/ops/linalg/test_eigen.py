"""Eigenvalues and eigenvectors: conventions, and what happens where they are no functions."""

import numpy as np
import pytest

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


def test_eigenvectors_of_equal_eigenvalues_have_no_derivative():
    gradient = sg.compile(sg.grad("sum(eigenvectors(A)*B)", "A"))
    assert np.isnan(gradient(A=np.eye(3), B=A[:3, :3])).all()


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
