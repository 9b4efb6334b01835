"""Determinants, their sign and their logarithm."""

import numpy as np
import pytest

import symgrad as sg
from symgrad.verification import Verdict

RNG = np.random.default_rng(11)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_sign_and_logarithm_agree_with_numpy(n, dtype):
    for a in (RNG.normal(size=(n, n)), -np.eye(n), np.eye(n)[::-1]):
        sign, size = (sg.compile(part, dtype=dtype)(A=a) for part in sg.slogdet(sg.matrix("A", "n", "n")))
        np.testing.assert_allclose([sign, size], np.linalg.slogdet(a), rtol=1e-4 if dtype == "float32" else 1e-10)


def test_the_determinant_from_its_parts():
    gradient = sg.grad("sign, logabs = slogdet(A); sign*exp(logabs)", "A")
    a = RNG.normal(size=(4, 4))
    np.testing.assert_allclose(sg.compile(gradient)(A=a), np.linalg.det(a) * np.linalg.inv(a).T, rtol=1e-10)


def test_the_sign_has_the_derivative_zero():
    assert sg.grad("sign_det(A)*sum(x)", "A").formula() == "zeros((n, n))"
    assert "sign_det(A)" in sg.grad("sign_det(A)*sum(x)", "x").formula()


def test_singular_matrices():
    a = np.array([[1.0, 2.0], [2.0, 4.0]])
    sign, size = (sg.compile(part)(A=a) for part in sg.slogdet(sg.matrix("A", "n", "n")))
    assert sign == 0 and size == -np.inf


def test_stacks():
    stack = RNG.normal(size=(6, 3, 3))
    sign, size = (sg.compile(part)(S=stack) for part in sg.slogdet(sg.tensor("S", "b", "n", "n")))
    np.testing.assert_allclose(sign, np.linalg.slogdet(stack)[0])
    np.testing.assert_allclose(size, np.linalg.slogdet(stack)[1], rtol=1e-10)


@pytest.mark.parametrize("text", ["det(A)", "logdet(A)", "sign, logabs = slogdet(A); sign*logabs**2"])
def test_verified(text):
    assert sg.verify(text).verdict is Verdict.PASS
