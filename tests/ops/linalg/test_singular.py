"""Singular values, the norms made of them, and the pseudoinverse."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.errors import ShapeError
from symgrad.verification import Verdict

RNG = np.random.default_rng(5)


def graded(condition):
    left, _, right = np.linalg.svd(RNG.normal(size=(8, 4)), full_matrices=False)
    return left * np.geomspace(1, 1 / condition, 4) @ right


@pytest.mark.parametrize("condition", [10.0, 1e6, 1e12])
def test_small_singular_values_are_as_right_as_large_ones(condition):
    a = graded(condition)
    np.testing.assert_allclose(sg.compile("svdvals(A)")(A=a), np.geomspace(1, 1 / condition, 4), atol=1e-15)
    np.testing.assert_allclose(sg.compile("nuclear_norm(A)")(A=a), np.linalg.norm(a, "nuc"), rtol=1e-14)


@pytest.mark.parametrize("condition", [10.0, 1e6])
def test_the_pseudoinverse_loses_no_more_than_the_condition(condition):
    a = graded(condition)
    np.testing.assert_allclose(sg.compile("pinv(A)")(A=a) @ a, np.eye(4), atol=1e-14 * condition)


def test_the_gradient_of_the_nuclear_norm_is_orthogonal():
    """It is the orthogonal factor of the polar decomposition, u @ v.T."""
    gradient = sg.compile(sg.grad("nuclear_norm(A)", "A"))(A=graded(100.0))
    np.testing.assert_allclose(gradient.T @ gradient, np.eye(4), atol=1e-13)


@pytest.mark.parametrize("shape", [(2, 3), (3, 2)])
def test_the_spectral_norm_of_any_matrix(shape):
    a = RNG.normal(size=shape)
    value, gradients = sg.compile("spectral_norm(A)").value_and_grad(A=a)
    left, values, right = np.linalg.svd(a)
    np.testing.assert_allclose(value, values[0])
    np.testing.assert_allclose(gradients["A"], np.outer(left[:, 0], right[0]), atol=1e-13)


def test_the_spectral_norm_at_zero():
    value, gradients = sg.compile("spectral_norm(A)").value_and_grad(A=np.zeros((3, 2)))
    assert value == 0 and not gradients["A"].any()


@pytest.mark.parametrize("name", ["svdvals", "nuclear_norm", "pinv", "svd"])
def test_wide_matrices_are_refused(name):
    with pytest.raises(ShapeError, match=f"{name} takes a matrix with at least as many rows as columns"):
        sg.compile(f"{name}(A)")(A=np.ones((2, 3)))


def test_what_is_not_finite_gives_nan():
    assert np.isnan(sg.compile("svdvals(A)")(A=np.full((3, 2), np.nan))).all()


@pytest.mark.parametrize("text", ["nuclear_norm(A)", "spectral_norm(A)", "norm(pinv(A))", "sum(log(svdvals(A)))"])
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS


@pytest.mark.parametrize("text", ["sum(eigvalsh(X)**2)", "sum(svdvals(X)**3)", "sum(pinv(X))"])
def test_numpy_source(text):
    namespace, x = {}, RNG.normal(size=(3, 3))
    gradient = sg.grad(text, "X")
    exec(gradient.python(), namespace)
    np.testing.assert_allclose(namespace["f"](x), sg.compile(gradient)(X=x), rtol=1e-9, atol=1e-9)
