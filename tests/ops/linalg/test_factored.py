"""What is read from the packed factors beside NumPy, by the reference and on mpmath numbers."""

from __future__ import annotations

import numpy as np
import pytest

import symgrad as sg
from symgrad.backends.reference import evaluate_mp, evaluate_reference
from symgrad.core.expr import all_ops
from symgrad.lowering.factors import share_factors
from symgrad.ops.linalg.factored import READERS, factored, factored_inverse, factored_solve, factored_solve_transposed

RNG = np.random.default_rng(5)
TEXTS = [
    *("inv(A)", "inv(A.T)", "det(A)", "det(A.T)", "logdet(A)", "sign_det(A)"),
    *("solve(A, b)", "solve(A.T, b)", "solve(A, B)", "solve(A.T, B)"),
]
SHAPES = {"A": ("n", "n"), "b": ("n",), "B": ("n", "k")}


def given(expr, n):
    values = {"A": RNG.normal(size=(n, n)), "b": RNG.normal(size=n), "B": RNG.normal(size=(n, 2))}
    return {name: values[name] for name in expr.inputs}


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("n", [0, 1, 2, 5])
def test_reference(text, n):
    expr = sg.parse(text, shapes={name: SHAPES[name] for name in SHAPES if name in text})
    values = given(expr, n)
    found, expected = evaluate_reference([*share_factors([expr]), expr], values)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


@pytest.mark.parametrize("text", TEXTS)
def test_on_mpmath_numbers(text):
    expr = sg.parse(text, shapes={name: SHAPES[name] for name in SHAPES if name in text})
    found, expected = evaluate_mp([*share_factors([expr]), expr], given(expr, 3), digits=40)
    assert np.max(abs(found - expected)) < 1e-35 * (1 + np.max(abs(expected)))


def test_stacks():
    S, C = sg.tensor("S", "s", "n", "n"), sg.tensor("C", "s", "n", "k")
    exprs = [sg.inv(S), sg.logdet(S), sg.solve(S, C)]
    values = {"S": RNG.normal(size=(3, 4, 4)), "C": RNG.normal(size=(3, 4, 2))}
    results = evaluate_reference([*share_factors(exprs), *exprs], values)
    for found, expected in zip(results[:3], results[3:], strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-10)


def test_only_kernels_know_the_packed_ops():
    packed = {factored, factored_inverse, factored_solve, factored_solve_transposed}
    assert not packed & set(all_ops()) and set(READERS) <= set(all_ops())
