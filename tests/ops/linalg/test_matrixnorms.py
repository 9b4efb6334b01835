"""Norms of matrices as linear maps."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.verification import Verdict

RNG = np.random.default_rng(5)


def test_the_gradient_of_the_nuclear_norm_is_orthogonal():
    """It is the orthogonal factor of the polar decomposition, u @ v.T."""
    gradient = sg.compile(sg.grad("nuclear_norm(A)", "A"))(A=RNG.normal(size=(8, 4)))
    np.testing.assert_allclose(gradient.T @ gradient, np.eye(4), atol=1e-13)


def test_the_nuclear_norm():
    a = RNG.normal(size=(5, 3))
    np.testing.assert_allclose(sg.compile("nuclear_norm(A)")(A=a), np.linalg.norm(a, "nuc"), rtol=1e-14)
    np.testing.assert_allclose(sg.compile("f(A[3, 5]) = nuclear_norm(A)")(A=a.T), np.linalg.norm(a, "nuc"), rtol=1e-14)


def test_the_nuclear_norm_of_equal_singular_values():
    """It has a derivative there, the orthogonal factor, since no singular value is 0."""
    a = np.linalg.qr(RNG.normal(size=(5, 3)))[0]
    gradient = sg.compile(sg.grad("nuclear_norm(A)", "A"))(A=3 * a)
    np.testing.assert_allclose(gradient, a, atol=1e-13)


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


def test_the_spectral_norm_of_equal_singular_values():
    """A subgradient: outer(u, v) for one pair of singular vectors."""
    value, gradients = sg.compile("spectral_norm(A)").value_and_grad(A=2 * np.eye(3))
    np.testing.assert_allclose(value, 2)
    np.testing.assert_allclose(np.linalg.svd(gradients["A"], compute_uv=False), [1, 0, 0], atol=1e-14)
    np.testing.assert_allclose(np.trace(gradients["A"]), 1)


@pytest.mark.parametrize(("name", "order"), [("operator_norm1", 1), ("operator_norm_inf", np.inf)])
def test_induced_norms(name, order):
    a = RNG.normal(size=(4, 3))
    np.testing.assert_allclose(sg.compile(f"{name}(A)")(A=a), np.linalg.norm(a, order))
    gradient = sg.compile(sg.grad(f"{name}(A)", "A"))(A=a)
    axis = 0 if order == 1 else 1
    largest = abs(a).sum(axis, keepdims=True) == np.linalg.norm(a, order)
    np.testing.assert_array_equal(gradient, np.sign(a) * largest)


@pytest.mark.parametrize(
    "text",
    ["nuclear_norm(A)", "spectral_norm(A)", "operator_norm1(A)", "operator_norm_inf(A)", "f(A[2,4]) = nuclear_norm(A)"],
)
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS
